import ipaddr from 'ipaddr.js';
import { asList, asObject } from '../objects/json.ts';
import { canonicalAddress, familyOf } from './address-range.ts';
import { networkOf, readCidr } from './address-text.ts';
import type { ClusterIps } from './cluster-ips.ts';
import type { ManifestFault } from './fault.ts';
import { label, type ManifestObject } from './read-objects.ts';
import { found } from './shown.ts';

/** The one that every API server makes of its flag; the family of its first range is that of Services that name none. */
const FIRST = 'kubernetes';

/** Ranges of ServiceCIDRs that can be used, those of `kubernetes` first. */
export const readServiceCidrs = (objects: readonly ManifestObject[], faults: ManifestFault[]): string[] => {
  const first = objects.filter(({ name }) => name === FIRST);
  const others = objects.filter(({ name }) => name !== FIRST);
  return [...first, ...others].flatMap((object) => readOne(object, faults));
};

const readOne = (object: ManifestObject, faults: ManifestFault[]): string[] => {
  const { cidrs } = asObject(object.raw.spec);
  const good: string[] = [];
  const report = (path: readonly (string | number)[], message: string): void => {
    const text = `${label(object.kind, '', object.name)}: ${message}`;
    faults.push({ position: object.at(['spec', 'cidrs', ...path]), message: text });
  };
  if (asList(cidrs).length === 0) report([], 'it needs spec.cidrs, a list of ranges such as 10.96.0.0/12');
  for (const [index, value] of asList(cidrs).entries()) {
    const { meant, problem } = readCidr(typeof value === 'string' ? value : '');
    const network = meant === null ? '' : networkOf(meant);
    if (meant === null) report([index], `${found('cidr', value)} ${problem}`);
    else if (problem !== '') report([index], `${found('cidr', value)} has leading zeros: write ${network}`);
    else if (network !== meant)
      report([index], `${found('cidr', value)} does not begin where its range does: write ${network}`);
    else if (good.some((cidr) => familyOf(cidr) === familyOf(meant)))
      report(
        [index],
        `${found('cidr', value)} is the second range of its family, which an API server refuses: put it in a ServiceCIDR of its own`,
      );
    if (network !== '') good.push(network);
  }
  return good;
};

/** Says which ClusterIPs are in none of the ranges, if there are any: an API server would refuse them. */
export const reportOutside = (
  services: readonly ManifestObject[],
  ips: ReadonlyMap<ManifestObject, ClusterIps>,
  cidrs: readonly string[],
  faults: ManifestFault[],
): void => {
  if (cidrs.length === 0) return;
  const ranges = cidrs.map((cidr) => ipaddr.parseCIDR(cidr));
  for (const service of services) {
    const { clusterIP, clusterIPs } = asObject(service.raw.spec);
    const isList = asList(clusterIPs).length > 0;
    for (const [index, value] of (isList ? asList(clusterIPs) : [clusterIP]).entries()) {
      // What is refused for another reason was replaced by one of the ranges.
      if (typeof value !== 'string' || ips.get(service)?.clusterIPs.includes(value) !== true) continue;
      const text = canonicalAddress(value);
      if (text === null) continue;
      const address = ipaddr.parse(text);
      if (ranges.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits))) continue;
      const message = `${label('Service', service.namespace, service.name)}: clusterIP ${value} is in no ServiceCIDR (${cidrs.join(', ')})`;
      faults.push({ position: service.at(['spec', ...(isList ? ['clusterIPs', index] : ['clusterIP'])]), message });
    }
  }
};
