import { asList, asObject, asText, type RawObject } from '../objects/json.ts';
import { type AddressRange, allotAddress, familyOf } from './address-range.ts';
import { readAddress } from './address-text.ts';
import type { ManifestFault } from './fault.ts';
import { label, type ManifestObject } from './read-objects.ts';

/** What a Service's `spec` gets from the API server. */
export interface ClusterIps {
  readonly clusterIPs: readonly string[];
  readonly ipFamilies: readonly ('IPv4' | 'IPv6')[];
  readonly ipFamilyPolicy: string;
}

/** ClusterIPs for Services: those that are written stay, the others are allotted from the ranges, the same in every run. */
export const allotClusterIps = (
  services: readonly ManifestObject[],
  ranges: readonly AddressRange[],
  faults: ManifestFault[],
): Map<ManifestObject, ClusterIps> => {
  const given = new Map<ManifestObject, readonly string[]>();
  const owners = new Map<string, ManifestObject>();
  for (const service of services) given.set(service, claimGiven(service, owners, faults));
  const taken = new Set(owners.keys());
  const allotted = new Map<ManifestObject, ClusterIps>();
  for (const service of services) {
    if (specOf(service).type === 'ExternalName') continue;
    allotted.set(service, complete(service, given.get(service) ?? [], ranges, taken, faults));
  }
  return allotted;
};

const specOf = (service: ManifestObject): RawObject => asObject(service.raw.spec);

/** The addresses that the manifest gives and no Service before this one has. */
const claimGiven = (
  service: ManifestObject,
  owners: Map<string, ManifestObject>,
  faults: ManifestFault[],
): string[] => {
  const spec = specOf(service);
  if (spec.type === 'ExternalName') return [];
  const list = asList(spec.clusterIPs);
  const isList = list.length > 0;
  const texts = isList ? list : [spec.clusterIP];
  const claimed: string[] = [];
  for (const [index, value] of texts.entries()) {
    const text = asText(value);
    if (text === '' || text === 'None') {
      if (text === 'None') return ['None'];
      continue;
    }
    const path = isList ? ['spec', 'clusterIPs', index] : ['spec', 'clusterIP'];
    const { meant: address, problem } = readAddress(text);
    const owner = address === null ? undefined : owners.get(address);
    if (address === null || owner !== undefined) {
      const why =
        owner === undefined ? problem : `is the ClusterIP of ${label('Service', owner.namespace, owner.name)} too`;
      const message = `${label('Service', service.namespace, service.name)}: clusterIP ${text} ${why}: leave it out, or give another (another is allotted)`;
      faults.push({ position: service.at(path), message });
      continue;
    }
    if (problem !== '') {
      const message = `${label('Service', service.namespace, service.name)}: clusterIP ${text} ${problem}`;
      faults.push({ position: service.at(path), message });
    }
    owners.set(address, service);
    claimed.push(problem === '' ? text : address);
  }
  return claimed;
};

const complete = (
  service: ManifestObject,
  given: readonly string[],
  ranges: readonly AddressRange[],
  taken: Set<string>,
  faults: ManifestFault[],
): ClusterIps => {
  const spec = specOf(service);
  const policy = asText(spec.ipFamilyPolicy);
  const ipFamilies = wantedFamilies(spec, policy, given, ranges);
  const settle = (clusterIPs: readonly string[], families: readonly ('IPv4' | 'IPv6')[]): ClusterIps => ({
    clusterIPs,
    ipFamilies: families,
    ipFamilyPolicy: policy || (families.length > 1 ? 'RequireDualStack' : 'SingleStack'),
  });
  if (given[0] === 'None') return settle(given, ipFamilies);
  const clusterIPs: string[] = [];
  const families: ('IPv4' | 'IPv6')[] = [];
  for (const family of ipFamilies) {
    const address = given.find((text) => familyOf(text) === family) ?? allot(service, family, ranges, taken);
    if (address === null) {
      const message = `${label('Service', service.namespace, service.name)}: no ${family} ClusterIP is left to allot: give it one in spec.clusterIPs, or a larger service CIDR`;
      faults.push({ position: service.at(['spec', 'ipFamilies']), message });
      continue;
    }
    clusterIPs.push(address);
    families.push(family);
  }
  return settle(clusterIPs, families);
};

const allot = (
  { namespace, name }: ManifestObject,
  family: 'IPv4' | 'IPv6',
  ranges: readonly AddressRange[],
  taken: Set<string>,
): string | null => {
  for (const range of ranges) {
    const address = range.family === family ? allotAddress(range, `${namespace}/${name}`, taken) : null;
    if (address !== null) return address;
  }
  return null;
};

/** The first address decides the first family; `ipFamilies`, the policy and the ranges decide the rest. */
const wantedFamilies = (
  spec: RawObject,
  policy: string,
  given: readonly string[],
  ranges: readonly AddressRange[],
): ('IPv4' | 'IPv6')[] => {
  const named = asList(spec.ipFamilies).filter((family) => family === 'IPv4' || family === 'IPv6');
  const ofGiven = given.filter((text) => text !== 'None').map(familyOf);
  const families = new Set<'IPv4' | 'IPv6'>([...ofGiven, ...named]);
  const available = ranges.map(({ family }) => family);
  if (families.size === 0) families.add(available[0] ?? 'IPv4');
  if (policy === 'RequireDualStack') return [...families.add('IPv4').add('IPv6')];
  if (policy === 'PreferDualStack') for (const family of available) families.add(family);
  return policy === 'SingleStack' ? [...families].slice(0, 1) : [...families];
};
