import { RR_TYPE } from './registry/rr-types.ts';

/** One step through RDATA: n octets, a domain name, a character-string, or all that is left. */
export type RdataStep = number | 'name' | 'string' | 'rest';

const one = ['name'] as const;
const two = ['name', 'name'] as const;
const preferred = [2, 'name'] as const;

/** Where names stand in the RDATA of the types that have any; a type that is not listed is opaque octets (RFC 3597). */
export const RDATA_LAYOUT: ReadonlyMap<number, readonly RdataStep[]> = new Map<number, readonly RdataStep[]>([
  [RR_TYPE.NS, one],
  [RR_TYPE.MD, one],
  [RR_TYPE.MF, one],
  [RR_TYPE.CNAME, one],
  [RR_TYPE.SOA, ['name', 'name', 20]],
  [RR_TYPE.MB, one],
  [RR_TYPE.MG, one],
  [RR_TYPE.MR, one],
  [RR_TYPE.PTR, one],
  [RR_TYPE.MINFO, two],
  [RR_TYPE.MX, preferred],
  [RR_TYPE.RP, two],
  [RR_TYPE.AFSDB, preferred],
  [RR_TYPE.RT, preferred],
  [RR_TYPE.SIG, [18, 'name', 'rest']],
  [RR_TYPE.PX, [2, 'name', 'name']],
  [RR_TYPE.NXT, ['name', 'rest']],
  [RR_TYPE.SRV, [6, 'name']],
  [RR_TYPE.NAPTR, [4, 'string', 'string', 'string', 'name']],
  [RR_TYPE.KX, preferred],
  [RR_TYPE.DNAME, one],
  [RR_TYPE.RRSIG, [18, 'name', 'rest']],
  [RR_TYPE.NSEC, ['name', 'rest']],
]);

/** Types whose RDATA names a sender may compress: those of RFC 1035 (RFC 3597, section 4). */
export const COMPRESSED_RDATA: ReadonlySet<number> = new Set([
  RR_TYPE.NS,
  RR_TYPE.MD,
  RR_TYPE.MF,
  RR_TYPE.CNAME,
  RR_TYPE.SOA,
  RR_TYPE.MB,
  RR_TYPE.MG,
  RR_TYPE.MR,
  RR_TYPE.PTR,
  RR_TYPE.MINFO,
  RR_TYPE.MX,
]);

/** Octets that RDATA of a fixed-size type must have. */
export const FIXED_RDATA: ReadonlyMap<number, number> = new Map([
  [RR_TYPE.A, 4],
  [RR_TYPE.AAAA, 16],
]);
