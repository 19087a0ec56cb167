import { HEADER_OCTETS } from '#dns/decode.ts';
import { foldOctet, type MessageView } from '#dns/message-view.ts';
import { findPatchPoints, type RotatingSet } from '#dns/patch.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { Additions } from '#metrics/cells.ts';
import type { Provenance } from '#plugin/index.ts';

/** All that is kept of a reply; plain numbers and octets, so that it can be handed to another thread. */
export interface EntryFields {
  readonly hash: number;
  readonly variant: number;
  /** True where only the very spelling of the question is answered. */
  readonly isSpellingBound: boolean;
  /** The question (QNAME, folded unless `isSpellingBound`, type and class), and behind it the whole reply, not truncated. */
  readonly octets: Uint8Array;
  readonly questionOctets: number;
  /** Offsets in the reply of the TTL fields. */
  readonly ttlOffsets: readonly number[];
  readonly ttls: readonly number[];
  /** Offset in the reply of the OPT record, -1 where there is none. */
  readonly optOffset: number;
  readonly rotating: readonly RotatingSet[];
  /** Offset in the reply of the SOA's serial and the shared value that it follows; -1 where it stays as it is. */
  readonly serialOffset: number;
  readonly serialValue: number;
  /** Monotonic ms, -1 where TTLs stay as they are. */
  readonly bornAtMs: number;
  /** Seconds already taken off the TTLs in the reply. */
  readonly agedSeconds: number;
  readonly untilMs: number;
  readonly slots: readonly number[];
  readonly seen: readonly number[];
  /** What a sending adds to which cells of the metrics. */
  readonly cells: readonly number[];
  readonly amounts: readonly number[];
}

/** A remembered reply: what it answers, its octets, and all that decides whether and how it may be sent again. */
export class Entry {
  readonly fields: EntryFields;
  readonly hash: number;
  readonly variant: number;
  readonly octets: Uint8Array;
  readonly questionOctets: number;
  /** Octets of the reply. */
  readonly length: number;
  readonly untilMs: number;
  readonly slots: readonly number[];
  readonly seen: readonly number[];
  readonly cells: readonly number[];
  readonly amounts: readonly number[];
  /** What it costs in octets, about. */
  readonly cost: number;
  /** Next entry with the same hash. */
  next: Entry | null = null;
  /** Used since the last sweep went by. */
  isWarm = false;

  constructor(fields: EntryFields) {
    this.fields = fields;
    this.hash = fields.hash;
    this.variant = fields.variant;
    this.octets = fields.octets;
    this.questionOctets = fields.questionOctets;
    this.length = fields.octets.length - fields.questionOctets;
    this.untilMs = fields.untilMs;
    this.slots = fields.slots;
    this.seen = fields.seen;
    this.cells = fields.cells;
    this.amounts = fields.amounts;
    const numbers = 2 * (fields.ttls.length + fields.slots.length + fields.cells.length);
    this.cost = OVERHEAD + fields.octets.length + 8 * numbers;
  }

  /** True where this entry answers the question in view. */
  matches(view: MessageView): boolean {
    const { octets, questionOctets } = this;
    if (this.variant !== view.variant || questionOctets !== view.questionEnd - HEADER_OCTETS) return false;
    const { bytes } = view;
    const folds = this.fields.isSpellingBound ? 0 : view.nameEnd - HEADER_OCTETS;
    for (let i = 0; i < folds; i++) if (foldOctet(bytes[i + HEADER_OCTETS] as number) !== octets[i]) return false;
    for (let i = folds; i < questionOctets; i++) if (bytes[i + HEADER_OCTETS] !== octets[i]) return false;
    return true;
  }
}

/** Objects and buffers around the octets of an entry, as a heap snapshot of many shows them. */
const OVERHEAD = 600;

/** An entry for this whole reply to the query in view, or null where it can't be sent again by patching or can't be counted. */
export const makeEntry = (view: MessageView, message: Buffer, provenance: Provenance): Entry | null => {
  const points = findPatchPoints(message);
  if (provenance.isRotated && points.hasRotatingNames) return null;
  if (points.optOffset >= 0 !== view.hasOpt) return null;
  const { serialValue } = provenance;
  if (serialValue >= 0 && points.serialOffsets.length !== 1) return null;
  const additions = new Additions();
  for (const tally of provenance.tallies) tally.note(view, additions);
  if (!additions.isComplete) return null;
  // `loadbalance` shuffles NOERROR replies only.
  const isRotated = provenance.isRotated && ((message[3] as number) & 15) === RCODE.NOERROR;
  return new Entry({
    hash: view.hash,
    variant: view.variant,
    isSpellingBound: provenance.isSpellingBound,
    octets: keyAndReply(view, message, provenance.isSpellingBound),
    questionOctets: view.questionEnd - HEADER_OCTETS,
    ttlOffsets: points.ttlOffsets,
    ttls: points.ttls,
    optOffset: points.optOffset,
    rotating: isRotated ? points.rotating : [],
    serialOffset: serialValue >= 0 ? (points.serialOffsets[0] as number) : -1,
    serialValue,
    bornAtMs: provenance.bornAtMs,
    agedSeconds: provenance.agedSeconds,
    untilMs: provenance.repeatableUntilMs,
    slots: provenance.slots,
    seen: provenance.seen,
    cells: additions.cells,
    amounts: additions.amounts,
  });
};

const keyAndReply = (view: MessageView, message: Buffer, isSpellingBound: boolean): Uint8Array => {
  const questionOctets = view.questionEnd - HEADER_OCTETS;
  const octets = new Uint8Array(questionOctets + message.length);
  octets.set(view.bytes.subarray(HEADER_OCTETS, view.questionEnd));
  if (!isSpellingBound)
    for (let i = 0; i < view.nameEnd - HEADER_OCTETS; i++) octets[i] = foldOctet(octets[i] as number);
  octets.set(message, questionOctets);
  return octets;
};
