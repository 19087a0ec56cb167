import type { ResourceRecord } from '#dns/record.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { groupsOf, isAddress } from './groups.ts';

/**
 * The records with CNAMEs first, then other types, then addresses and MX records, these two shuffled. The array itself where there
 * is nothing to do: it may belong to a zone or a cache and is never changed in place.
 */
export const roundRobin = (records: readonly ResourceRecord[], random: () => number): readonly ResourceRecord[] => {
  const first = records[0];
  if (first === undefined || records.length === 1) return records;
  // Nearly every reply is addresses alone, or records that keep their order (SRV, NS, TXT).
  if (isUniform(records, first.type)) {
    if (!isAddress(first) && first.type !== RR_TYPE.MX) return records;
    const copy = records.slice();
    shuffle(copy, random);
    return copy;
  }
  const { cname, rest, address, mx } = groupsOf(records);
  shuffle(address, random);
  shuffle(mx, random);
  return cname.concat(rest, address, mx);
};

const isUniform = (records: readonly ResourceRecord[], type: number): boolean => {
  for (let i = 1; i < records.length; i++) if (records[i]?.type !== type) return false;
  return true;
};

/** Puts records in a random order, in place. Two are swapped half of the time, as in CoreDNS. */
const shuffle = (records: ResourceRecord[], random: () => number): void => {
  if (records.length === 2) {
    if (random() < 0.5) records.reverse();
    return;
  }
  for (let i = 0; i < records.length - 1; i++) {
    const j = i + Math.floor(random() * (records.length - i));
    const record = records[i] as ResourceRecord;
    records[i] = records[j] as ResourceRecord;
    records[j] = record;
  }
};
