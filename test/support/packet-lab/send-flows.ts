import { addressAndPort } from '#proxy/model/address.ts';
import type { ExpectedFate, PacketCase, PacketFlow } from '#test/packet-table/packet-case.ts';
import { CONTROL, CONTROL_PORT, LINK_ADDRESSES, NODE } from './lab.ts';
import { isOwnVip, type Stage } from './stage.ts';
import type { Answer, Flow, Outcome, Tally, TryOrder } from './traffic/orders.ts';

/** New flows for each endpoint in one round; and rounds after which an endpoint without any has none: its chance to be missed is below 1e-12. */
const TRIES_AN_ENDPOINT = 6;
const MOST_ROUNDS = 5;
/** What is to be answered is waited for until it must be called lost. */
const LOST_MS = 10_000;

/** Sends the packets of a case's flows, all flows at once, and tells for each what was other than expected: '' where nothing was. */
export const sendFlows = async (stage: Stage, scene: PacketCase): Promise<readonly string[]> => {
  const wrong = new Map<PacketFlow, string>();
  const ordinary = scene.flows.filter(({ packet }) => packet.protocol !== 'sctp' && !isOwnVip(scene, packet));
  await judgeAll(stage, scene, ordinary, wrong);
  for (const flow of scene.flows.filter(({ packet }) => packet.protocol !== 'sctp' && isOwnVip(scene, packet)))
    await stage.lab.withNodeAddress(flow.packet.from, () => judgeAll(stage, scene, [flow], wrong));
  return scene.flows.map((flow) => wrong.get(flow) ?? '').filter((text) => text !== '');
};

const judgeAll = async (
  stage: Stage,
  scene: PacketCase,
  flows: readonly PacketFlow[],
  wrong: Map<PacketFlow, string>,
): Promise<void> => {
  const seen = new Map<PacketFlow, Tally[]>(flows.map((flow) => [flow, []]));
  let open = flows;
  for (let round = 0; round < MOST_ROUNDS && open.length > 0; round++) {
    const orders = open.map((flow) => ({
      flow: sent(stage, scene, flow),
      count: flow.expected.kind === 'delivered' ? TRIES_AN_ENDPOINT * flow.expected.to.length : 1,
      silenceMs: LOST_MS,
      ...(flow.expected.kind === 'dropped' ? { control: controlOf(flow) } : {}),
    }));
    const rounds = await stage.lab.traffic.call('try', orders);
    open.forEach((flow, n) => void seen.get(flow)?.push(...(rounds[n] ?? [])));
    open = open.filter((flow) => needsMore(scene, flow, seen.get(flow) ?? []));
  }
  for (const flow of flows) {
    const text = [...new Set(faults(stage, scene, flow, seen.get(flow) ?? []))].join('; ');
    if (text !== '') wrong.set(flow, `${flow.name}: ${text}`);
  }
};

const controlOf = ({ packet }: PacketFlow): NonNullable<TryOrder['control']> => ({
  address: CONTROL[packet.from.includes(':') ? 6 : 4],
  port: CONTROL_PORT,
});

const sent = (stage: Stage, scene: PacketCase, { packet }: PacketFlow): Flow => {
  const place = isOwnVip(scene, packet) ? NODE : stage.placeOf(scene, packet.from);
  const protocol = packet.protocol as 'tcp' | 'udp';
  return { namespace: stage.lab.namespace(place), from: packet.from, to: packet.to, port: packet.port, protocol };
};

const reached = (tallies: readonly Tally[]): ReadonlySet<string> =>
  new Set(
    tallies.flatMap(({ outcome }) =>
      outcome.kind === 'answered' ? [addressAndPort(outcome.by.address, outcome.by.port)] : [],
    ),
  );

const needsMore = (scene: PacketCase, flow: PacketFlow, tallies: readonly Tally[]): boolean =>
  flow.expected.kind === 'delivered' &&
  !hasAffinity(scene, flow) &&
  tallies.every(({ outcome }) => outcome.kind === 'answered') &&
  flow.expected.to.some((endpoint) => !reached(tallies).has(endpoint));

