import type { Random } from '../../bench/compare/random.ts';
import { encodeQuery } from './dns-client.ts';

type Change = (message: Buffer, random: Random, seeds: readonly Buffer[]) => Buffer;

const HEADER_OCTETS = 12;
/** Places that matter are near the front. */
const placeIn = (message: Buffer, random: Random): number =>
  random.is(70) ? random.below(Math.min(message.length, 80) + 1) : random.below(message.length + 1);

const withOctet = (message: Buffer, at: number, octet: number): Buffer => {
  const copy = Buffer.from(message);
  if (at < copy.length) copy[at] = octet;
  return copy;
};
const withWord = (message: Buffer, at: number, word: number): Buffer =>
  withOctet(withOctet(message, at, word >> 8), at + 1, word & 255);
const inserted = (message: Buffer, at: number, more: Uint8Array): Buffer =>
  Buffer.concat([message.subarray(0, at), more, message.subarray(at)]);
const noise = (random: Random, most: number): Buffer =>
  Buffer.from(Array.from({ length: random.below(most + 1) }, () => random.below(256)));

/** EDNS options that servers look into, and one that none does. */
const OPTION_CODES = [3, 5, 8, 9, 10, 11, 12, 15, 18, 65_001];
/** Numbers at which checks go wrong. */
const EDGES = [0, 1, 2, 63, 64, 127, 128, 191, 192, 193, 255];
const WORD_EDGES = [0, 1, 2, 3, 255, 256, 511, 512, 1232, 4096, 32_767, 32_768, 65_507, 65_534, 65_535];

const option = (random: Random): Buffer => {
  const data = noise(random, 24);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(random.pick(OPTION_CODES), 0);
  head.writeUInt16BE(random.is(80) ? data.length : random.pick(WORD_EDGES), 2);
  return Buffer.concat([head, data]);
};

const optRecord = (random: Random): Buffer => {
  const options = Buffer.concat(Array.from({ length: random.below(4) }, () => option(random)));
  const record = Buffer.from([0, 0, 41, 0, 0, 0, 0, 0, 0, 0, 0]);
  record.writeUInt16BE(random.pick(WORD_EDGES), 3);
  record[5] = random.is(10) ? random.below(256) : 0;
  record[6] = random.is(10) ? random.below(256) : 0;
  record[7] = random.is(50) ? 0x80 : 0;
  record.writeUInt16BE(random.is(85) ? options.length : random.pick(WORD_EDGES), 9);
  return Buffer.concat([record, options]);
};

/** Mostly single bits and octets, so that much of it still gets past the first checks. */
const CHANGES: readonly (readonly [weight: number, change: Change])[] = [
  [6, (message, random) => withOctet(message, placeIn(message, random), random.below(256))],
  [
    6,
    (message, random) => {
      const at = placeIn(message, random);
      return withOctet(message, at, (message[at] ?? 0) ^ (1 << random.below(8)));
    },
  ],
  [3, (message, random) => withOctet(message, placeIn(message, random), random.pick(EDGES))],
  [3, (message, random) => inserted(message, placeIn(message, random), noise(random, 6))],
  [2, (message, random) => message.subarray(0, placeIn(message, random))],
  [
    2,
    (message, random) => {
      const at = placeIn(message, random);
      return Buffer.concat([message.subarray(0, at), message.subarray(at + 1 + random.below(6))]);
    },
  ],
  // Flags, opcode and counts.
  [
    4,
    (message, random) => withOctet(message, 2 + random.below(10), random.is(50) ? random.below(4) : random.below(256)),
  ],
  [2, (message, random) => withWord(message, 4 + 2 * random.below(4), random.pick(WORD_EDGES))],
  // A pointer in the place of a label.
  [3, (message, random) => withWord(message, placeIn(message, random), 0xc000 | random.below(message.length + 16))],
  // Any word: a type, a class, a size, the length of RDATA.
  [3, (message, random) => withWord(message, placeIn(message, random), random.pick(WORD_EDGES))],
  // One more record in the additional section, an OPT.
  [
    4,
    (message, random) => {
      if (message.length < HEADER_OCTETS) return message;
      return Buffer.concat([withWord(message, 10, message.readUInt16BE(10) + 1), optRecord(random)]);
    },
  ],
  // The front of one and the back of another.
  [3, (message, random, seeds) => Buffer.concat([message.subarray(0, placeIn(message, random)), other(random, seeds)])],
  // A piece once more.
  [
    2,
    (message, random) => {
      const [a, b] = [placeIn(message, random), placeIn(message, random)];
      return inserted(message, placeIn(message, random), message.subarray(Math.min(a, b), Math.max(a, b)));
    },
  ],
  [
    1,
    (message, random) =>
      Buffer.concat([message, Buffer.alloc(random.below(random.is(10) ? 6000 : 600), random.below(256))]),
  ],
];

const other = (random: Random, seeds: readonly Buffer[]): Buffer => {
  const message = random.pick(seeds);
  return message.subarray(placeIn(message, random));
};

/** Messages that are nearly right: one of the seeds with up to four changes. The same numbers give the same messages. */
export class Mutator {
  readonly #seeds: readonly Buffer[];
  readonly #random: Random;

  constructor(seeds: readonly Buffer[], random: Random) {
    this.#seeds = seeds;
    this.#random = random;
  }

  next(): Buffer {
    const random = this.#random;
    let message: Buffer = random.pick(this.#seeds);
    for (let left = random.is(60) ? 1 : 1 + random.below(4); left > 0; left--)
      message = random.weighted(CHANGES)(message, random, this.#seeds);
    return message;
  }
}

/** Queries to begin with that are right, for these names. */
export const soundQueries = (names: readonly string[]): Buffer[] =>
  names.flatMap((name) =>
    ['A', 'AAAA', 'SRV', 'PTR', 'TXT', 'ANY'].flatMap((type) => [
      encodeQuery(name, type, { id: 1 }),
      encodeQuery(name, type, { id: 1, udpSize: 1232, isDnssecOk: true }),
    ]),
  );
