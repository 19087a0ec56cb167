import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { parseRequest, type RecordRequest } from '#kube/name-grammar.ts';
import type { ReadyAddress, ServiceEntry, SliceEntry } from '#kube/store.ts';
import { octetsOf } from '#kube/store.ts';
import type { Ask } from './ask.ts';
import { type Backend, isExposed } from './backend.ts';
import { endpointName } from './endpoint-name.ts';
import { isReverse } from './options.ts';

/** One (owner, address, port) that a name stands for. */
export interface Candidate {
  /** An address, or the name that an ExternalName Service points to. */
  readonly host: string;
  /** null where `host` is a name. */
  readonly octets: Uint8Array | null;
  /** -1 where the Service or slice has no ports. */
  readonly port: number;
  /** Labels that an SRV record's target is made of; `endpoint` is '' for a cluster IP or a Pod. */
  readonly endpoint: string;
  readonly owner: string;
  readonly namespace: string;
  readonly kind: 'svc' | 'pod';
}

const NONE: readonly Candidate[] = Object.freeze([]);

/** Ports of a Service or slice that has none: it has addresses, and no SRV records. */
const NO_PORT = [{ name: '', protocol: '', port: -1 }] as const;

/** All that a name stands for, in the order of the store: an empty list for a name with nothing at it, null for no such name. */
export const findCandidates = (backend: Backend, ask: Ask): readonly Candidate[] | null => {
  const request = parseRequest(ask.name, ask.zone);
  if (request === null) return null;
  if (request.kind === '') return NONE;
  if (isReverse(ask.name)) return null;
  const { cluster } = backend;
  const { provenance } = ask.query;
  provenance.dependOn(cluster.slotOf(`ns/${request.namespace}`));
  if (!isExposed(backend, request.namespace)) return null;
  return request.kind === 'pod' ? podCandidates(backend, ask, request) : serviceCandidates(backend, ask, request);
};

const podCandidates = (backend: Backend, ask: Ask, request: RecordRequest): readonly Candidate[] | null => {
  const { cluster, options } = backend;
  const { namespace, service: label } = request;
  if (options.podMode === 'disabled') return null;
  if (label === '') return NONE;
  const host = addressInLabel(label);
  const candidate: Candidate = {
    host,
    octets: octetsOf(host),
    port: 0,
    endpoint: '',
    owner: label,
    namespace,
    kind: 'pod',
  };
  if (options.podMode === 'insecure') return candidate.octets === null ? null : [candidate];
  ask.query.provenance.dependOn(cluster.slotOf(`pod/${namespace}/${host}`));
  const count = cluster.store.podCountAt(namespace, host);
  return count === 0 ? null : Array.from({ length: count }, () => candidate);
};

/** `10-244-0-1` is an IPv4 address, everything else with dashes an IPv6 address. */
const addressInLabel = (label: string): string => {
  const dashes = label.split('-').length - 1;
  return label.replaceAll('-', dashes === 3 && !label.includes('--') ? '.' : ':');
};

const serviceCandidates = (backend: Backend, ask: Ask, request: RecordRequest): readonly Candidate[] | null => {
  const { cluster, options } = backend;
  const { namespace, service: name } = request;
  if (name === '') return NONE;
  ask.query.provenance.dependOn(cluster.slotOf(`svc/${namespace}/${name}`));
  const entry = cluster.store.service(namespace, name);
  const service = entry?.service;
  if (entry === undefined || !service) return null;
  if (service.type === 'ExternalName') return externalName(entry, request);
  const isHeadless = entry.isHeadless;
  if (options.isEmptyServiceIgnored && !isHeadless && !(options.hasEndpoints && entry.hasReadyAddress)) return null;
  // Only SRV records tell ports apart; for the rest one port that fits is enough.
  const isEachPort = ask.type === RR_TYPE.SRV;
  if (isHeadless || request.endpoint !== '')
    return options.hasEndpoints ? endpointCandidates(entry, request, options.hasEndpointPodNames, isEachPort) : null;
  return clusterIpCandidates(entry, request, isEachPort);
};

/** No endpoint and no port may stand in front of an ExternalName, and an address is no external name. */
const externalName = (
  entry: ServiceEntry,
  { endpoint, port, protocol }: RecordRequest,
): readonly Candidate[] | null => {
  const host = entry.service?.externalName ?? '';
  if (endpoint !== '' || port !== '' || protocol !== '' || host === '' || octetsOf(host) !== null) return null;
  const { name: owner, namespace } = entry;
  return [{ host, octets: null, port: 0, endpoint: '', owner, namespace, kind: 'svc' }];
};

interface PortLike {
  readonly name: string;
  readonly protocol: string;
  readonly port: number | null;
}

const isPortAsked = ({ port, protocol }: RecordRequest, offered: PortLike): boolean =>
  (port === '' || isSameText(port, offered.name)) && (protocol === '' || isSameText(protocol, offered.protocol));

const isSameText = (folded: string, text: string): boolean => folded === text || folded === text.toLowerCase();

const clusterIpCandidates = (
  entry: ServiceEntry,
  request: RecordRequest,
  isEachPort: boolean,
): readonly Candidate[] | null => {
  const { name: owner, namespace, service, addresses } = entry;
  const ports: readonly PortLike[] = service?.ports.length ? service.ports : NO_PORT;
  let candidates: Candidate[] | null = null;
  for (const offered of ports) {
    if (!isPortAsked(request, offered)) continue;
    candidates ??= [];
    const port = offered.port ?? -1;
    for (const { text: host, octets } of addresses)
      candidates.push({ host, octets, port, endpoint: '', owner, namespace, kind: 'svc' });
    if (!isEachPort) break;
  }
  return candidates;
};

const endpointCandidates = (
  entry: ServiceEntry,
  request: RecordRequest,
  hasPodNames: boolean,
  isEachPort: boolean,
): readonly Candidate[] | null => {
  const candidates: Candidate[] = [];
  for (const slice of entry.slices) {
    const ports: readonly PortLike[] = slice.slice.ports.length > 0 ? slice.slice.ports : NO_PORT;
    let asked = ports.filter((port) => isPortAsked(request, port));
    if (asked.length === 0) continue;
    if (!isEachPort) asked = asked.slice(0, 1);
    addEndpoints(candidates, slice, request.endpoint, asked, hasPodNames);
  }
  return candidates.length === 0 ? null : candidates;
};

const addEndpoints = (
  candidates: Candidate[],
  { owner: { name: owner, namespace }, addresses }: SliceEntry,
  asked: string,
  ports: readonly PortLike[],
  hasPodNames: boolean,
): void => {
  for (const address of addresses) {
    const endpoint = endpointName(address, hasPodNames);
    if (asked !== '' && !isSameText(asked, endpoint)) continue;
    for (const { port } of ports) candidates.push(endpointCandidate(address, port ?? -1, endpoint, owner, namespace));
  }
};

const endpointCandidate = (
  address: ReadyAddress,
  port: number,
  endpoint: string,
  owner: string,
  namespace: string,
): Candidate => ({ host: address.text, octets: address.octets, port, endpoint, owner, namespace, kind: 'svc' });
