import type { IpFamily } from '../../rule-options.ts';
import { addressAndPort } from '../address.ts';
import { type DecidedPort, decideService } from '../decide.ts';
import { serviceEntries } from '../service-entries.ts';
import type { ServicePort } from '../service-port.ts';
import type { ServiceState } from '../service-state.ts';
import { explainEndpoints } from './endpoint-share.ts';
import { endpointTable } from './endpoint-table.ts';
import { type Entry, entriesAt, entriesOfNodePort, entriesOfPort } from './entries.ts';
import { entriesLines, nodePortPlaces } from './entry-lines.ts';
import { lostNotes, portNotes } from './port-notes.ts';
import type { ExplainScene, Explanation, Question } from './question.ts';
import { sliceNotes } from './slice-notes.ts';

const FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6'];

/** What becomes of traffic to a Service or an address, and why, policy by policy, for people to read. */
export const explain = (scene: ExplainScene, question: Question): Explanation =>
  question.kind === 'service' ? explainService(scene, question) : explainAddress(scene, question);

const answer = (lines: readonly string[]): Explanation => ({ kind: 'answer', text: `${lines.join('\n')}\n` });
const fault = (line: string): Explanation => ({ kind: 'fault', text: `${line}\n` });

type ServiceQuestion = Extract<Question, { kind: 'service' }>;
type AddressQuestion = Extract<Question, { kind: 'address' }>;

const explainService = (scene: ExplainScene, question: ServiceQuestion): Explanation => {
  const state = findService(scene, question);
  if (typeof state === 'string') return fault(state);
  const { service } = state;
  if (service === null) return fault(`there is no Service ${state.key}, only EndpointSlices that name it`);
  const decided = FAMILIES.flatMap((family) => decidedPorts(scene, state, family));
  const asked = decided.filter(({ port }) => isAsked(port, question));
  if (asked.length > 0) return answer(joined(asked.map((one) => portLines(scene, state, one))));
  if (decided.length > 0) {
    const there = [...new Set(decided.map(({ port }) => portText(port)))].join(', ');
    return fault(`${state.key} has no port ${question.port ?? ''}${protocolText(question)}; it has ${there}`);
  }
  const why = serviceEntries(service, 'IPv4');
  return answer([
    `Service ${state.key}: no rules are made for it`,
    `  ${typeof why === 'string' ? why : 'it has no port that traffic could go to'}`,
  ]);
};

const isAsked = (port: ServicePort, { port: wanted, protocol }: ServiceQuestion): boolean =>
  (wanted === null || port.portName === wanted || String(port.port) === wanted) &&
  (protocol === null || port.protocol === protocol);

const protocolText = ({ protocol }: Pick<Question, 'protocol'>): string => (protocol === null ? '' : `/${protocol}`);

/** `http 80/tcp` */
const portText = ({ portName, port, protocol }: ServicePort): string =>
  `${portName === '' ? '' : `${portName} `}${port}/${protocol}`;

/** Without a namespace it is that of `default`, or else the only one of that name. */
const findService = (scene: ExplainScene, { namespace, name }: ServiceQuestion): ServiceState | string => {
  const state = scene.model.service(`${namespace ?? 'default'}/${name}`);
  if (state !== undefined) return state;
  const all = [...scene.model.services()].filter(({ service }) => service !== null);
  const ofName = all.filter(({ service }) => service?.name === name);
  const [first] = ofName;
  if (namespace === null && first !== undefined && ofName.length === 1) return first;
  const wanted = `${namespace ?? 'default'}/${name}`;
  const keys = all.map(({ key }) => key).sort();
  const hint =
    first === undefined
      ? scene.suggest(wanted, keys)
      : `did you mean ${ofName
          .map(({ key }) => `"${key}"`)
          .sort()
          .join(' or ')}?`;
  return `there is no Service ${wanted}${hint === undefined ? whatThereIs(keys) : `; ${hint}`}`;
};

const MAX_SHOWN = 8;

const whatThereIs = (keys: readonly string[]): string => {
  if (keys.length === 0) return '; there are no Services at all';
  const more = keys.length > MAX_SHOWN ? `, and ${keys.length - MAX_SHOWN} more` : '';
  return `; there are ${keys.slice(0, MAX_SHOWN).join(', ')}${more}`;
};

const decidedPorts = (
  { model, families }: ExplainScene,
  state: ServiceState,
  family: IpFamily,
): readonly DecidedPort[] =>
  state.service === null || families[family] === undefined
    ? []
    : decideService(state.service, state.slices, family, model.surroundings);

/** All of a port, or what belongs to one entry of it. */
const portLines = (scene: ExplainScene, state: ServiceState, decided: DecidedPort, only?: Entry): readonly string[] => {
  const { family, key } = decided.port;
  const kept = scene.families[family];
  const { service } = state;
  if (kept === undefined || service === null) return [];
  const settled = kept.services.get(key);
  const entries = settled === undefined ? [] : entriesOfPort(settled);
  const shown = only === undefined ? entries : [only];
  const notes = [
    ...lostNotes(decided.port, settled ?? null, kept.services),
    ...portNotes(decided, service),
    ...sliceNotes(state.slices, decided.port, family),
  ];
  return [
    `Service ${state.key}, port ${portText(decided.port)}, ${family}, on node ${scene.model.surroundings.nodeName}`,
    '',
    ...entriesLines(shown, kept.options),
    ...(shown.length === 0 ? [] : ['']),
    ...endpointTable(explainEndpoints(decided, scene.model.surroundings)),
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => `- ${note}`)]),
  ];
};

