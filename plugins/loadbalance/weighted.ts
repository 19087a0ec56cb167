import { foldName } from '#dns/name.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { groupsOf } from './groups.ts';
import { type Weights, weightOf } from './weights.ts';

/**
 * CNAMEs, other types, addresses, MX, with an address picked by its weight in front of the others. The array itself where there is
 * no address.
 */
export const topByWeight = (
  records: readonly ResourceRecord[],
  weights: Weights,
  random: () => number,
): readonly ResourceRecord[] => {
  const { cname, rest, address, mx } = groupsOf(records);
  if (address.length === 0) return records;
  const top = pickTop(address, weights, random);
  const first = address[0] as ResourceRecord;
  address[0] = address[top] as ResourceRecord;
  address[top] = first;
  return cname.concat(rest, address, mx);
};

/** Index of an address, each as likely as its weight is of the sum. The heaviest come first on the scale, as in CoreDNS. */
const pickTop = (address: readonly ResourceRecord[], weights: Weights, random: () => number): number => {
  const scale = address.map((record, index) => ({
    index,
    weight: weightOf(weights, foldName(record.owner), record.rdata),
  }));
  const sum = scale.reduce((total, { weight }) => total + weight, 0);
  scale.sort((a, b) => b.weight - a.weight);
  let left = Math.floor(random() * sum);
  for (const { index, weight } of scale) {
    if (left < weight) return index;
    left -= weight;
  }
  return 0;
};
