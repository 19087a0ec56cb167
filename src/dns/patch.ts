import { HEADER_OCTETS, WireReader } from './decode.ts';
import { foldName } from './name.ts';
import { RR_TYPE } from './registry/rr-types.ts';

/** RDATA of one RRset that may change places: all of the same length and without names in them. */
export interface RotatingSet {
  readonly octets: number;
  readonly offsets: readonly number[];
}

/** Where things stand in an encoded reply that differ from one sending to the next. */
export interface PatchPoints {
  /** Offsets of the TTL fields, without the OPT's. */
  readonly ttlOffsets: readonly number[];
  readonly ttls: readonly number[];
  /** Offset of the OPT record, -1 where there is none. */
  readonly optOffset: number;
  readonly rotating: readonly RotatingSet[];
  /** Offsets of the serials of SOA records. */
  readonly serialOffsets: readonly number[];
  /** True where an RRset with names in its RDATA (MX) would have to rotate: such a reply can't be rotated in place. */
  readonly hasRotatingNames: boolean;
}

/** Finds the patch points of a message that we encoded ourselves; not for the hot path. */
export const findPatchPoints = (message: Buffer): PatchPoints => {
  const reader = new WireReader(message, HEADER_OCTETS);
  for (let left = message.readUInt16BE(4); left > 0; left--) reader.question();
  const ttlOffsets: number[] = [];
  const ttls: number[] = [];
  const sets = new Map<string, { octets: number; offsets: number[]; type: number }>();
  const serialOffsets: number[] = [];
  let optOffset = -1;
  for (let section = 0; section < 3; section++) {
    for (let left = message.readUInt16BE(6 + 2 * section); left > 0; left--) {
      const start = reader.at;
      const owner = reader.name();
      if (owner === undefined) throw new Error('a reply of our own does not decode');
      const { at } = reader;
      const type = message.readUInt16BE(at);
      const octets = message.readUInt16BE(at + 8);
      reader.at = at + 10 + octets;
      if (type === RR_TYPE.OPT) {
        optOffset = start;
        continue;
      }
      ttlOffsets.push(at + 4);
      ttls.push(message.readUInt32BE(at + 4));
      // SERIAL REFRESH RETRY EXPIRE MINIMUM, 4 octets each, end the RDATA (RFC 1035, section 3.3.13).
      if (type === RR_TYPE.SOA) serialOffsets.push(at + 10 + octets - 20);
      if (type !== RR_TYPE.A && type !== RR_TYPE.AAAA && type !== RR_TYPE.MX) continue;
      const key = `${section} ${type} ${foldName(owner)}`;
      const set = sets.get(key);
      if (set === undefined) sets.set(key, { octets, offsets: [at + 10], type });
      else set.offsets.push(at + 10);
    }
  }
  const several = [...sets.values()].filter(({ offsets }) => offsets.length > 1);
  return {
    ttlOffsets,
    ttls,
    optOffset,
    serialOffsets,
    rotating: several.filter(({ type }) => type !== RR_TYPE.MX),
    hasRotatingNames: several.some(({ type }) => type === RR_TYPE.MX),
  };
};

/**
 * Puts the RDATA of a set in a new random order, in place. The message begins at `start`; the offsets of its RDATA are `count` of
 * `offsets`, from `first` on, each of `octets` octets. `random` is uniform in [0, 1).
 */
export const rotate = (
  message: Uint8Array,
  start: number,
  offsets: Int32Array,
  first: number,
  count: number,
  octets: number,
  random: () => number,
): void => {
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    if (i === j) continue;
    const a = start + (offsets[first + i] as number);
    const b = start + (offsets[first + j] as number);
    for (let k = 0; k < octets; k++) {
      const octet = message[a + k] as number;
      message[a + k] = message[b + k] as number;
      message[b + k] = octet;
    }
  }
};
