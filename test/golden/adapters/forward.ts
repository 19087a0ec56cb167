/** `forward`: its directive, its upstreams and their order. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCorefile } from '#corefile/parser.ts';
import { Faults } from '#corefile/tree.ts';
import { joinHostPort } from '#dns/address.ts';
import { textFromName } from '#dns/name.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { setupPlugin, testQuery } from '#plugin/testing.ts';
import { splitZone } from '#plugins/forward/host-port.ts';
import definition from '#plugins/forward/index.ts';
import { type ForwardOptions, readOptions } from '#plugins/forward/options.ts';
import { readHostEntry } from '#plugins/forward/to.ts';
import { answerA, FakeUpstream } from '#test/fake-upstream.ts';
import type { Adapter } from '../adapter.ts';
import { differs, type RowCheck, replayTables, type Verdict } from '../row-checks.ts';

const HTTPS = { notApplicable: 'an https upstream is not built yet and is refused by name' };

/** Options of the first directive, and what was wrong. */
const read = (stanza: string): { options: ForwardOptions; messages: string[] } => {
  const { corefile, faults: parseFaults } = parseCorefile({ file: 'Testfile', text: `. {\n${stanza}\n}\n` });
  const faults = new Faults();
  const directive = corefile.blocks[0]?.directives.find(({ name }) => name === 'forward');
  const [options] = (directive?.occurrences ?? []).map((occurrence) => readOptions(occurrence, faults, false));
  if (options === undefined) throw new Error(`no directive in ${stanza}`);
  return { options, messages: [...parseFaults.list, ...faults.list].map(({ message }) => message) };
};

/** Compares the fault, and where none is expected what `found` gives. */
const check = (
  row: { input: string; expectedErr?: string; shouldErr?: boolean },
  expected: unknown,
  found: (options: ForwardOptions) => unknown,
): Verdict => {
  const { options, messages } = read(row.input);
  const shouldErr = row.shouldErr ?? (row.expectedErr ?? '') !== '';
  if (!shouldErr) return messages.length > 0 ? `found ${messages.join('; ')}` : differs(found(options), expected);
  if (messages.some((message) => message.includes(row.expectedErr ?? ''))) return null;
  return `found ${messages.join('; ') || 'no fault'}, expected ${row.expectedErr}`;
};

type SetupRow = {
  input: string;
  shouldErr: boolean;
  expectedErr: string;
  expectedFrom: string;
  expectedFails: number;
  expectedOpts: Readonly<Record<string, unknown>>;
};

const checkTestSetup: RowCheck<SetupRow> = async (row) => {
  if (/https:\/\/[^ ]+ /.test(row.input) && !row.shouldErr) return HTTPS;
  // A host name is resolved when the server starts: `a27.0.0.1` is one.
  if (row.shouldErr && read(row.input).messages.length === 0) return startFault(row.input, row.expectedErr);
  return check(row, [row.expectedFrom, row.expectedFails, row.expectedOpts], (options) => [
    textFromName(options.from),
    options.maxFails,
    {
      ForceTCP: options.isTcpForced,
      PreferUDP: options.isUdpPreferred,
      HCRecursionDesired: options.isHealthCheckRecursive,
      HCDomain: textFromName(options.healthCheckDomain),
    },
  ]);
};

const startFault = async (stanza: string, expected: string): Promise<Verdict> => {
  const { instance } = setupPlugin(definition, stanza);
  try {
    await instance?.start?.();
  } catch (error) {
    const { message } = error as Error;
    return message.includes(expected) ? null : `found ${message}, expected ${expected}`;
  } finally {
    await instance?.stop?.();
  }
  return `started, expected ${expected}`;
};

/** The Go test serves at random ports; the row has those of one run. */
const checkFailover: RowCheck<{ input: string; hasRecord: boolean }> = async ({ input, hasRecord }) => {
  const servers = await Promise.all([
    FakeUpstream.open((asked) => asked.reply({ rcode: RCODE.SERVFAIL })),
    FakeUpstream.open((asked) => asked.reply({ rcode: RCODE.REFUSED })),
    FakeUpstream.open(answerA),
  ]);
  const [failing, refusing, working] = servers.map(({ address }) => address) as [string, string, string];
  const isWorkingFirst = /\[::\]:42507 \[::\]:42867/.test(input);
  const order = isWorkingFirst ? [working, failing, refusing] : [failing, refusing, working];
  const { instance } = setupPlugin(definition, input.replace(/(?:\[::\]:\d+ ){3}/, `${order.join(' ')} `));
  await instance?.start?.();
  const reply = await instance?.handle?.(testQuery('example.org.', 'A'), () => {
    throw new Error('passed on');
  });
  await instance?.stop?.();
  await Promise.all(servers.map((server) => server.close()));
  return differs(reply?.kind === 'answer' && reply.answer.length > 0, hasRecord);
};

const FILES: Readonly<Record<string, string>> = {
  'resolv.conf': 'nameserver 10.10.255.252\nnameserver 10.10.255.253',
  'resolv-ipv6.conf': 'nameserver 0388:d254:7aec:6892:9f7f:e93b:5806:1b0f%en0',
  'empty.conf': '# nameserver 1.1.1.1\n# nameserver 1.0.0.1',
  'null.conf': '',
};

