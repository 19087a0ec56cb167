import { HEADER_OCTETS } from '#dns/decode.ts';
import { foldOctet, type MessageView } from '#dns/message-view.ts';
import { findPatchPoints, type RotatingSet } from '#dns/patch.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { Additions } from '#metrics/cells.ts';
import { ANY_UDP_SIZE, type Provenance } from '#plugin/index.ts';

/** A whole reply (not truncated) that may be sent again, and all that decides whether and how. */
export interface RepeatableReply {
  readonly hash: number;
  readonly variant: number;
  /** True where only the very spelling of the question is answered. */
  readonly isSpellingBound: boolean;
  /** QNAME, folded unless `isSpellingBound`, type and class as they stand in a question. */
  readonly question: Uint8Array;
  readonly message: Uint8Array;
  /** Offsets in the message of the TTL fields. */
  readonly ttlOffsets: readonly number[];
  readonly ttls: readonly number[];
  /** Offset in the message of the OPT record, -1 where there is none. */
  readonly optOffset: number;
  /** The largest UDP size that the OPT may say (`bufsize`), 65,535 where there is no limit. */
  readonly udpSizeLimit: number;
  readonly rotating: readonly RotatingSet[];
  /** Offset in the message of the SOA's serial and the shared value that it follows; -1 where it stays as it is. */
  readonly serialOffset: number;
  readonly serialValue: number;
  /** Monotonic ms, -1 where TTLs stay as they are. */
  readonly bornAtMs: number;
  /** Seconds already taken off the TTLs in the message. */
  readonly agedSeconds: number;
  /** Monotonic ms; may be infinite. */
  readonly untilMs: number;
  readonly slots: readonly number[];
  readonly seen: readonly number[];
  /** What a sending adds to which cells of the metrics. */
  readonly cells: readonly number[];
  readonly amounts: readonly number[];
}

/** This reply to the query in view as it can be repeated, or null where it can't be sent again by patching or can't be counted. */
export const repeatableReply = (
  view: MessageView,
  message: Buffer,
  provenance: Provenance,
  udpSizeLimit = ANY_UDP_SIZE,
): RepeatableReply | null => {
  const points = findPatchPoints(message);
  if (provenance.isRotated && points.hasRotatingNames) return null;
  if (points.optOffset >= 0 !== view.hasOpt) return null;
  const { serialValue, isSpellingBound } = provenance;
  if (serialValue >= 0 && points.serialOffsets.length !== 1) return null;
  const additions = new Additions();
  for (const tally of provenance.tallies) tally.note(view, additions);
  if (!additions.isComplete) return null;
  // `loadbalance` shuffles NOERROR replies only.
  const isRotated = provenance.isRotated && ((message[3] as number) & 15) === RCODE.NOERROR;
  return {
    hash: view.hash,
    variant: view.variant,
    isSpellingBound,
    question: keyQuestion(view, isSpellingBound),
    message,
    ttlOffsets: points.ttlOffsets,
    ttls: points.ttls,
    optOffset: points.optOffset,
    udpSizeLimit,
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
  };
};

const keyQuestion = (view: MessageView, isSpellingBound: boolean): Uint8Array => {
  const question = Uint8Array.from(view.bytes.subarray(HEADER_OCTETS, view.questionEnd));
  if (isSpellingBound) return question;
  for (let i = 0; i < view.nameEnd - HEADER_OCTETS; i++) question[i] = foldOctet(question[i] as number);
  return question;
};
