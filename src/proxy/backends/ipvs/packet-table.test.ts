/** The packet table in IPVS mode. kube-proxy's own data has none, so what it says of the other two modes is asked, and where IPVS differs is said here. */
import { describe, expect, it } from 'vitest';
import type { Fate } from '#netfilter/packet.ts';
import { fateMatches } from '#test/packet-table/fate-matches.ts';
import { goldenCases } from '#test/packet-table/golden-cases.ts';
import type { PacketCase, PacketFlow } from '#test/packet-table/packet-case.ts';
import { packetTable } from '#test/packet-table/packet-table.ts';
import { trace } from './trace.ts';

/** A difference of IPVS itself: which flows it is about, and what becomes of them here. */
interface Difference {
  readonly name: string;
  applies(of: PacketCase, flow: PacketFlow): boolean;
  readonly fate: Fate['kind'];
}

const DIFFERENCES: readonly Difference[] = [
  {
    name: 'node ports do not answer on loopback addresses',
    applies: (_of, { packet }) => packet.to.startsWith('127.'),
    fate: 'untouched',
  },
  {
    name: 'addresses of Services are the node’s own: their other ports are refused',
    applies: ({ ports }, { packet, expected }) =>
      expected.kind === 'untouched' && [...ports.values()].some((port) => addressesOf(port).includes(packet.to)),
    fate: 'rejected',
  },
  {
    name: 'a cluster IP that no Service has is not known',
    applies: ({ ports, machine }, { packet, expected }) =>
      expected.kind === 'dropped' &&
      !machine.localAddresses.has(packet.to) &&
      ![...ports.values()].some((port) => addressesOf(port).includes(packet.to)),
    fate: 'untouched',
  },
  {
    name: 'what a policy leaves no endpoint for is refused, not dropped',
    applies: (of, { expected }) =>
      expected.kind === 'dropped' && [...of.ports.values()].some(({ internal }) => internal === 'drop'),
    fate: 'rejected',
  },
  {
    name: 'with externalTrafficPolicy Local the node and its pods get local endpoints only, while there are some',
    applies: (of, { packet, expected }) =>
      expected.kind === 'delivered' && isPolicyLocal(of, packet) && isOwn(of, packet.from),
    fate: 'delivered',
  },
  {
    name: 'with externalTrafficPolicy Local and no local endpoint, what comes from outside goes to the others, which answer it past this node',
    applies: (of, { packet, expected }) =>
      expected.kind === 'dropped' && isPolicyLocal(of, packet) && !isOwn(of, packet.from),
    fate: 'delivered',
  },
  {
    name: 'source ranges are not asked for the node, unless it uses the load balancer’s address for its own, as it does where it is not told otherwise',
    applies: ({ machine }, { packet, expected }) =>
      expected.kind === 'dropped' && machine.localAddresses.has(packet.from),
    fate: 'delivered',
  },
];

type Service = PacketCase['ports'] extends ReadonlyMap<string, infer Of> ? Of : never;

const addressesOf = ({ clusterIP, externalIPs, loadBalancerIPs }: Service): readonly string[] => [
  clusterIP,
  ...externalIPs,
  ...loadBalancerIPs,
];

const isPolicyLocal = ({ ports }: PacketCase, { to, port }: PacketFlow['packet']): boolean =>
  [...ports.values()].some(
    (service) =>
      service.externalPolicy === 'Local' &&
      (service.nodePort === port || (service.port === port && addressesOf(service).slice(1).includes(to))),
  );

/** The node, or a pod. */
const isOwn = ({ machine }: PacketCase, from: string): boolean =>
  machine.localAddresses.has(from) || from.startsWith('10.') || from.startsWith('fd00:10:');

const used = new Set<Difference>();

const CASES = [...packetTable('ipvs'), ...goldenCases('nftables'), ...goldenCases('iptables')];

describe('the packet table, but for what IPVS does otherwise', () => {
  it.each(CASES.map((each) => [`${each.mode}: ${each.title}`, each] as const))('%s', (_title, of) => {
    for (const flow of of.flows) {
      const { fate, steps } = trace(of.ports, of.options, of.machine, flow.packet);
      const fault = fateMatches(fate, flow);
      if (fault === '') continue;
      const difference = DIFFERENCES.find((each) => each.applies(of, flow));
      if (difference === undefined) expect.soft(fault, steps.join('\n')).toBe('');
      else expect.soft(fate.kind, `${flow.name}: ${difference.name}`).toBe(difference.fate);
      if (difference !== undefined) used.add(difference);
    }
  });

  it.skipIf(goldenCases('iptables').length === 0)('has no difference that is none', () => {
    expect(DIFFERENCES.filter((each) => !used.has(each)).map(({ name }) => name)).toEqual([]);
  });
});
