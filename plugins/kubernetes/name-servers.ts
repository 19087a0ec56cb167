import type { WireName } from '#dns/name.ts';
import { addressRecord, nsRecord, type ResourceRecord } from '#dns/record.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import type { ServiceEntry, SliceEntry } from '#kube/store.ts';
import type { Ask } from './ask.ts';
import type { Backend } from './backend.ts';
import { endpointName } from './endpoint-name.ts';
import { found, type Outcome } from './outcome.ts';
import { nameBelow, serviceText } from './target-name.ts';

const DEFAULT_NS = '\x02ns\x03dns';

/** One of the zone's name servers: this one, by a name and an address that clients can use. */
interface NameServer {
  readonly name: WireName;
  readonly octets: Uint8Array;
}

/** True for `ns.dns.ZONE`. */
export const isDefaultNs = ({ name, zone }: Ask): boolean =>
  name.length === zone.length + DEFAULT_NS.length && name.startsWith(DEFAULT_NS);

/** A or AAAA of `ns.dns.ZONE`; NODATA where this server has no address of that family. */
export const defaultNsAddresses = (backend: Backend, ask: Ask): Outcome => {
  const { ttlSeconds } = backend.options;
  const records: ResourceRecord[] = [];
  for (const { octets } of nameServers(backend, ask))
    if (octets.length === (ask.type === RR_TYPE.A ? 4 : 16) && !records.some(({ rdata }) => isSame(rdata, octets)))
      records.push(addressRecord(ask.spelled, ttlSeconds, octets));
  return found(records);
};

/** NS at the zone's apex, with the addresses of the targets. */
export const answerNs = (backend: Backend, ask: Ask): Outcome => {
  const { ttlSeconds } = backend.options;
  const answer: ResourceRecord[] = [];
  const additional: ResourceRecord[] = [];
  const names = new Set<string>();
  for (const { name, octets } of nameServers(backend, ask)) {
    if (additional.some(({ owner, rdata }) => owner === name && isSame(rdata, octets))) continue;
    additional.push(addressRecord(name, ttlSeconds, octets));
    if (names.has(name)) continue;
    names.add(name);
    answer.push(nsRecord(ask.spelled, ttlSeconds, name));
  }
  return found(answer, additional);
};

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/**
 * The Services that select this server: by name with their cluster IPs, or, headless, by the names of their endpoints. Where no
 * endpoint has one of our addresses, `ns.dns.ZONE` with these addresses. The reply depends on this machine, so it is never repeated
 * from memory.
 */
const nameServers = (backend: Backend, ask: Ask): readonly NameServer[] => {
  const { cluster, ownAddresses, options } = backend;
  const { provenance } = ask.query;
  provenance.forbid();
  const servers: NameServer[] = [];
  let isSelected = false;
  for (const { text } of options.hasEndpoints ? ownAddresses : []) {
    provenance.dependOn(cluster.slotOf(`ip/${text}`));
    for (const slice of cluster.store.slicesAt(text)) {
      isSelected = true;
      provenance.dependOn(cluster.slotOf(`svc/${slice.owner.namespace}/${slice.owner.name}`));
      addServers(servers, backend, slice, ask.spelledZone);
    }
  }
  if (isSelected) return servers;
  const name = (DEFAULT_NS + ask.spelledZone) as WireName;
  return ownAddresses.map(({ octets }) => ({ name, octets }));
};

const addServers = (servers: NameServer[], backend: Backend, slice: SliceEntry, zone: WireName): void => {
  const { owner } = slice;
  if (owner.service === null) return;
  if (owner.isHeadless)
    for (const address of slice.addresses)
      addServer(servers, endpointName(address, backend.options.hasEndpointPodNames), owner, address.octets, zone);
  else for (const { octets } of owner.addresses) addServer(servers, '', owner, octets, zone);
};

const addServer = (
  servers: NameServer[],
  endpoint: string,
  owner: ServiceEntry,
  octets: Uint8Array | null,
  zone: WireName,
): void => {
  const name = nameBelow(serviceText(endpoint, owner.name, owner.namespace), zone);
  if (name !== null && octets !== null) servers.push({ name, octets });
};
