import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Additions } from '#metrics/cells.ts';
import { countOn } from '#metrics/testing.ts';
import type { Answer, Provenance } from '#plugin/index.ts';
import { CacheBench, nxdomain, positive, servfail, textsOf } from './cache-bench.ts';

/** A backend whose address tells how often it was asked. */
const numbered = (stanza: string, ttl: number): CacheBench => {
  const bench = new CacheBench(stanza);
  bench.backend = () => positive(ttl, `127.0.0.${bench.calls}`);
  return bench;
};

const at = (bench: CacheBench, seconds: number, options = {}): string => {
  bench.nowMs = 1_000_000 + seconds * 1000;
  return textsOf(bench.ask('cached.org.', 'A', options))[0]?.replace('cached.org. ', '') ?? '';
};

describe('prefetch', () => {
  it.each([
    ['DO', { isDnssecOk: true }],
    ['CD', { isCheckingDisabled: true }],
    ['neither', {}],
  ])('asks again for a name in demand when a tenth of its TTL is left, with %s', (_, options) => {
    const bench = numbered('cache {\n prefetch 1\n}', 80);
    expect(at(bench, 0, options)).toBe('80 IN A 127.0.0.1');
    expect(at(bench, 73, options)).toBe('7 IN A 127.0.0.1');
    expect(bench.calls).toBe(2);
    expect(at(bench, 80, options)).toBe('73 IN A 127.0.0.2');
    expect([bench.calls, bench.count('prefetch_total')]).toEqual([2, 1]);
  });

  it('rounds the part of a short TTL up', () => {
    const bench = numbered('cache {\n prefetch 1\n}', 5);
    at(bench, 0);
    expect(at(bench, 1)).toBe('4 IN A 127.0.0.1');
    expect(bench.calls).toBe(1);
    expect(at(bench, 4)).toBe('1 IN A 127.0.0.1');
    expect(at(bench, 5)).toBe('4 IN A 127.0.0.2');
  });

  it('is off without the option', () => {
    const bench = numbered('cache', 30);
    at(bench, 0);
    expect(at(bench, 29)).toBe('1 IN A 127.0.0.1');
    expect(at(bench, 30)).toBe('30 IN A 127.0.0.2');
    expect(bench.count('prefetch_total')).toBe(0);
  });

  it('takes so many hits with no longer gap than given, and a percentage', () => {
    const bench = numbered('cache {\n prefetch 3 10s 50%\n}', 60);
    at(bench, 0);
    at(bench, 20);
    at(bench, 29);
    at(bench, 40); // 11 s after the last: counts from 1 again
    at(bench, 50);
    expect(bench.calls).toBe(1);
    at(bench, 51);
    expect(bench.calls).toBe(2);
    expect(at(bench, 52)).toBe('59 IN A 127.0.0.2');
  });

  it('goes on counting hits on the new item', () => {
    const bench = numbered('cache {\n prefetch 2 1m 10%\n}', 20);
    at(bench, 0);
    at(bench, 1);
    at(bench, 18);
    expect(bench.calls).toBe(2);
    at(bench, 37);
    expect(bench.calls).toBe(3);
  });

  it('asks once while a refresh is under way', async () => {
    const bench = new CacheBench('cache {\n prefetch 1 1m 50%\n}');
    bench.ask();
    bench.advance(40);
    let arrive: (reply: Answer) => void = () => undefined;
    const pending = new Promise<Answer>((resolve) => {
      arrive = resolve;
    });
    bench.backend = () => pending;
    for (let i = 0; i < 200; i++) bench.ask();
    expect(bench.calls).toBe(2);
    arrive(positive(60, '127.0.0.99'));
    await pending;
    await new Promise(setImmediate);
    expect(textsOf(bench.ask())).toEqual(['cached.org. 60 IN A 127.0.0.99']);
  });

  it('asks over TCP, with AD and dependencies of its own', () => {
    const bench = new CacheBench('cache {\n prefetch 1 1m 90%\n}');
    bench.ask();
    bench.advance(30);
    const query = bench.query();
    bench.send(query);
    const refresh = bench.asked[1];
    expect(refresh).toMatchObject({ transport: 'tcp', name: query.name, zone: query.zone, view: '' });
    expect(refresh?.request.isAuthenticData).toBe(true);
    expect(refresh?.provenance).not.toBe(query.provenance);
  });

  it('keeps what came, an error too, and survives a chain that throws', async () => {
    const bench = new CacheBench('cache {\n prefetch 1 1m 90%\n}');
    bench.ask();
    bench.advance(30);
    bench.backend = () => {
      throw new Error('broken');
    };
    bench.ask();
    bench.backend = async () => Promise.reject(new Error('broken'));
    bench.ask();
    await new Promise(setImmediate);
    bench.backend = () => servfail(60);
    bench.ask();
    expect(bench.entries('denial')).toBe(1);
    bench.backend = () => nxdomain(60);
    bench.ask();
    expect(bench.calls).toBe(5);
    expect(bench.ask().rcode).toBe(3);
  });
});

