import { addressText } from '#dns/address.ts';
import type { Name } from '#dns/name.ts';
import { ptrRecord, type ResourceRecord } from '#dns/record.ts';
import { addressFromReverseName } from '#dns/reverse.ts';
import { octetsOf } from '#kube/store.ts';
import type { Ask } from './ask.ts';
import { type Backend, isExposed } from './backend.ts';
import { findCandidates } from './candidates.ts';
import { endpointName } from './endpoint-name.ts';
import { found, NODATA, type Outcome } from './outcome.ts';
import { nameBelow, serviceText } from './target-name.ts';

/** PTR: the first Service with the address as a cluster IP, else every endpoint with it. Other names have no PTR records. */
export const answerPtr = (backend: Backend, ask: Ask): Outcome => {
  const octets = addressFromReverseName(ask.name);
  if (octets === null) return findCandidates(backend, ask) === null ? null : NODATA;
  // Addresses are compared as objects spell them; an IPv4-mapped one is spelled as IPv4.
  const address = addressText(octetsOf(addressText(octets)) ?? octets);
  ask.query.provenance.dependOn(backend.cluster.slotOf(`ip/${address}`));
  const targets = serviceAt(backend, ask, address) ?? endpointsAt(backend, ask, address);
  if (targets.length === 0) return null;
  const records: ResourceRecord[] = [];
  for (const target of new Set(targets)) records.push(ptrRecord(ask.spelled, backend.options.ttlSeconds, target));
  return found(records);
};

const serviceAt = (backend: Backend, ask: Ask, address: string): readonly Name[] | null => {
  const { cluster, options } = backend;
  for (const { name, namespace } of cluster.store.servicesAt(address)) {
    if (!isReversed(backend, ask, namespace)) continue;
    const target = nameBelow(serviceText('', name, namespace), options.primaryZone);
    if (target !== null) return [target];
  }
  return null;
};

const endpointsAt = (backend: Backend, ask: Ask, address: string): readonly Name[] => {
  const { cluster, options } = backend;
  const targets: Name[] = [];
  if (!options.hasEndpoints) return targets;
  for (const { owner, addresses } of cluster.store.slicesAt(address)) {
    if (!isReversed(backend, ask, owner.namespace)) continue;
    for (const ready of addresses) {
      if (ready.text !== address) continue;
      const endpoint = endpointName(ready, options.hasEndpointPodNames);
      const target = nameBelow(serviceText(endpoint, owner.name, owner.namespace), options.primaryZone);
      if (target !== null) targets.push(target);
    }
  }
  return targets;
};

/** Without `namespaces`, reverse names answer also for a Namespace that is not there (CoreDNS: plugin/kubernetes/reverse.go). */
const isReversed = (backend: Backend, { query }: Ask, namespace: string): boolean => {
  if (backend.options.namespaces.size === 0) return true;
  query.provenance.dependOn(backend.cluster.slotOf(`ns/${namespace}`));
  return isExposed(backend, namespace);
};