type ResolvconfRow = { input: string; shouldErr: boolean; expectedErr: string; expectedNames: string[] };

const checkResolvconf: RowCheck<ResolvconfRow> = (row) => {
  const directory = mkdtempSync(join(tmpdir(), 'forward-'));
  try {
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(directory, name), text);
    const input = row.input.replace(/\S*?([\w-]+\.conf)/, (_, name: string) => join(directory, name));
    return check({ ...row, input }, row.expectedNames, ({ targets }) =>
      targets.map(({ host, port }) => joinHostPort(host, port)),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
};

type HostEntryRow = { input: string; wantOK: boolean; hostname: string; port: string; transport: string; zone: string };

const checkHostEntry: RowCheck<HostEntryRow> = ({ input, wantOK, hostname, port, transport, zone }) =>
  differs(readHostEntry(input), wantOK ? { hostname, port, transport, zone } : null);

const seconds = (text: string): number => Number(text.replace(/m?s$/, '')) * (text.endsWith('ms') ? 1 : 1000);

const adapter: Adapter = {
  files: ['forward-setup.json'],
  replay: (file, data) =>
    replayTables(file, data, {
      TestParseAsHostEntry: checkHostEntry,
      TestSplitZone: ((row: { input: string; expectedHost: string; expectedZone: string }) =>
        differs(splitZone(row.input), { host: row.expectedHost, zone: row.expectedZone })) as RowCheck<never>,
      TestSetupPolicy: ((row: { input: string; expectedErr: string; expectedPolicy: string }) =>
        check(row, row.expectedPolicy, ({ policy }) => policy)) as RowCheck<never>,
      TestFailfastAllUnhealthyUpstreams: ((row: { input: string; expectedErr: string; expectedRecVal: boolean }) =>
        check(row, row.expectedRecVal, ({ isFailfast }) => isFailfast)) as RowCheck<never>,
      TestFailover: checkFailover as RowCheck<never>,
      TestFailoverValidation: ((row: { input: string; wantError: string }) =>
        check({ input: row.input, expectedErr: row.wantError }, null, () => null)) as RowCheck<never>,
      TestNextAlternate: ((row: string | { input: string; expected: number[] }) =>
        typeof row === 'string'
          ? check({ input: row, shouldErr: true }, null, () => null)
          : check(row, row.expected, ({ next }) => next)) as RowCheck<never>,
      TestSetup: checkTestSetup as RowCheck<never>,
      TestSetupHealthCheck: ((row: SetupRow & { expectedRecVal: boolean; expectedDomain: string }) =>
        check(row, [row.expectedRecVal, row.expectedDomain], (options) => [
          options.isHealthCheckRecursive,
          textFromName(options.healthCheckDomain),
        ])) as RowCheck<never>,
      TestSetupMaxAge: ((row: SetupRow & { expectedVal: string }) =>
        check(row, seconds(row.expectedVal), ({ maxAgeMs }) => maxAgeMs)) as RowCheck<never>,
      TestSetupReadTimeout: ((row: SetupRow & { expectedVal: string }) =>
        check(row, seconds(row.expectedVal), ({ readTimeoutMs }) => readTimeoutMs)) as RowCheck<never>,
      TestSetupMaxConcurrent: ((row: SetupRow & { expectedVal: number }) =>
        check(row, row.expectedVal, ({ maxConcurrent }) => maxConcurrent)) as RowCheck<never>,
      TestSetupMaxIdleConns: ((row: SetupRow & { expectedVal: number }) =>
        check(row, row.expectedVal, ({ maxIdleConnections }) => maxIdleConnections)) as RowCheck<never>,
      TestSetupMaxConnectAttempts: ((row: SetupRow & { expectedVal: number; expectedSet: boolean }) =>
        check(row, row.expectedSet ? row.expectedVal : null, (o) => o.maxConnectAttempts)) as RowCheck<never>,
      TestSetupResolvconf: checkResolvconf as RowCheck<never>,
      TestSetupTLS: ((row: SetupRow & { expectedServerName: string }) =>
        check(row, row.expectedServerName, ({ tlsServerName, targets }) =>
          targets[0]?.isTls ? tlsServerName || targets[0].serverName : '',
        )) as RowCheck<never>,
      TestSetupTLSclientSessionCacheCount: ((row: { input: string }) =>
        check(row, true, ({ targets }) => {
          const [first, second] = targets;
          const [last, beforeLast] = [targets.at(-1), targets.at(-2)];
          return (
            first?.serverName === second?.serverName &&
            last?.serverName === beforeLast?.serverName &&
            first?.serverName !== last?.serverName
          );
        })) as RowCheck<never>,
      TestSourceAddress: ((row: { input: string; expectedErr: string; expectedSourceAddress: string }) =>
        check(row, row.expectedSourceAddress, ({ sourceAddress }) => sourceAddress)) as RowCheck<never>,
    }),
};
export default adapter;
