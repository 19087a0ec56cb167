/** Server blocks: zone keys, overlaps, grouping by listening address and the banner. */
import { bannerText } from '#cli/banner.ts';
import { parseCorefile } from '#corefile/parser.ts';
import { Faults } from '#corefile/tree.ts';
import { type Name, nameFromText, textFromName } from '#dns/name.ts';
import { definePlugin, type ZoneKey } from '#plugin/index.ts';
import { testServices } from '#plugin/testing.ts';
import { type Configuration, configure } from '#server/configuration.ts';
import { findOverlaps, hasPreferredSyntax } from '#server/overlap.ts';
import { readZoneKeys } from '#server/zone-keys.ts';
import type { Adapter } from '../adapter.ts';
import { differs, type RowCheck, replayTables, type Verdict } from '../row-checks.ts';

interface GoZone {
  readonly Zone: string;
  readonly Port: string;
  readonly Transport: string;
  readonly Address: string;
}

interface GoConfig extends GoZone {
  readonly ListenHosts: readonly string[];
}

interface GoBlock {
  readonly Keys: readonly string[];
}

const ALL_TRANSPORTS = ['dns', 'tls', 'quic', 'grpc', 'https', 'https3'];

const keyOf = ({ Zone, Port, Transport }: GoZone): ZoneKey => ({
  transport: Transport as ZoneKey['transport'],
  zone: nameFromText(Zone),
  port: Number(Port),
});

const textOf = ({ transport, zone, port }: ZoneKey): string => `${transport}://${textFromName(zone)}:${port}`;

const checkOverlap: RowCheck<{
  readonly sequence: readonly { zone: GoZone; same: boolean; overlap: boolean; overlapKey: string }[];
}> = ({ sequence }) => {
  for (const [i, { zone, same, overlap, overlapKey }] of sequence.entries()) {
    const faults = new Faults();
    const blocks = sequence
      .slice(0, i + 1)
      .map((step) => ({ keys: [keyOf(step.zone)], hosts: [step.zone.Address], token: null }));
    findOverlaps(blocks, faults);
    const here = `${textOf(keyOf(zone))}${zone.Address === '' ? '' : ` on ${zone.Address}`}`;
    const expected = same
      ? [`cannot serve ${here} - it is already defined`]
      : overlap
        ? [`cannot serve ${here} - zone overlap listener capacity with ${overlapKey}`]
        : [];
    const verdict = differs(
      faults.list.map(({ message }) => message),
      expected,
    );
    if (verdict !== null) return `step ${i}: ${verdict}`;
  }
  return null;
};

const checkInspect: RowCheck<{
  readonly serverBlocks: readonly GoBlock[];
  readonly expectedServerBlocks: readonly GoBlock[];
  readonly wantErr: boolean;
}> = ({ serverBlocks, expectedServerBlocks, wantErr }) => {
  const text = serverBlocks.map(({ Keys }) => `${Keys.join(' ')} {\n}\n`).join('');
  const { corefile, faults } = parseCorefile({ file: 'Corefile', text });
  const keys = corefile.blocks.map((block) =>
    block.keys.flatMap((key) => readZoneKeys(key, 53, faults, ALL_TRANSPORTS)).map(textOf),
  );
  if (wantErr) return faults.list.length > 0 ? null : 'no fault';
  return differs([faults.list, keys], [[], expectedServerBlocks.map(({ Keys }) => Keys)]);
};

/** Just enough of `bind` for grouping. */
const bind = definePlugin({
  name: 'bind',
  setup: ({ directive, block }) => {
    block.settings.listenHosts = directive.occurrences.flatMap(({ args }) => args.map(({ text }) => text));
    return null;
  },
});

const checkGrouping: RowCheck<{
  readonly configs: readonly GoConfig[];
  readonly expectedGroups: readonly string[];
}> = ({ configs, expectedGroups }) => {
  const bindLine = (hosts: readonly string[]): string => (hosts[0] === '' ? '' : `  bind ${hosts.join(' ')}\n`);
  const blocks = configs.map(
    ({ Transport, Zone, Port, ListenHosts }) => `${Transport}://${Zone}:${Port} {\n${bindLine(ListenHosts)}}\n`,
  );
  const { groups, faults } = configure({
    plugins: [bind],
    services: testServices(),
    events: { dropped: () => undefined, panic: () => undefined },
    defaultPort: 53,
    defaultHosts: [''],
    file: 'Corefile',
    text: blocks.join(''),
  });
  const labels = groups.map(
    ({ address: { host, port } }) => `dns://${host.includes(':') ? `[${host}]` : host}:${port}`,
  );
  return differs([faults.list, labels.sort()], [[], [...expectedGroups].sort()]);
};

const checkBanner: RowCheck<{ protocol: string; addr: string; zones: object; expectedOutput: string }> = (row) => {
  const address = /^([^:]*):(\d+)$/.exec(row.addr);
  if (address === null) return { notApplicable: 'a listening address is not kept as text here' };
  const names = Object.keys(row.zones);
  if (!names.every((name) => name.endsWith('.')))
    return { notApplicable: 'a zone without its final dot cannot be a Name' };
  const zones: Name[] = names.map(nameFromText);
  const group = { address: { host: address[1] as string, port: Number(address[2]) }, zones };
  const found = bannerText({ groups: [group] } as unknown as Configuration);
  // For dns:// the protocol is not printed.
  return differs(found, row.expectedOutput.replaceAll(row.protocol, ''));
};

const checkSyntax: RowCheck<{ zone: string; expected: boolean }> = ({ zone, expected }) =>
  differs(hasPreferredSyntax(zone), expected);

const passedOver = (reason: string) => (): Verdict => ({ notApplicable: reason });
const OTHER_TRANSPORT = passedOver('DNS over HTTPS, QUIC and gRPC are not served yet');

const adapter: Adapter = {
  files: ['dnsserver.json'],
  replay: (file, data) =>
    replayTables(file, data, {
      TestOverlapAddressChecker: checkOverlap,
      TestInspectServerBlocks: checkInspect,
      TestGroupingServers: checkGrouping,
      TestStartUpZones: checkBanner,
      TestRegex1035PrefSyntax: checkSyntax,
      TestSplitProtocolHostPort: passedOver('a listening address is not kept as text here'),
      TestKeyForConfig: passedOver('the row is about a map key within the Go program'),
      TestDoHWriter_LocalAddr: OTHER_TRANSPORT,
      TestDoHWriter_RemoteAddr: OTHER_TRANSPORT,
      TestDoHWriter_Request: OTHER_TRANSPORT,
      TestDoHWriter_Write: OTHER_TRANSPORT,
      TestNewServergRPC: OTHER_TRANSPORT,
      TestServergRPC_Query_ErrorCases: OTHER_TRANSPORT,
      TestCustomHTTP3RequestValidator: OTHER_TRANSPORT,
      TestCustomHTTPRequestValidator: OTHER_TRANSPORT,
      TestServerHTTPSRejectsUpdate: OTHER_TRANSPORT,
      TestAddPrefix: OTHER_TRANSPORT,
      TestNewServerQUIC: OTHER_TRANSPORT,
      TestReadDOQMessage: OTHER_TRANSPORT,
      TestServerQUIC_IsExpectedErr: OTHER_TRANSPORT,
      TestValidRequest: OTHER_TRANSPORT,
    }),
};
export default adapter;
