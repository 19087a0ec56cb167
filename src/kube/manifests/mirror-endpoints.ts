import { asList, asObject, asText, type RawObject } from '../objects/json.ts';
import { familyOf } from './address-range.ts';
import { readAddress } from './address-text.ts';
import { addEndpoint, buildSlices, type SliceGroup, type SlicePort } from './endpoint-slices.ts';
import type { ManifestFault } from './fault.ts';
import { label, type ManifestObject } from './read-objects.ts';

/** EndpointSlices with what a hand-written Endpoints object holds. */
export const mirrorEndpoints = (
  service: ManifestObject,
  endpoints: ManifestObject,
  faults: ManifestFault[],
): RawObject[] => {
  const groups = new Map<string, SliceGroup>();
  for (const [index, subset] of asList(endpoints.raw.subsets).entries()) {
    const ports = asList(asObject(subset).ports).map(slicePort);
    for (const field of ['addresses', 'notReadyAddresses'] as const) {
      for (const [at, raw] of asList(asObject(subset)[field]).entries()) {
        const written = asText(asObject(raw).ip);
        const { meant, problem } = readAddress(written);
        if (problem !== '') {
          const why = `"${written}" ${problem}${meant === null ? ', so it is left out' : ''}`;
          const message = `${label('Endpoints', endpoints.namespace, endpoints.name)}: ${why}`;
          faults.push({ position: endpoints.at(['subsets', index, field, at, 'ip']), message });
        }
        if (meant === null) continue;
        const ip = problem === '' ? written : meant;
        addEndpoint(groups, familyOf(ip), ports, mirrored(asObject(raw), ip, field === 'addresses'));
      }
    }
  }
  return buildSlices(service, endpoints.raw, [...groups.values()], {
    'endpointslice.kubernetes.io/managed-by': 'cluster-dns',
  });
};

const slicePort = (raw: unknown): SlicePort => {
  const { name, protocol, port } = asObject(raw);
  return { name: asText(name), protocol: asText(protocol) || 'TCP', port: typeof port === 'number' ? port : null };
};

const mirrored = (address: RawObject, ip: string, ready: boolean): RawObject => {
  const target = asObject(address.targetRef);
  return {
    addresses: [ip],
    conditions: { ready, serving: ready, terminating: false },
    ...(asText(address.hostname) === '' ? {} : { hostname: asText(address.hostname) }),
    ...(asText(address.nodeName) === '' ? {} : { nodeName: asText(address.nodeName) }),
    ...(asText(target.name) === '' ? {} : { targetRef: { ...target } }),
  };
};
