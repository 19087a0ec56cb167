import { asList, asObject } from '../objects/json.ts';
import { readAddress, readCidr } from './address-text.ts';
import type { ManifestFault } from './fault.ts';
import type { Path } from './locate.ts';
import { label, type ManifestObject } from './read-objects.ts';
import { found } from './shown.ts';

/** What is wrong with a Node's labels, addresses and ranges; it counts all the same. */
export const nodeFaults = (node: ManifestObject): ManifestFault[] => {
  const faults: ManifestFault[] = [];
  const report = (path: Path, message: string): void => {
    faults.push({ position: node.at(path), message: `${label('Node', '', node.name)}: ${message}` });
  };
  for (const [key, value] of Object.entries(asObject(asObject(node.raw.metadata).labels)))
    if (typeof value !== 'string')
      report(['metadata', 'labels', key], `${found(`label ${key}`, value)} is not text: put it in quotes`);
  for (const [index, item] of asList(asObject(node.raw.status).addresses).entries()) {
    const { type, address } = asObject(item);
    if (type !== 'InternalIP' && type !== 'ExternalIP') continue;
    const { problem } = readAddress(typeof address === 'string' ? address : '');
    if (problem !== '') report(['status', 'addresses', index, 'address'], `${found(type, address)} ${problem}`);
  }
  const { podCIDR, podCIDRs } = asObject(node.raw.spec);
  const ranges = asList(podCIDRs).map((cidr, index) => ({ cidr, path: ['spec', 'podCIDRs', index] }));
  if (ranges.length === 0 && podCIDR !== undefined) ranges.push({ cidr: podCIDR, path: ['spec', 'podCIDR'] });
  for (const { cidr, path } of ranges) {
    const { problem } = readCidr(typeof cidr === 'string' ? cidr : '');
    if (problem !== '') report(path, `${found('podCIDR', cidr)} ${problem}`);
  }
  return faults;
};
