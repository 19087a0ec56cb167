import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordOf, recordSize } from '../../answer-memory/record.ts';
import type { RepeatableReply } from '../../answer-memory/repeatable-reply.ts';
import { MAX_TAUGHT_OCTETS, ReplyRing } from './reply-ring.ts';

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const words = fc.array(word, { maxLength: 20 });
const pairs = (size: number) =>
  fc.tuple(fc.array(word, { minLength: size, maxLength: size }), fc.array(word, { minLength: size, maxLength: size }));
const replies: fc.Arbitrary<RepeatableReply> = fc
  .record({
    hash: word,
    variant: fc.nat(255),
    isSpellingBound: fc.boolean(),
    question: fc.uint8Array({ minLength: 5, maxLength: 260 }),
    message: fc.uint8Array({ minLength: 12, maxLength: MAX_TAUGHT_OCTETS }),
    ttls: fc.nat(30).chain(pairs),
    slots: fc.nat(10).chain(pairs),
    cells: fc.nat(10).chain(pairs),
    rotating: fc.array(fc.record({ octets: fc.constantFrom(4, 16), offsets: words }), { maxLength: 3 }),
    bornAtMs: fc.double({ min: 0, max: 1e12, noNaN: true }),
    untilMs: fc.constantFrom(Number.POSITIVE_INFINITY, 12_345.678),
  })
  .map(({ ttls, slots, cells, ...rest }) => ({
    ...rest,
    ttlOffsets: ttls[0],
    ttls: ttls[1],
    slots: slots[0],
    seen: slots[1],
    cells: cells[0],
    amounts: cells[1],
    optOffset: -1,
    serialOffset: -1,
    serialValue: -1,
    udpSizeLimit: 65_535,
    agedSeconds: 3,
  }));

/** What waits in a ring: the address and the octets of each record. */
const taken = (ring: ReplyRing): [number, Uint8Array][] => {
  const found: [number, Uint8Array][] = [];
  ring.take((address, memory, start) => {
    const size = memory.words[start / 4] as number;
    found.push([address, memory.bytes.slice(start, start + size)]);
  });
  return found;
};
/** Octets of a reply's record, without those that only fill it up. */
const octetsOf = (reply: RepeatableReply): Uint8Array => recordOf(reply).bytes;
const isSameRecord = (found: Uint8Array, reply: RepeatableReply): boolean => {
  const expected = octetsOf(reply);
  const used = expected.length - 7;
  return found.length === expected.length && Buffer.compare(found.subarray(0, used), expected.subarray(0, used)) === 0;
};

describe('ReplyRing', () => {
  it('gives every reply as the record that it is, over and over round its memory', () => {
    const main = new ReplyRing();
    const thread = new ReplyRing(main.shared);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2 ** 31 - 1), replies), { maxLength: 30 }), (taught) => {
        for (const [address, reply] of taught) main.teach(address, reply);
        const found = taken(thread);
        expect(found.map(([address]) => address)).toEqual(taught.map(([address]) => address));
        found.forEach(([, record], n) => {
          expect(isSameRecord(record, taught[n]?.[1] as RepeatableReply)).toBe(true);
        });
        expect(taken(thread)).toEqual([]);
      }),
    );
  });

  const replyOf = (octets: number): RepeatableReply => {
    const [reply] = fc.sample(replies, { numRuns: 1, seed: 5 });
    return { ...(reply as RepeatableReply), message: new Uint8Array(octets) };
  };

  it('leaves a reply that is too large for threads to main', () => {
    const ring = new ReplyRing();
    ring.teach(1, replyOf(MAX_TAUGHT_OCTETS + 1));
    expect(taken(ring)).toEqual([]);
    ring.teach(1, replyOf(MAX_TAUGHT_OCTETS));
    expect(taken(ring)).toHaveLength(1);
  });

  it('drops what a thread that is behind has no room for, and takes more once it has looked', () => {
    const ring = new ReplyRing();
    const reply = replyOf(4000);
    const fitting = Math.floor((256 * 1024) / (16 + recordSize(reply)));
    for (let n = 0; n < 200; n++) ring.teach(n, reply);
    expect(taken(ring).map(([address]) => address)).toEqual(Array.from({ length: fitting }, (_, n) => n));
    ring.teach(1000, reply);
    expect(taken(ring).map(([address]) => address)).toEqual([1000]);
  });
});
