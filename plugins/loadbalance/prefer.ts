import type { ResourceRecord } from '#dns/record.ts';
import { groupsOf } from './groups.ts';
import { isInSubnet, type Subnet } from './subnet.ts';

/** CNAMEs, then addresses with those in the subnets first (in the order of the subnets), then MX, then the rest. */
export const preferSubnets = (
  records: readonly ResourceRecord[],
  subnets: readonly Subnet[],
): readonly ResourceRecord[] => {
  if (records.length <= 1) return records;
  const { cname, address, mx, rest } = groupsOf(records);
  return cname.concat(sortBySubnet(address, subnets), mx, rest);
};

const sortBySubnet = (address: readonly ResourceRecord[], subnets: readonly Subnet[]): ResourceRecord[] => {
  const sorted = new Set<ResourceRecord>();
  for (const subnet of subnets) for (const record of address) if (isInSubnet(record.rdata, subnet)) sorted.add(record);
  for (const record of address) sorted.add(record);
  return [...sorted];
};
