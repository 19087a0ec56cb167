import { describe, expect, it } from 'vitest';
import { parseCorefile } from '#corefile/parser.ts';
import { Faults } from '#corefile/tree.ts';
import { nameFromText, textFromName } from '#dns/name.ts';
import { setupPlugin } from '#plugin/testing.ts';
import definition from './index.ts';
import { type CacheOptions, readOptions } from './options.ts';

const read = (stanza: string): CacheOptions => {
  const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${stanza}\n}\n` });
  const directive = corefile.blocks[0]?.directives[0];
  if (directive === undefined) throw new Error('no directive');
  const faults = new Faults();
  const options = readOptions(directive, [nameFromText('example.net')], faults);
  expect(faults.list).toEqual([]);
  return options;
};

const faultsOf = (stanza: string): string[] =>
  setupPlugin(definition, stanza).faults.list.map(({ message, token }) => `${token?.text}: ${message}`);

const ARGUMENTS = 'Error during parsing: Wrong argument count or unexpected line ending after';

describe('readOptions', () => {
  it('knows the defaults', () => {
    expect(read('cache')).toEqual({
      zones: ['\x07example\x03net\0'],
      success: { capacity: 10_000, maxTtlMs: 3_600_000, minTtlMs: 5000, disabledZones: [] },
      denial: { capacity: 10_000, maxTtlMs: 1_800_000, minTtlMs: 5000, disabledZones: [] },
      prefetch: { amount: 0, gapMs: 60_000, percentage: 10 },
      stale: {
        upToMs: 0,
        isVerified: false,
        verifyTimeoutMs: 0,
        ttlSeconds: 0,
        recheckMs: 0,
        isPositivePreferred: false,
      },
      servfailMs: 5000,
      isTtlKept: false,
      memoryOctets: null,
    });
  });

  it.each([
    ['64Mi', 67_108_864],
    ['64MiB', 67_108_864],
    ['100M', 100_000_000],
    ['1Gi', 1_073_741_824],
    ['2000000', 2_000_000],
  ])('reads memory %s', (size, octets) => {
    expect(read(`cache {\n memory ${size}\n}`).memoryOctets).toBe(octets);
  });

  it('takes a number in front of the zones as the TTL of both stores', () => {
    const options = read('cache 30 Example.ORG 10.0.0.0/8 {\n denial 10 15 2\n}');
    expect(options.zones.map(textFromName)).toEqual(['example.org.', '10.in-addr.arpa.']);
    expect([options.success.maxTtlMs, options.denial.maxTtlMs, options.denial.minTtlMs]).toEqual([
      30_000, 15_000, 2000,
    ]);
    expect(read('cache aaa').zones.map(textFromName)).toEqual(['aaa.']);
    expect(read('cache 99999999999999999999').zones.map(textFromName)).toEqual(['99999999999999999999.']);
  });

  it('reads prefetch, servfail, disable and keepttl', () => {
    const options = read(
      'cache {\n prefetch 10 30s 25%\n servfail 1m\n disable denial example.com example.org\n disable success\n keepttl\n}',
    );
    expect(options.prefetch).toEqual({ amount: 10, gapMs: 30_000, percentage: 25 });
    expect(options.servfailMs).toBe(60_000);
    expect(options.denial.disabledZones.map(textFromName)).toEqual(['example.com.', 'example.org.']);
    expect(options.success.disabledZones.map(textFromName)).toEqual(['.']);
    expect(options.isTtlKept).toBe(true);
  });

  it('reads both modes of serve_stale, in any case', () => {
    expect(read('cache {\n serve_stale\n}').stale).toMatchObject({ upToMs: 3_600_000, isVerified: false });
    expect(read('cache {\n serve_stale 1h VERIFY 100ms 30s 5m\n}').stale).toMatchObject({
      isVerified: true,
      verifyTimeoutMs: 100,
      ttlSeconds: 30,
      recheckMs: 300_000,
    });
    expect(read('cache {\n serve_stale_policy PREFER_POSITIVE\n serve_stale 20m immediate 30s 30s\n}').stale).toEqual({
      upToMs: 1_200_000,
      isVerified: false,
      verifyTimeoutMs: 0,
      ttlSeconds: 30,
      recheckMs: 30_000,
      isPositivePreferred: true,
    });
  });
});

describe('faults', () => {
  it.each([
    ['cache 0', '0: cache TTL can not be zero or negative: 0'],
    ['cache -1 example.nl', '-1: cache TTL can not be zero or negative: -1'],
    ['cache {\n success\n}', `success: ${ARGUMENTS} 'success'`],
    ['cache {\n success 10 {\n }\n}', "success: Error during parsing: Unexpected token '{', expecting argument"],
    [
      'cache {\n success 99999999999999999999\n}',
      '99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range',
    ],
    ['cache {\n success aaa\n}', 'aaa: strconv.Atoi: parsing "aaa": invalid syntax'],
    ['cache {\n denial 10 0\n}', '0: cache TTL can not be zero or negative: 0'],
    ['cache {\n denial 10 10 -1\n}', '-1: cache min TTL can not be negative: -1'],
    ['cache {\n positive 15\n}', `positive: ${ARGUMENTS} 'positive'`],
    ['cache {\n prefetch\n}', `prefetch: ${ARGUMENTS} 'prefetch'`],
    ['cache {\n prefetch 1 1m 10% x\n}', `x: ${ARGUMENTS} 'x'`],
    ['cache {\n prefetch -1\n}', '-1: prefetch amount should be positive: -1'],
    ['cache {\n prefetch 0 blurp\n}', 'blurp: time: invalid duration "blurp"'],
    ['cache {\n prefetch 1 1m 10\n}', "10: last character of percentage should be `%`, but is: '0'"],
    ['cache {\n prefetch 1 1m 5%\n}', '5%: percentage should fall in range [10, 90]: 5'],
    ['cache {\n prefetch 1 1m x%\n}', 'x: strconv.Atoi: parsing "x": invalid syntax'],
    ['cache {\n serve_stale 20\n}', '20: time: missing unit in duration "20"'],
    ['cache {\n serve_stale 20x\n}', '20x: time: unknown unit "x" in duration "20x"'],
    ['cache {\n serve_stale -20m\n}', '-20m: invalid negative duration for serve_stale'],
    ['cache {\n serve_stale 1m nono\n}', 'nono: invalid value for serve_stale refresh mode: nono'],
    [
      'cache {\n serve_stale 1h immediate 100ms\n}',
      '100ms: serve_stale response TTL must be a whole number of seconds',
    ],
    [
      'cache {\n serve_stale 1h immediate 4294967296s\n}',
      '4294967296s: serve_stale response TTL exceeds the DNS TTL range',
    ],
    ['cache {\n serve_stale 1h immediate -1s\n}', '-1s: invalid negative response TTL for serve_stale'],
    ['cache {\n serve_stale 1h immediate x\n}', 'x: invalid serve_stale response TTL: time: invalid duration "x"'],
    ['cache {\n serve_stale 1h immediate 1s 1s 1s\n}', `1s: ${ARGUMENTS} '1s'`],
    ['cache {\n serve_stale 1h verify -1ms\n}', '-1ms: invalid negative timeout for serve_stale verify'],
    ['cache {\n serve_stale 1h verify x\n}', 'x: invalid serve_stale verify timeout: time: invalid duration "x"'],
    ['cache {\n serve_stale 1h verify 0 0 -1s\n}', '-1s: invalid negative failure recheck for serve_stale'],
    ['cache {\n serve_stale 1h verify 0 0 5m1s\n}', '5m1s: serve_stale failure recheck cannot exceed 5 minutes'],
    ['cache {\n serve_stale 1h verify 0 0 x\n}', 'x: invalid serve_stale failure recheck: time: invalid duration "x"'],
    ['cache {\n serve_stale 1h verify 0 0 0 0\n}', `0: ${ARGUMENTS} '0'`],
    ['cache {\n serve_stale_policy prefer_positive\n}', 'serve_stale_policy: serve_stale_policy requires serve_stale'],
    ['cache {\n serve_stale\n serve_stale_policy invalid\n}', 'invalid: invalid serve_stale_policy: invalid'],
    ['cache {\n serve_stale\n serve_stale_policy\n}', `serve_stale_policy: ${ARGUMENTS} 'serve_stale_policy'`],
    ['cache {\n servfail\n}', `servfail: ${ARGUMENTS} 'servfail'`],
    ['cache {\n servfail -1s\n}', '-1s: invalid negative ttl for servfail'],
    ['cache {\n servfail 6m\n}', '6m: caching SERVFAIL responses over 5 minutes is not permitted'],
    ['cache {\n disable\n}', `disable: ${ARGUMENTS} 'disable'`],
    ['cache {\n disable invalid example.com\n}', 'invalid: cache type for disable must be "success" or "denial"'],
    ['cache {\n keepttl arg1\n}', `arg1: ${ARGUMENTS} 'arg1'`],
    ['cache {\n memory\n}', `memory: ${ARGUMENTS} 'memory'`],
    ['cache {\n memory 64Mi 1\n}', `1: ${ARGUMENTS} '1'`],
    ['cache {\n memory lots\n}', 'lots: invalid memory: lots'],
    ['cache {\n memory 64Ti\n}', '64Ti: invalid memory: 64Ti'],
    ['cache {\n memory 64\n}', '64: memory must be 1Mi at least: 64'],
    ['cache\ncache', 'cache: this plugin can only be used once per Server Block'],
  ])('of `%s`', (stanza, fault) => {
    expect(faultsOf(stanza)).toEqual([fault]);
  });

  it('are all reported together', () => {
    expect(faultsOf('cache 0 {\n success x\n keepttl y\n bogus\n}')).toHaveLength(4);
  });

  it('do not keep two policies, or a policy alone, from being noticed', () => {
    const twice = 'cache {\n serve_stale\n serve_stale_policy prefer_positive\n serve_stale_policy prefer_positive\n}';
    expect(faultsOf(twice)).toEqual(['serve_stale_policy: serve_stale_policy can only be specified once']);
  });
});
