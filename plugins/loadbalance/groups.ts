import type { ResourceRecord } from '#dns/record.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';

/** Records of one section by what becomes of them, each group in its old order. */
export interface Groups {
  readonly cname: ResourceRecord[];
  readonly address: ResourceRecord[];
  readonly mx: ResourceRecord[];
  readonly rest: ResourceRecord[];
}

/** True for A and AAAA. */
export const isAddress = ({ type }: ResourceRecord): boolean => type === RR_TYPE.A || type === RR_TYPE.AAAA;

/** Sorts records into groups. */
export const groupsOf = (records: readonly ResourceRecord[]): Groups => {
  const groups: Groups = { cname: [], address: [], mx: [], rest: [] };
  for (const record of records) {
    if (isAddress(record)) groups.address.push(record);
    else if (record.type === RR_TYPE.CNAME) groups.cname.push(record);
    else if (record.type === RR_TYPE.MX) groups.mx.push(record);
    else groups.rest.push(record);
  }
  return groups;
};
