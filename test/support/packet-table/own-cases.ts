import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import type { ProxyMode } from '#proxy/rule-backend.ts';
import { readFlow } from './flow-text.ts';
import { type PacketCase, packetCase } from './packet-case.ts';
import type { RawCase, RawConfig } from './raw-case.ts';

const CASES = join(import.meta.dirname, '../../proxy/cases');

/** The project's own table: `test/proxy/cases`, whose README says how a case is written. */
export const ownCases = (mode: ProxyMode): readonly PacketCase[] => {
  let cases = known.get(mode);
  if (cases === undefined) {
    cases = readOwnCases(mode);
    known.set(mode, cases);
  }
  return cases;
};

const known = new Map<ProxyMode, readonly PacketCase[]>();

const readOwnCases = (mode: ProxyMode): readonly PacketCase[] =>
  readdirSync(CASES)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .flatMap((file) => {
      const content = load(readFileSync(join(CASES, file), 'utf8')) as CaseFile;
      const cases = content.cases.map((written) => rawCase(content, written, mode));
      return cases
        .filter(({ modes }) => modes.includes(mode))
        .map((raw) => packetCase(file.slice(0, -'.yaml'.length), raw, mode, cases));
    });

type Written = Partial<Omit<RawCase, 'flows' | 'config' | 'name'>> & { readonly config?: Partial<RawConfig> };

/** What a case does not say it has from its file. */
type CaseFile = Written & {
  readonly cases: readonly (Written & { readonly name: string; readonly flows: readonly string[] })[];
};

const MODES: readonly ProxyMode[] = ['nftables', 'iptables', 'ipvs'];

/** The node `here` of all cases, with two addresses of each family. */
const CONFIG: RawConfig = {
  ipFamily: 'IPv4',
  clusterCIDR: '10.0.0.0/8',
  detectLocalMode: 'ClusterCIDR',
  serviceCIDRs: ['172.30.0.0/16', 'fd00:172:30::/112'],
  masqueradeAll: false,
  masqueradeMark: '0x4000',
  nodePortAddresses: null,
  localhostNodePorts: false,
  nodeName: 'here',
  nodeIP: '192.168.0.2',
  nodeIPs: ['192.168.0.2', '192.168.1.2', '2001:db8::2', '2001:db8:1::2'],
};

const IPV6: Partial<RawConfig> = { ipFamily: 'IPv6', clusterCIDR: 'fd00:10::/32', nodeIP: '2001:db8::2' };

const NODE = {
  metadata: { name: 'here', labels: { 'kubernetes.io/hostname': 'here', 'topology.kubernetes.io/zone': 'z1' } },
  status: {
    addresses: [
      { type: 'InternalIP', address: '192.168.0.2' },
      { type: 'InternalIP', address: '2001:db8::2' },
    ],
  },
};

const rawCase = (file: CaseFile, { flows, ...written }: CaseFile['cases'][number], mode: ProxyMode): RawCase => {
  const said = { ...file.config, ...written.config };
  const { cases: _, ...shared } = file;
  return {
    modes: MODES,
    services: [],
    endpointSlices: [],
    node: NODE,
    ...shared,
    ...written,
    config: { ...CONFIG, ...(said.ipFamily === 'IPv6' ? IPV6 : {}), ...said },
    flows: flows
      .map(readFlow)
      .filter(({ modes }) => modes === null || modes.includes(mode))
      .map(({ flow }) => flow),
  };
};
