import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { nameFromText } from '#dns/name.ts';
import { durationText } from './go-values.ts';
import { readStanza } from './testing.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const fileWith = (text: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'forward-'));
  folders.push(folder);
  writeFileSync(join(folder, 'resolv.conf'), text);
  return join(folder, 'resolv.conf');
};

const faultsOf = (stanza: string): string[] => readStanza(stanza).faults;
const withOption = (line: string): string => `forward . 192.0.2.1 {\n${line}\n}`;

describe('the directive', () => {
  it('has CoreDNS defaults', () => {
    const { options, faults } = readStanza('forward . 192.0.2.1');
    expect(faults).toEqual([]);
    expect(options[0]).toMatchObject({
      from: '\0',
      targets: [{ host: '192.0.2.1', port: 53, isTls: false, serverName: '' }],
      expireMs: 10_000,
      maxAgeMs: 0,
      maxIdleConnections: 0,
      readTimeoutMs: 2000,
      maxFails: 2,
      maxConnectAttempts: null,
      healthCheckMs: 500,
      maxConcurrent: 0,
      policy: 'random',
    });
  });

  it('takes every option once', () => {
    const { options, faults } =
      readStanza(`forward example.org 192.0.2.1 [2001:db8::1]:5353 dns://192.0.2.2 tls://192.0.2.3%dns.example:8853 {
      except a.example.org 10.0.0.0/8
      force_tcp
      prefer_udp
      udp_fallback
      timeout 1900ms
      expire 20s
      max_age 1m30s
      max_idle_conns 7
      read_timeout 1.5s
      max_fails 4
      max_connect_attempts 0
      health_check 2s no_rec domain example.net
      max_concurrent 1000
      tls
      policy sequential
      next NXDOMAIN servfail
      next_on_nodata
      failover REFUSED NOTIMPL
      failfast_all_unhealthy_upstreams
      doh_method GET
      resolver 192.0.2.53 [2001:db8::53]:53
      source_address 2001:db8:0:0::9
    }`);
    expect(faults).toEqual([]);
    expect(options[0]).toMatchObject({
      from: nameFromText('example.org.'),
      targets: [
        { host: '192.0.2.1', port: 53 },
        { host: '2001:db8::1', port: 5353 },
        { host: '192.0.2.2', port: 53 },
        { host: '192.0.2.3', port: 8853, isTls: true, serverName: 'dns.example' },
      ],
      except: [nameFromText('a.example.org.'), nameFromText('10.in-addr.arpa.')],
      isTcpForced: true,
      isUdpPreferred: true,
      isUdpFallback: true,
      timeoutMs: 1900,
      expireMs: 20_000,
      maxAgeMs: 90_000,
      maxIdleConnections: 7,
      readTimeoutMs: 1500,
      maxFails: 4,
      maxConnectAttempts: 0,
      healthCheckMs: 2000,
      isHealthCheckRecursive: false,
      healthCheckDomain: nameFromText('example.net.'),
      maxConcurrent: 1000,
      policy: 'sequential',
      next: [3, 2],
      isNextOnNodata: true,
      failover: [5, 4],
      isFailfast: true,
      resolvers: ['192.0.2.53', '[2001:db8::53]:53'],
      sourceAddress: '2001:db8::9',
    });
  });

  it('takes several options on one line, as CoreDNS does', () => {
    const { options, faults } = readStanza('forward . 192.0.2.1 { max_fails 3 policy sequential force_tcp }');
    expect(faults).toEqual([]);
    expect(options[0]).toMatchObject({ maxFails: 3, isTcpForced: true, policy: 'sequential' });
  });

  it('takes the nameservers of a resolv.conf, without zones, each upstream once', () => {
    const file = fileWith('nameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver 192.0.2.1\n');
    const { options, faults } = readStanza(`forward . ${file} 192.0.2.1:53 dns://192.0.2.1`);
    expect(faults).toEqual([]);
    expect(options[0]?.targets.map(({ host }) => host)).toEqual(['192.0.2.1', 'fe80::1']);
  });

  it('keeps the zone of a link-local address', () => {
    expect(readStanza('forward . fe80::1%lo').options[0]?.targets[0]?.host).toBe('fe80::1%lo');
  });

  it('uses only the first zone of a prefix that makes several, and warns', () => {
    const { options, warnings } = readStanza('forward 10.9.3.0/18 192.0.2.1');
    expect(options[0]?.from).toBe(nameFromText('0.9.10.in-addr.arpa.'));
    expect(warnings[0]).toBe(
      "Unsupported CIDR notation: '10.9.3.0/18' expands to multiple zones. Using only '0.9.10.in-addr.arpa.'.",
    );
  });

  it('refuses a resolv.conf that is missing, or has no nameserver; with -manifests a missing one is a warning', () => {
    expect(faultsOf('forward . /nonexistent/resolv.conf')).toEqual([
      'failed to resolve "/nonexistent/resolv.conf": lookup /nonexistent/resolv.conf: no such host',
    ]);
    expect(faultsOf(`forward . ${fileWith('# nothing\n')}`)).toEqual(['no valid upstream addresses found']);
    const lenient = readStanza('forward . /nonexistent/resolv.conf', true);
    expect([lenient.faults, lenient.warnings.length]).toEqual([[], 1]);
  });

  it('refuses more than 15 TOs', () => {
    const many = Array.from({ length: 16 }, (_, i) => `192.0.2.${i}`).join(' ');
    expect(faultsOf(`forward . ${many}`)).toEqual(['more than 15 TOs configured: 16']);
  });

  it.each([
    ['forward', "Error during parsing: Wrong argument count or unexpected line ending after 'forward'"],
    ['forward .', "Error during parsing: Wrong argument count or unexpected line ending after '.'"],
    [
      'forward . https://192.0.2.1',
      "'https' is not supported as a destination protocol in forward: https://192.0.2.1:443",
    ],
    [
      'forward . https://dns.example',
      "'https' is not supported as a destination protocol in forward: https://dns.example",
    ],
    [
      'forward . grpc://192.0.2.1',
      "'grpc' is not supported as a destination protocol in forward: grpc://192.0.2.1:443",
    ],
    ['forward . tls://', 'invalid address: "tls://"'],
    ['forward . 192.0.2.1:99999', 'invalid address: "192.0.2.1:99999"'],
    ['forward . a..b', 'not an IP address, file, or valid domain: "a..b"'],
    [withOption('blah'), "Error during parsing: unknown property 'blah'"],
    [withOption('max_fails 3 4'), "Error during parsing: unknown property '4'"],
    [withOption('force_tcp yes'), "Error during parsing: Wrong argument count or unexpected line ending after 'yes'"],
    [withOption('max_fails'), "Error during parsing: Wrong argument count or unexpected line ending after 'max_fails'"],
    [withOption('max_fails 99999999999'), 'strconv.ParseUint: parsing "99999999999": value out of range'],
    [withOption('max_idle_conns x'), 'strconv.Atoi: parsing "x": invalid syntax'],
    [withOption('max_concurrent -4'), "max_concurrent can't be negative: -4"],
    [withOption('expire -1s'), "expire can't be negative: -1s"],
    [withOption('expire 5'), 'time: missing unit in duration "5"'],
    [withOption('expire 5x'), 'time: unknown unit "x" in duration "5x"'],
    [withOption('timeout 0s'), 'timeout must be positive: 0s'],
    [withOption('read_timeout 0s'), 'read_timeout must be positive: 0s'],
    [withOption('health_check -1s'), "health_check can't be negative: -1000000000"],
    [withOption('health_check 1s rec'), 'health_check: unknown option rec'],
    [withOption('max_age 5s'), 'max_age (5s) must not be less than expire (10s)'],
    [withOption('policy foo'), "Error during parsing: unknown policy 'foo'"],
    [withOption('next FOO'), 'FOO is not a valid rcode'],
    [withOption('failover NOERROR'), 'NoError cannot be used in failover'],
    [withOption('doh_method PUT'), 'doh_method must be either POST or GET'],
    [withOption('resolver dns.example'), 'resolver must be an IP address or IP:port: "dns.example"'],
    [withOption('source_address x'), 'Error during parsing: invalid IP address: x'],
    [withOption('tls /a/b'), 'error reading /a/b: open /a/b: no such file or directory'],
    [withOption('tls /a /b'), 'could not load TLS cert: open /a: no such file or directory'],
    [withOption('tls a b c d'), "Error during parsing: Wrong argument count or unexpected line ending after 'd'"],
  ])('refuses %j', (stanza, fault) => {
    expect(faultsOf(stanza)).toEqual([fault]);
  });

  it('reports all that is wrong at once', () => {
    expect(faultsOf('forward . a..b {\nblah\npolicy foo\nexpire 5\n}')).toHaveLength(4);
  });
});

describe('durationText', () => {
  it.each([
    [0, '0s'],
    [10_000, '10s'],
    [90_000, '1m30s'],
    [3_600_000, '1h0m0s'],
    [500, '500ms'],
    [1500, '1.5s'],
    [-1000, '-1s'],
    [0.25, '250µs'],
  ])('writes %d ms as Go does: %s', (ms, text) => expect(durationText(ms)).toBe(text));
});
