import type { IpFamily } from '../rule-options.ts';
import { type AddressRange, canonicalRange, contains } from './address.ts';

const NONE: readonly string[] = Object.freeze([]);

/**
 * Ranges of one family, sorted; none where one of them is everything. Those of the other family do not count: a Service whose source
 * ranges are all of one family is open in the other, as with kube-proxy. What lies in another range is left out, because an nftables set
 * of ranges takes no overlaps.
 */
export const disjointRanges = (texts: readonly string[], family: IpFamily): readonly string[] => {
  if (texts.length === 0) return NONE;
  const ranges = texts
    .map((text) => canonicalRange(text, family))
    .filter((range): range is AddressRange => range !== null)
    .sort((a, b) => a.prefix - b.prefix);
  if (ranges[0]?.prefix === 0) return NONE;
  const kept: AddressRange[] = [];
  for (const range of ranges) if (!kept.some((wider) => contains(wider, range))) kept.push(range);
  return kept.map(({ text }) => text).sort();
};
