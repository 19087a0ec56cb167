import type { Delivery, Machine, Packet, Trace } from '#netfilter/packet.ts';
import { addressAndPort, holds } from '#proxy/model/address.ts';
import { type Entry, entriesAt, entriesOfNodePort } from '#proxy/model/explain/entries.ts';
import { nodePortPlaces } from '#proxy/model/explain/entry-lines.ts';
import type { Outcome, ServicePorts } from '#proxy/model/service-port.ts';
import type { ProxyMode } from '#proxy/rule-backend.ts';
import type { RuleOptions } from '#proxy/rule-options.ts';
import { portText } from './service-ports.ts';

/** Where a packet was walked. */
export interface TracePlace {
  readonly name: string;
  readonly mode: ProxyMode;
  readonly services: ServicePorts;
  readonly options: RuleOptions;
  readonly machine: Machine;
}

/** A packet's way for people: who sends what, the rules that it meets, what becomes of it and why. */
export const traceText = (packet: Packet, { fate, steps }: Trace, place: TracePlace): string => {
  const { from, to, port, protocol, inInterface } = packet;
  const by = inInterface === undefined ? '' : `, in by ${inInterface}`;
  const entry = entryOf(packet, place);
  return [
    `${protocol} ${from} -> ${addressAndPort(to, port)}${by}, on node ${place.name} in ${place.mode} mode`,
    ...(entry === undefined ? [] : [entryLine(entry)]),
    '',
    ...stepLines(steps),
    ...(steps.length === 0 ? [] : ['']),
    ...fateLines(packet, fate, entry, place),
    '',
  ].join('\n');
};

const MAX_PLACE = 32;

/** Steps in two columns, the chain and its rule, each once: branches of a random choice go on through the same chains. */
const stepLines = (steps: readonly string[]): string[] => {
  const rows = branchesTogether([...new Set(steps)]).map(columnsOf);
  const width = Math.max(0, ...rows.map(([place]) => Math.min(place.length, MAX_PLACE)));
  return rows.map(([place, rule], index) => `${String(index + 1).padStart(4)}  ${place.padEnd(width)}  ${rule}`);
};

/** Lines of one rule with several results stand together. */
const branchesTogether = (steps: readonly string[]): string[] => {
  const groups = new Map<string, string[]>();
  for (const step of steps) {
    const [rule = ''] = step.split(' -> ', 1);
    const group = groups.get(rule);
    if (group === undefined) groups.set(rule, [step]);
    else group.push(step);
  }
  return [...groups.values()].flat();
};

/** `CHAIN: RULE`, or `TABLE: -A CHAIN RULE`. */
const columnsOf = (step: string): readonly [place: string, rule: string] => {
  const [, table, chain, added] = /^(\w+): -A (\S+) (.*)$/.exec(step) ?? [];
  if (table !== undefined) return [`${table} ${chain}`, added as string];
  const end = step.indexOf(': ');
  return end < 0 ? ['', step] : [step.slice(0, end), step.slice(end + 2)];
};

const entryOf = (packet: Packet, { services, machine }: TracePlace): Entry | undefined =>
  entriesAt(services, packet.to).find(({ port }) => port.port === packet.port && port.protocol === packet.protocol) ??
  (machine.localAddresses.has(packet.to) ? nodePortEntry(packet, services) : undefined);

const nodePortEntry = ({ port, protocol }: Packet, services: ServicePorts): Entry | undefined =>
  entriesOfNodePort(services, port).find((entry) => entry.port.protocol === protocol);

const entryLine = ({ port, kind }: Entry): string =>
  `This is ${kind === 'node port' ? 'a' : 'the'} ${kind} of ${port.label}.`;

