import { HEADER_OCTETS } from '#dns/decode.ts';
import { foldOctet, type MessageView } from '#dns/message-view.ts';
import { findPatchPoints, type PatchPoints } from '#dns/patch.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import type { Provenance, RepeatedTally } from '#plugin/index.ts';

/** A remembered reply: what it answers, its octets, and all that decides whether and how it may be sent again. */
export class Entry {
  readonly hash: number;
  readonly variant: number;
  /** True where only the very spelling of `question` is answered. */
  readonly isSpellingBound: boolean;
  /** QNAME, folded unless `isSpellingBound`, type and class as they stand in a question. */
  readonly question: Uint8Array;
  /** The whole reply, not truncated. */
  readonly message: Buffer;
  readonly points: PatchPoints;
  /** Monotonic ms, -1 where TTLs stay as they are. */
  readonly bornAtMs: number;
  /** Seconds already taken off the TTLs in `message`. */
  readonly agedSeconds: number;
  readonly untilMs: number;
  readonly slots: readonly number[];
  readonly seen: readonly number[];
  readonly isRotated: boolean;
  readonly tallies: readonly RepeatedTally[];
  /** What it costs in octets, about. */
  readonly cost: number;
  /** Next entry with the same hash. */
  next: Entry | null = null;
  /** Used since the last sweep went by. */
  isWarm = false;

  constructor(view: MessageView, message: Buffer, points: PatchPoints, provenance: Provenance) {
    this.hash = view.hash;
    this.variant = view.variant;
    this.isSpellingBound = provenance.isSpellingBound;
    this.question = keyQuestion(view, provenance.isSpellingBound);
    this.message = message;
    this.points = points;
    this.bornAtMs = provenance.bornAtMs;
    this.agedSeconds = provenance.agedSeconds;
    this.untilMs = provenance.repeatableUntilMs;
    this.slots = provenance.slots;
    this.seen = provenance.seen;
    // `loadbalance` shuffles NOERROR replies only.
    const isNoError = ((message[3] as number) & 15) === RCODE.NOERROR;
    this.isRotated = provenance.isRotated && isNoError && points.rotating.length > 0;
    this.tallies = provenance.tallies;
    this.cost = OVERHEAD + message.length + this.question.length + 8 * (points.ttls.length + this.slots.length);
  }

  /** True where this entry answers the question in view. */
  matches(view: MessageView): boolean {
    const { question } = this;
    if (this.variant !== view.variant || question.length !== view.questionEnd - HEADER_OCTETS) return false;
    const { bytes } = view;
    const folds = this.isSpellingBound ? 0 : view.nameEnd - HEADER_OCTETS;
    for (let i = 0; i < folds; i++) if (foldOctet(bytes[i + HEADER_OCTETS] as number) !== question[i]) return false;
    for (let i = folds; i < question.length; i++) if (bytes[i + HEADER_OCTETS] !== question[i]) return false;
    return true;
  }
}

/** Objects and buffers around the octets of an entry. */
const OVERHEAD = 600;

const keyQuestion = (view: MessageView, isSpellingBound: boolean): Uint8Array => {
  const question = Uint8Array.from(view.bytes.subarray(HEADER_OCTETS, view.questionEnd));
  if (isSpellingBound) return question;
  for (let i = 0; i < view.nameEnd - HEADER_OCTETS; i++) question[i] = foldOctet(question[i] as number);
  return question;
};

/** An entry for this reply, or null where it can't be sent again by patching. */
export const makeEntry = (view: MessageView, message: Buffer, provenance: Provenance): Entry | null => {
  const points = findPatchPoints(message);
  if (provenance.isRotated && points.hasRotatingNames) return null;
  if (points.optOffset >= 0 !== view.hasOpt) return null;
  return new Entry(view, message, points, provenance);
};
