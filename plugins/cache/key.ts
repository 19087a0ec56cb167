import { CLASS } from '#dns/registry/classes.ts';
import type { Query } from '#plugin/index.ts';

/** Types below this have their prefixes made once; others, which are rare, each time. */
const REMEMBERED_TYPES = 512;
const prefixes: (string | undefined)[] = new Array(REMEMBERED_TYPES * 4).fill(undefined);

const prefixOf = (type: number, klass: number, bits: number): string =>
  String.fromCharCode(bits, type >> 8, type & 0xff, klass >> 8, klass & 0xff);

/**
 * Key of a query: DO, CD, type and class in five characters in front of the folded name. The characters are octets, so the whole is
 * a one-byte string and costs little to hash. AD is not part of it: it is decided per reply.
 */
export const keyOf = (query: Query): string => {
  const { type } = query;
  const bits = (query.isDnssecOk ? 2 : 0) | (query.request.isCheckingDisabled ? 1 : 0);
  if (query.class !== CLASS.IN || type >= REMEMBERED_TYPES) return prefixOf(type, query.class, bits) + query.name;
  const index = (type << 2) | bits;
  let prefix = prefixes[index];
  if (prefix === undefined) {
    prefix = prefixOf(type, CLASS.IN, bits);
    prefixes[index] = prefix;
  }
  return prefix + query.name;
};