/** Its client stays with one endpoint. */
const hasAffinity = (scene: PacketCase, { packet }: PacketFlow): boolean =>
  [...scene.ports.values()].some(
    ({ affinitySeconds, protocol, port, nodePort, clusterIP, externalIPs, loadBalancerIPs }) =>
      affinitySeconds > 0 &&
      protocol === packet.protocol &&
      ((port === packet.port && [clusterIP, ...externalIPs, ...loadBalancerIPs].includes(packet.to)) ||
        nodePort === packet.port),
  );

const faults = (stage: Stage, scene: PacketCase, flow: PacketFlow, tallies: readonly Tally[]): readonly string[] => {
  const { expected, packet } = flow;
  const found = tallies.map(({ outcome }) => outcome);
  switch (expected.kind) {
    case 'rejected':
      return found.filter(({ kind }) => kind !== 'refused').map((outcome) => unlike(outcome, 'refused'));
    case 'dropped':
      return found.filter(({ kind }) => kind !== 'silent').map((outcome) => unlike(outcome, 'silence'));
    case 'accepted':
    case 'untouched': {
      const namespace = stage.lab.namespace(stage.placeOf(scene, packet.to));
      const wanted: Answer = { namespace, address: packet.to, port: packet.port, peer: packet.from };
      return found.flatMap((outcome) => answerFault(outcome, wanted));
    }
    case 'delivered':
      return [
        ...found.flatMap((outcome) => deliveryFault(stage, scene, flow, expected, outcome)),
        ...countFaults(scene, flow, expected, reached(tallies)),
      ];
  }
};

const deliveryFault = (
  stage: Stage,
  scene: PacketCase,
  { packet }: PacketFlow,
  expected: ExpectedFate & { readonly kind: 'delivered' },
  outcome: Outcome,
): readonly string[] => {
  if (outcome.kind !== 'answered') return [unlike(outcome, 'an answer')];
  const { address, port } = outcome.by;
  if (!expected.to.includes(addressAndPort(address, port))) return [unlike(outcome, `one of ${expected.to.join(' ')}`)];
  const isMasqueraded = expected.isMasqueraded || address === packet.from;
  return answerFault(outcome, {
    namespace: stage.lab.namespace(stage.placeOf(scene, address)),
    address,
    port,
    peer: isMasqueraded ? LINK_ADDRESSES[packet.from.includes(':') ? 6 : 4] : packet.from,
  });
};

const countFaults = (
  scene: PacketCase,
  flow: PacketFlow,
  expected: ExpectedFate & { readonly kind: 'delivered' },
  ends: ReadonlySet<string>,
): readonly string[] => {
  if (hasAffinity(scene, flow)) return ends.size > 1 ? [`one client got ${[...ends].join(' and ')}`] : [];
  return expected.to.filter((endpoint) => !ends.has(endpoint)).map((endpoint) => `nothing came to ${endpoint}`);
};

const answerFault = (outcome: Outcome, wanted: Answer): readonly string[] => {
  const answer: Outcome = { kind: 'answered', by: wanted };
  return outcomeText(outcome) === outcomeText(answer) ? [] : [unlike(outcome, outcomeText(answer))];
};

const unlike = (outcome: Outcome, wanted: string): string => `${outcomeText(outcome)} in place of ${wanted}`;

/** Without the lab's own name. */
const outcomeText = (outcome: Outcome): string => {
  if (outcome.kind === 'failed') return outcome.code;
  if (outcome.kind !== 'answered') return outcome.kind === 'refused' ? 'refused' : 'silence';
  const { namespace, address, port, peer } = outcome.by;
  return `${addressAndPort(address, port)} at ${namespace.replace(/^.*?-\d+-\d+-/, '')}, which sees ${peer}`;
};
