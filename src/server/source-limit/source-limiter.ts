import type { AddressRange, SourceLimit } from '#plugin/define.ts';
import { PrefixTable } from './prefix-table.ts';
import { writeTruncatedReply } from './truncated-reply.ts';

/** Octets of an address, a random word for each value of each, and one for the family. */
const POSITIONS = 16;
const RANDOM_WORDS = 256 * POSITIONS + 1;

/** A limit as it is handed to a thread: numbers and shared memory. */
export interface SharedLimit {
  readonly limit: SourceLimit;
  /** The table, and behind it the random words of the hash. */
  readonly shared: SharedArrayBuffer;
  /** Cells of the counters: dropped, slipped. */
  readonly cells: readonly [dropped: number, slipped: number];
}

/** What a limit takes of shared memory. */
export const LIMIT_OCTETS = PrefixTable.octets + 4 * RANDOM_WORDS;
/** The part of it that is to be filled with random numbers, which nobody must know: who does can have others limited. */
export const randomPart = (shared: SharedArrayBuffer): Uint32Array =>
  new Uint32Array(shared, PrefixTable.octets, RANDOM_WORDS);

/** Says which queries over UDP are above what their source gets. One for each thread; they share the table. Allocates nothing a query. */
export class SourceLimiter {
  readonly #limit: SourceLimit;
  readonly #table: PrefixTable;
  readonly #random: Int32Array;
  readonly #sheet: Float64Array;
  readonly #cells: SharedLimit['cells'];
  #above = 0;

  /** `sheet`: the sheet of cells that its thread counts on. */
  constructor({ limit, shared, cells }: SharedLimit, sheet: Float64Array) {
    this.#limit = limit;
    this.#table = new PrefixTable(shared, limit);
    this.#random = new Int32Array(shared, PrefixTable.octets, RANDOM_WORDS);
    this.#cells = cells;
    this.#sheet = sheet;
  }

  /** Looks at the clock; once a batch will do. */
  begin(nowMs: number): void {
    this.#table.begin(nowMs);
  }

  /** True where the source with this address, of 4 or 16 octets from `at` on, gets one more answer. */
  admits(bytes: Uint8Array, at: number, octets: number): boolean {
    return this.#table.take(this.#hash(bytes, at, octets)) || this.#isExempt(bytes, at, octets);
  }

  /**
   * Counts a query that was not admitted. Writes an empty reply with TC to it where it is one's turn; gives the octets of that, or 0: then
   * the query is dropped.
   */
  refuse(query: Uint8Array, octets: number, out: Uint8Array, start: number): number {
    const { slip } = this.#limit;
    this.#above++;
    const isSlipped = slip > 0 && this.#above % slip === 0;
    const length = isSlipped ? writeTruncatedReply(query, octets, out, start) : 0;
    const cell = this.#cells[length > 0 ? 1 : 0];
    this.#sheet[cell] = (this.#sheet[cell] as number) + 1;
    return length;
  }

  /** Tabulation hashing: whatever the addresses, who does not know the random words can't make them collide. */
  #hash(bytes: Uint8Array, at: number, octets: number): number {
    const random = this.#random;
    const isIPv4 = octets === 4;
    const bits = isIPv4 ? this.#limit.ipv4Prefix : this.#limit.ipv6Prefix;
    const whole = bits >> 3;
    let hash = isIPv4 ? 0 : (random[RANDOM_WORDS - 1] as number);
    for (let i = 0; i < whole; i++) hash ^= random[256 * i + (bytes[at + i] as number)] as number;
    const rest = bits & 7;
    if (rest > 0) hash ^= random[256 * whole + ((bytes[at + whole] as number) & (0xff00 >> rest))] as number;
    return hash;
  }

  #isExempt(bytes: Uint8Array, at: number, octets: number): boolean {
    const { exempt } = this.#limit;
    for (let i = 0; i < exempt.length; i++) if (isWithin(exempt[i] as AddressRange, bytes, at, octets)) return true;
    return false;
  }
}

const isWithin = (range: AddressRange, bytes: Uint8Array, at: number, octets: number): boolean => {
  const { octets: own, prefix } = range;
  if (own.length !== octets) return false;
  const whole = prefix >> 3;
  for (let i = 0; i < whole; i++) if (own[i] !== bytes[at + i]) return false;
  const mask = 0xff00 >> (prefix & 7);
  return (prefix & 7) === 0 || (((own[whole] as number) ^ (bytes[at + whole] as number)) & mask & 0xff) === 0;
};
