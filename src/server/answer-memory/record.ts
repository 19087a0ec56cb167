import type { RepeatableReply } from './repeatable-reply.ts';

/*
 * A repeatable reply as octets, in a memory of replies and on the way to one of another thread. Words are 4 octets in the machine's
 * order; a record starts at a multiple of 8 and its size is one.
 *
 *     header words | times: born 8, until 8 | lists of words | question | message | padding
 *
 * The lists are TTL offsets, TTLs, slots, generations seen, cells, amounts, rotating sets (each: octets, how many, offsets).
 */
export const WORD = {
  size: 0,
  hash: 1,
  /** The memory's own: the next record of the bucket. */
  next: 2,
  /** The memory's own. */
  state: 3,
  variant: 4,
  isSpellingBound: 5,
  questionOctets: 6,
  messageOctets: 7,
  optOffset: 8,
  serialOffset: 9,
  serialValue: 10,
  agedSeconds: 11,
  ttls: 12,
  slots: 13,
  cells: 14,
  rotating: 15,
} as const;
const HEADER_WORDS = 16;
/** Place of the UDP size in an OPT record: after its name, one octet, and its type. */
export const OPT_SIZE_AT = 3;
/** Place of the times in numbers of 8 octets. */
export const BORN = HEADER_WORDS / 2;
export const UNTIL = BORN + 1;
/** Words before the lists. */
export const LISTS = HEADER_WORDS + 4;

/** Memory that holds records, seen as octets, words and times. */
export class RecordMemory {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly times: Float64Array;

  /** From `start`, a multiple of 8, to the end. */
  constructor(buffer: ArrayBufferLike, start = 0) {
    this.bytes = new Uint8Array(buffer, start);
    this.words = new Int32Array(buffer, start);
    this.times = new Float64Array(buffer, start);
  }
}

const rotatingWords = ({ rotating }: RepeatableReply): number =>
  rotating.reduce((words, { offsets }) => words + 2 + offsets.length, 0);

const listWords = (reply: RepeatableReply): number =>
  2 * (reply.ttls.length + reply.slots.length + reply.cells.length) + rotatingWords(reply);

/** Octets of a reply's record. */
export const recordSize = (reply: RepeatableReply): number =>
  (4 * (LISTS + listWords(reply)) + reply.question.length + reply.message.length + 7) & ~7;

/** Writes a reply's record at `start`, where there are `recordSize` octets. */
export const writeRecord = (reply: RepeatableReply, memory: RecordMemory, start: number): void => {
  const { words, bytes, times } = memory;
  const header = start / 4;
  const put = (place: keyof typeof WORD, word: number): void => {
    words[header + WORD[place]] = word;
  };
  put('size', recordSize(reply));
  put('hash', reply.hash);
  put('next', 0);
  put('state', 0);
  put('variant', reply.variant);
  put('isSpellingBound', reply.isSpellingBound ? 1 : 0);
  put('questionOctets', reply.question.length);
  put('messageOctets', reply.message.length);
  put('optOffset', reply.optOffset);
  put('serialOffset', reply.serialOffset);
  put('serialValue', reply.serialValue);
  put('agedSeconds', reply.agedSeconds);
  put('ttls', reply.ttls.length);
  put('slots', reply.slots.length);
  put('cells', reply.cells.length);
  put('rotating', rotatingWords(reply));
  times[start / 8 + BORN] = reply.bornAtMs;
  times[start / 8 + UNTIL] = reply.untilMs;
  let at = header + LISTS;
  const { ttlOffsets, ttls, slots, seen, cells, amounts } = reply;
  for (const list of [ttlOffsets, ttls, slots, seen, cells, amounts]) for (const word of list) words[at++] = word;
  for (const { octets, offsets } of reply.rotating) {
    words[at++] = octets;
    words[at++] = offsets.length;
    for (const offset of offsets) words[at++] = offset;
  }
  bytes.set(reply.question, 4 * at);
  const message = 4 * at + reply.question.length;
  bytes.set(reply.message, message);
  // The OPT of every sending has the query's size, so its place is free for the limit of it.
  if (reply.optOffset >= 0) putSize(bytes, message + reply.optOffset + OPT_SIZE_AT, reply.udpSizeLimit);
};

const putSize = (bytes: Uint8Array, at: number, octets: number): void => {
  bytes[at] = octets >> 8;
  bytes[at + 1] = octets & 0xff;
};

/** Word of a record at which its question begins. */
export const questionWord = (words: Int32Array, header: number): number =>
  header +
  LISTS +
  2 *
    ((words[header + WORD.ttls] as number) +
      (words[header + WORD.slots] as number) +
      (words[header + WORD.cells] as number)) +
  (words[header + WORD.rotating] as number);

/** A reply's record in memory of its own, at its start. */
export const recordOf = (reply: RepeatableReply): RecordMemory => {
  const memory = new RecordMemory(new ArrayBuffer(recordSize(reply)));
  writeRecord(reply, memory, 0);
  return memory;
};
