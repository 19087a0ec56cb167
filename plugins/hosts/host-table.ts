import { addressText } from '#dns/address.ts';
import { firstLabel, longestMatch, type Name, parentOf } from '#dns/name.ts';
import { addressRecord, type ResourceRecord } from '#dns/record.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { readHostLine } from './host-line.ts';

/** How the lines become records. */
export interface HostTableOptions {
  readonly zones: readonly Name[];
  readonly ttlSeconds: number;
  readonly hasReverse: boolean;
}

const NONE: readonly ResourceRecord[] = [];

/** What hosts lines say: A and AAAA records by name, names by address. Immutable once made. */
export class HostTable {
  /** Records of exact names and of wildcard owners, A and AAAA apart. */
  readonly #exact = { a: new Map<Name, ResourceRecord[]>(), aaaa: new Map<Name, ResourceRecord[]>() };
  readonly #wild = { a: new Map<Name, ResourceRecord[]>(), aaaa: new Map<Name, ResourceRecord[]>() };
  readonly #names = new Map<string, Name[]>();
  /** Addresses of names and names of addresses, taken together. */
  readonly size: number;

  /** `complain` is told of each line that says nothing, by its number from 1. */
  constructor(lines: readonly string[], options: HostTableOptions, complain: (line: number, what: string) => void) {
    let size = 0;
    for (const [index, text] of lines.entries()) {
      const line = readHostLine(text);
      if (line === null) continue;
      if ('complaint' in line) {
        complain(index + 1, `${line.complaint}, the line is ignored`);
        continue;
      }
      for (const bad of line.badNames) complain(index + 1, `"${bad}" is not a name, the name is ignored`);
      for (const name of line.names) size += this.#add(name, line.address, options);
    }
    this.size = size;
  }

  /** A or AAAA records of a name: its own, else those of the wildcard one label up. */
  records(name: Name, type: number): readonly ResourceRecord[] {
    const family = type === RR_TYPE.A ? 'a' : 'aaaa';
    const own = this.#exact[family].get(name);
    if (own !== undefined) return own;
    const wild = this.#wild[family];
    if (wild.size === 0) return NONE;
    const pattern = wildcardOf(name);
    const records = pattern === null ? undefined : wild.get(pattern);
    return records?.map((record) => record.withOwner(name)) ?? NONE;
  }

  /** Names of an address, in the order of the lines. */
  namesOf(address: Uint8Array): readonly Name[] {
    return this.#names.get(addressText(address)) ?? [];
  }

  /** Adds one name; gives how many entries that makes. */
  #add(name: Name, address: Uint8Array, { zones, ttlSeconds, hasReverse }: HostTableOptions): number {
    if (longestMatch(name, zones) === null) return 0;
    const isWild = firstLabel(name) === '*';
    const family = address.length === 4 ? 'a' : 'aaaa';
    push((isWild ? this.#wild : this.#exact)[family], name, addressRecord(name, ttlSeconds, address));
    if (isWild || !hasReverse) return 1;
    push(this.#names, addressText(address), name);
    return 2;
  }
}

/** The wildcard that covers a name: `*` for its first label. Null for the root and for names of one label. */
export const wildcardOf = (name: Name): Name | null => {
  const parent = parentOf(name);
  return parent.length <= 1 ? null : (`\x01*${parent}` as Name);
};

const push = <K, V>(map: Map<K, V[]>, key: K, value: V): void => {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
};