const fateLines = (
  packet: Packet,
  fate: Trace['fate'],
  entry: Entry | undefined,
  place: TracePlace,
): readonly string[] => {
  switch (fate.kind) {
    case 'delivered':
      return deliveredLines(fate.to, packet, entry);
    case 'rejected':
      return [
        `Rejected: the client is told at once (${packet.protocol === 'tcp' ? 'connection refused' : 'port unreachable'}). ${rejectReason(packet, entry, place)}`,
      ];
    case 'dropped':
      return [`Dropped: the client hears nothing and waits until it gives up. ${dropReason(packet, entry, place)}`];
    case 'accepted':
      return ['Accepted: what listens on the node itself gets it.'];
    case 'untouched':
      return [`Untouched: no Service rule changes its way. ${untouchedReason(packet, place)}`];
  }
};

const deliveredLines = (to: readonly Delivery[], { from }: Packet, entry: Entry | undefined): string[] => {
  const affinity = entry?.port.affinitySeconds ?? 0;
  const width = Math.max(...to.map(({ address, port }) => addressAndPort(address, port).length));
  return [
    to.length === 1 ? 'Delivered to' : `Delivered to one of ${to.length}`,
    ...to.map(({ address, port, chance, isMasqueraded }) => {
      const seen = isMasqueraded ? 'sees an address of the node (masqueraded)' : `sees ${from}`;
      const percent = `${(chance * 100).toFixed(1)} %`;
      return `  ${percent.padStart(7)}  ${addressAndPort(address, port).padEnd(width)}  which ${seen}`;
    }),
    ...(affinity > 0 ? [`and for ${affinity} s the same client comes to the same one (session affinity).`] : []),
  ];
};

const outcomeOf = ({ port, kind }: Entry): Outcome => (kind === 'cluster IP' ? port.internal : port.external);

const rejectReason = (packet: Packet, entry: Entry | undefined, { services }: TracePlace): string => {
  if (entry !== undefined) return `${entry.port.label} has no endpoint that is ready anywhere.`;
  return otherPorts(packet, services);
};

const dropReason = (packet: Packet, entry: Entry | undefined, { options, name }: TracePlace): string => {
  if (entry === undefined) {
    const range = options.serviceCidrs.find((cidr) => holds(cidr, packet.to));
    return range === undefined ? '' : `${packet.to} is in ${range}, the range of cluster IPs, and no Service has it.`;
  }
  const { port: service, kind } = entry;
  const { sourceRanges } = service;
  if (kind === 'load balancer' && sourceRanges.length > 0 && !sourceRanges.some((range) => holds(range, packet.from)))
    return `${packet.from} is in none of the source ranges of ${service.label}: ${sourceRanges.join(', ')}.`;
  if (outcomeOf(entry) !== 'drop') return '';
  const policy = kind === 'cluster IP' ? service.internalPolicy : service.externalPolicy;
  const title = kind === 'cluster IP' ? 'internal' : 'external';
  return policy === 'Local'
    ? `${service.label} has endpoints, but none on ${name}, and its ${title} traffic policy is Local.`
    : `${service.label} has endpoints, but its topologyKeys allow ${name} none of them.`;
};

const untouchedReason = (packet: Packet, { services, options, machine, name }: TracePlace): string => {
  const others = otherPorts(packet, services);
  if (others !== '') return others;
  const nodePort = nodePortEntry(packet, services);
  if (nodePort !== undefined) {
    const what = machine.localAddresses.has(packet.to) ? 'none that node ports answer on' : `no address of ${name}`;
    return `${packet.port} is a node port of ${nodePort.port.label}, but ${packet.to} is ${what}; they answer on ${nodePortPlaces(options)}.`;
  }
  return 'No Service has this address.';
};

/** Where the address is a Service's, and only port or protocol is not. */
const otherPorts = ({ to, port, protocol }: Packet, services: ServicePorts): string => {
  const entries = entriesAt(services, to);
  const [first] = entries;
  if (first === undefined) return '';
  const { namespace, name } = first.port;
  const there = entries.map((entry) => portText(entry.port)).join(', ');
  return `${to} is the ${first.kind} of ${namespace}/${name}, which has no port ${port}/${protocol}; it has ${there}.`;
};