const joined = (parts: readonly (readonly string[])[]): readonly string[] =>
  parts.flatMap((lines, index) => (index === 0 ? lines : ['', '', ...lines]));

const explainAddress = (scene: ExplainScene, question: AddressQuestion): Explanation => {
  const { address, port, protocol } = question;
  const family: IpFamily = address.includes(':') ? 'IPv6' : 'IPv4';
  const kept = scene.families[family];
  if (kept === undefined) return fault(`${family} is not served on this node`);
  const here = entriesAt(kept.services, address);
  const nodePorts = port === null ? [] : entriesOfNodePort(kept.services, port);
  const isOwn = scene.localAddresses.has(address);
  const asked = [
    ...here.filter((entry) => port === null || entry.port.port === port),
    ...(isOwn && takesNodePorts(kept.options, address) ? nodePorts : []),
  ].filter((entry) => protocol === null || entry.port.protocol === protocol);
  if (asked.length > 0) return answer(joined(asked.map((entry) => entryOfPort(scene, question, entry))));
  return nothingThere(scene, question, { here, nodePorts, isOwn });
};

const takesNodePorts = (
  { nodePortAddresses, localhostNodePorts }: NonNullable<ExplainScene['families']['IPv4']>['options'],
  address: string,
): boolean => {
  if (address === '::1' || address.startsWith('127.')) return localhostNodePorts && address !== '::1';
  return nodePortAddresses === 'all' || nodePortAddresses.includes(address);
};

const entryOfPort = (scene: ExplainScene, { address, port }: AddressQuestion, entry: Entry): readonly string[] => {
  const { namespace, name, family, key } = entry.port;
  const state = scene.model.service(`${namespace}/${name}`);
  const decided = state === undefined ? [] : decidedPorts(scene, state, family);
  const one = decided.find((candidate) => candidate.port.key === key);
  if (state === undefined || one === undefined) return [];
  const asked = addressAndPort(address, port ?? entry.port.port);
  return [
    `${asked}/${entry.port.protocol} is ${entry.kind === 'node port' ? 'a' : 'the'} ${entry.kind} of ${state.key}`,
    ...portLines(scene, state, one, entry),
  ];
};

interface Near {
  /** Entries at the address, of other ports. */
  readonly here: readonly Entry[];
  readonly nodePorts: readonly Entry[];
  readonly isOwn: boolean;
}

/** Why no rule takes it, and what is near. */
const nothingThere = (
  scene: ExplainScene,
  question: AddressQuestion,
  { here, nodePorts, isOwn }: Near,
): Explanation => {
  const { address, port } = question;
  const asked = `${port === null ? address : addressAndPort(address, port)}${protocolText(question)}`;
  const [first] = here;
  if (first !== undefined) {
    const there = here.map((entry) => portText(entry.port)).join(', ');
    const fate =
      scene.mode === 'nftables' && first.kind === 'cluster IP' ? ', so it is rejected' : ', so no rule changes its way';
    const { namespace, name } = first.port;
    return answer([`${asked}: ${address} is the ${first.kind} of ${namespace}/${name}, which has ${there}${fate}`]);
  }
  const [nodePort] = nodePorts;
  const options = scene.families[address.includes(':') ? 'IPv6' : 'IPv4']?.options;
  if (nodePort !== undefined && options !== undefined) {
    const { namespace, name } = nodePort.port;
    return answer([
      `${asked}: ${port} is a node port of ${namespace}/${name}, but ${address} is ${isOwn ? 'none that node ports answer on' : 'no address of this node'}; they answer on ${nodePortPlaces(options)}`,
    ]);
  }
  const services = servicesWithEndpoint(scene, address);
  if (services.length > 0)
    return answer([
      `${asked}: no rule changes its way; ${address} is an endpoint of ${services.join(', ')}, and is reached without the proxy`,
    ]);
  const hint = scene.suggest(address, allAddresses(scene));
  return fault(`${asked}: no Service has this address${hint === undefined ? '' : `; ${hint}`}`);
};

const servicesWithEndpoint = ({ model }: ExplainScene, address: string): readonly string[] =>
  [...model.services()]
    .filter(
      ({ service, slices }) =>
        service !== null && slices.some(({ endpoints }) => endpoints.some(({ addresses }) => addresses[0] === address)),
    )
    .map(({ key }) => key)
    .sort();

const allAddresses = ({ families }: ExplainScene): readonly string[] => [
  ...new Set(
    FAMILIES.flatMap((family) =>
      [...(families[family]?.services.values() ?? [])].flatMap((port) =>
        entriesOfPort(port).flatMap(({ address }) => (address === '' ? [] : [address])),
      ),
    ),
  ),
];