/** Asks as a client behind an answer memory does: what may be repeated does not come to the cache, and is counted all the same. */
class Repeating {
  readonly bench: CacheBench;
  repeated = 0;
  #remembered: Provenance | null = null;

  constructor(bench: CacheBench) {
    this.bench = bench;
  }

  ask(): void {
    const known = this.#remembered;
    if (known !== null && this.bench.nowMs < known.repeatableUntilMs) {
      const additions = new Additions();
      const sent = { requestOctets: 28, isTcp: false, isIPv6: false, isDnssecOk: false };
      for (const tally of known.tallies) tally.note(sent, additions);
      countOn(this.bench.setup.services.metrics.cells, 1, additions);
      this.repeated++;
      return;
    }
    const query = this.bench.query();
    this.bench.send(query);
    this.#remembered = query.provenance.isRepeatable ? query.provenance : null;
  }
}

const countsOf = (bench: CacheBench): number[] => [
  bench.calls,
  bench.count('requests_total'),
  bench.count('hits_total', 'success'),
  bench.count('misses_total'),
  bench.count('prefetch_total'),
];

describe('a hit with prefetch', () => {
  const hit = (bench: CacheBench): Provenance => {
    const query = bench.query();
    bench.send(query);
    return query.provenance;
  };

  it('may be repeated once there were enough hits, until a refresh is due', () => {
    const bench = numbered('cache {\n prefetch 3 1m 10%\n}', 60);
    at(bench, 0);
    const storedAtMs = bench.nowMs;
    bench.advance(1);
    expect([hit(bench).isRepeatable, hit(bench).isRepeatable]).toEqual([false, false]);
    expect(hit(bench)).toMatchObject({ isRepeatable: true, repeatableUntilMs: storedAtMs + 54_000 });
    bench.nowMs = storedAtMs + 53_999;
    expect(hit(bench).isRepeatable).toBe(true);
    expect(bench.calls).toBe(1);
    bench.nowMs = storedAtMs + 54_000;
    expect(hit(bench).isRepeatable).toBe(false);
    expect([bench.calls, bench.count('prefetch_total')]).toEqual([2, 1]);
  });

  it('may be repeated again, from the refreshed item', () => {
    const bench = numbered('cache {\n prefetch 2 1m 10%\n}', 20);
    for (const second of [0, 1, 2, 18]) at(bench, second);
    bench.advance(1);
    expect(hit(bench)).toMatchObject({ isRepeatable: true, repeatableUntilMs: bench.nowMs - 1000 + 18_000 });
  });

  it('asks again for a name whose hits were all repeated for longer than the gap', () => {
    const bench = numbered('cache {\n prefetch 2 5s 10%\n}', 60);
    for (const second of [0, 1, 2]) at(bench, second);
    expect(at(bench, 54)).toBe('6 IN A 127.0.0.1');
    expect(at(bench, 55)).toBe('59 IN A 127.0.0.2');
  });

  it('counts from one again after a gap where it was never to be repeated', () => {
    const bench = numbered('cache {\n prefetch 2 5s 10%\n}', 60);
    at(bench, 0);
    for (const second of [1, 2, 54]) {
      bench.nowMs = 1_000_000 + second * 1000;
      const query = bench.query();
      // As a layer in front of it does that sees every query.
      query.provenance.forbid();
      bench.send(query);
    }
    expect(bench.count('prefetch_total')).toBe(0);
  });

  it('is counted, refreshed and missed as without a memory while no gap is longer than DURATION', () => {
    const stanza = fc.constantFrom(
      'cache {\n prefetch 1 1m 10%\n}',
      'cache {\n prefetch 3 1m 50%\n}',
      'cache {\n prefetch 10 1m 90%\n serve_stale 30s\n}',
      'cache {\n prefetch 2\n keepttl\n}',
    );
    const waits = fc.array(fc.integer({ min: 0, max: 12_000 }), { minLength: 20, maxLength: 120 });
    let repeated = 0;
    fc.assert(
      fc.property(stanza, fc.integer({ min: 5, max: 60 }), waits, (text, ttl, gapsMs) => {
        const plain = numbered(text, ttl);
        const behind = new Repeating(numbered(text, ttl));
        for (const gapMs of gapsMs) {
          plain.nowMs += gapMs;
          behind.bench.nowMs += gapMs;
          plain.ask();
          behind.ask();
          expect(countsOf(behind.bench)).toEqual(countsOf(plain));
        }
        repeated += behind.repeated;
      }),
    );
    expect(repeated).toBeGreaterThan(0);
  });
});
