import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CREDIT, HandedQuery, QueryRing } from './query-ring.ts';

/** Peers of messages: number i has i in every octet of its name, and 128 + i in every octet of its control message. */
const COUNT = 4;
const peers = {
  names: Uint8Array.from({ length: COUNT * 32 }, (_, at) => Math.floor(at / 32)),
  controls: Uint8Array.from({ length: COUNT * 40 }, (_, at) => 128 + Math.floor(at / 40)),
};
const sizes = { nameOctets: (i: number) => 16 + i, controlOctets: (i: number) => 32 + i };

const hand = (ring: QueryRing, socket: number, i: number, message: Uint8Array): boolean =>
  ring.hand(socket, i, message, message.length, peers, sizes);

const expectQuery = (query: HandedQuery | null, socket: number, i: number, message: Uint8Array): void => {
  const record = query?.record ?? Buffer.alloc(0);
  const { nameAt, controlAt } = HandedQuery;
  expect([query?.socket, query?.nameOctets, query?.controlOctets]).toEqual([socket, 16 + i, 32 + i]);
  expect(Uint8Array.from(query?.message ?? [])).toEqual(message);
  expect([...record.subarray(nameAt, nameAt + 32)]).toEqual(new Array(32).fill(i));
  expect([...record.subarray(controlAt, controlAt + 40)]).toEqual(new Array(40).fill(128 + i));
};

const queries = fc.record({
  socket: fc.nat(2 ** 32 - 1),
  i: fc.nat(COUNT - 1),
  message: fc.uint8Array({ maxLength: 4096 }),
});

describe('QueryRing', () => {
  it('gives every query with its peer to the other side of the memory, and keeps nothing of the ring in it', () => {
    fc.assert(
      fc.property(fc.array(queries, { maxLength: 60 }), fc.nat(20), (all, behind) => {
        const thread = new QueryRing();
        const main = new QueryRing(thread.shared);
        const taken: (HandedQuery | null)[] = [];
        for (const { socket, i, message } of all) {
          expect(hand(thread, socket, i, message)).toBe(true);
          if (behind < 10) taken.push(main.take());
        }
        while (taken.length < all.length) taken.push(main.take());
        expect(main.take()).toBeNull();
        all.forEach(({ socket, i, message }, n) => {
          expectQuery(taken[n] ?? null, socket, i, message);
        });
      }),
      { numRuns: 30 },
    );
  });

  it('refuses a query where main is too far behind, and takes the next once main has read one', () => {
    const ring = new QueryRing();
    const message = new Uint8Array(4000);
    let handed = 0;
    while (hand(ring, 1, 0, message)) handed++;
    expect(handed).toBeGreaterThan(50);
    ring.take();
    expect(hand(ring, 1, 1, message)).toBe(true);
    expect(hand(ring, 1, 1, message)).toBe(false);
  });

  it('gives credit for so many queries without an end, and for as many more as come to one', () => {
    const ring = new QueryRing();
    const message = new Uint8Array(12);
    const handAndTake = (): boolean => hand(ring, 1, 0, message) && ring.take() !== null;
    for (let n = 0; n < CREDIT; n++) expect(handAndTake()).toBe(true);
    expect(handAndTake()).toBe(false);
    ring.done();
    ring.done();
    expect([handAndTake(), handAndTake(), handAndTake()]).toEqual([true, true, false]);
  });

  it('goes on with the credit of the thread before where its memory is taken over', () => {
    const ring = new QueryRing();
    const message = new Uint8Array(12);
    for (let n = 0; n < CREDIT - 1; n++) {
      hand(ring, 1, 0, message);
      ring.take();
    }
    const next = new QueryRing(ring.shared);
    expect([hand(next, 1, 0, message), hand(next, 1, 0, message)]).toEqual([true, false]);
  });

  it('has main woken once until it listens again', () => {
    const ring = new QueryRing();
    expect([ring.signal(), ring.signal()]).toEqual([true, false]);
    ring.listen();
    expect([ring.signal(), ring.signal()]).toEqual([true, false]);
  });

  it('takes no more where main has left a query that had waited for half a second when it looked', () => {
    const ring = new QueryRing();
    const message = new Uint8Array(40);
    // Where the clock's 16 bits begin anew.
    const came = 3 * 65_536 - 100;
    ring.begin(came);
    expect([hand(ring, 1, 0, message), hand(ring, 1, 0, message)]).toEqual([true, true]);
    ring.looked(came + 499);
    ring.begin(came + 600);
    expect(hand(ring, 1, 0, message)).toBe(true);
    ring.looked(came + 500);
    ring.begin(came + 600);
    expect(hand(ring, 1, 0, message)).toBe(false);
    ring.take();
    ring.take();
    ring.begin(came + 600);
    expect(hand(ring, 1, 0, message)).toBe(true);
  });

  it('takes what comes while main does not look at all: it does not get the CPU, or has not begun', () => {
    const message = new Uint8Array(40);
    for (const lookedMs of [null, 0, 965_000, 999_990]) {
      const ring = new QueryRing();
      if (lookedMs !== null) ring.looked(lookedMs);
      for (const nowMs of [1_000_000, 1_000_500, 1_001_900]) {
        ring.begin(nowMs);
        expect(hand(ring, 1, 0, message)).toBe(true);
      }
    }
  });

  it('says which query has waited for two seconds', () => {
    const ring = new QueryRing();
    const message = new Uint8Array(40);
    const came = 3 * 65_536 - 100;
    ring.begin(came);
    hand(ring, 1, 0, message);
    ring.begin(came + 499);
    hand(ring, 1, 0, message);
    const waited = [ring.take(), ring.take()];
    expect(waited.map((query) => query?.isOutdated(came + 1999))).toEqual([false, false]);
    expect(waited.map((query) => query?.isOutdated(came + 2000))).toEqual([true, false]);
    // The clocks of two threads are not quite the same.
    expect(waited[0]?.isOutdated(came - 2)).toBe(false);
    // Main looked at its clock, did not get the CPU, and took what had been handed over meanwhile.
    expect(waited[0]?.isOutdated(came - 3000)).toBe(false);
  });
});
