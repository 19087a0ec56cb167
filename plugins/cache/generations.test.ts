import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RCODE } from '#dns/registry/rcodes.ts';
import { Additions } from '#metrics/cells.ts';
import { countOn } from '#metrics/testing.ts';
import { type Answer, failure, type Query } from '#plugin/index.ts';
import { runs } from '#test/property-runs.ts';
import { CacheBench, nxdomain, positive, textsOf, ttlOf } from './cache-bench.ts';

const SLOT = 77;

/** A backend that depends on a slot and answers with the address that counts its changes. */
const depending = (stanza: string): { bench: CacheBench; change: () => void } => {
  const bench = new CacheBench(stanza);
  let version = 0;
  bench.backend = (query) => {
    query.provenance.dependOn(SLOT);
    return positive(60, `10.0.0.${version}`);
  };
  const change = (): void => {
    version++;
    bench.generations.bump(SLOT);
  };
  return { bench, change };
};

describe('an item whose dependency has changed', () => {
  it.each([
    'cache',
    'cache {\n serve_stale 1h\n}',
    'cache {\n serve_stale 1h verify\n}',
    'cache {\n serve_stale\n serve_stale_policy prefer_positive\n}',
  ])('is not served again with `%s`', (stanza) => {
    const { bench, change } = depending(stanza);
    bench.ask();
    expect(textsOf(bench.ask())).toEqual(['cached.org. 60 IN A 10.0.0.0']);
    change();
    expect(textsOf(bench.ask())).toEqual(['cached.org. 60 IN A 10.0.0.1']);
    bench.advance(90);
    change();
    expect(textsOf(bench.ask())).toEqual(['cached.org. 60 IN A 10.0.0.2']);
  });

  it('is dropped when it is found', () => {
    const bench = new CacheBench('cache {\n disable success\n}');
    bench.backend = (query) => {
      query.provenance.dependOn(SLOT);
      return nxdomain(60);
    };
    bench.ask();
    expect(bench.entries('denial')).toBe(1);
    bench.generations.bump(SLOT);
    bench.backend = () => positive(60);
    bench.ask();
    expect(bench.entries('denial')).toBe(0);
  });

  it('does not live on as the last known good answer', () => {
    const { bench, change } = depending('cache {\n serve_stale\n serve_stale_policy prefer_positive\n}');
    bench.ask();
    bench.advance(61);
    bench.backend = () => positive(60).with({ answer: [] });
    bench.ask();
    expect(ttlOf(bench.ask())).toBe(0);
    change();
    expect(bench.ask().answer).toEqual([]);
  });

  it('does not stand in when it changes while the fresh reply is awaited', async () => {
    const { bench, change } = depending('cache {\n serve_stale 1h verify\n}');
    bench.ask();
    bench.advance(61);
    const arrive = bench.hold();
    const waiting = bench.send(bench.query());
    change();
    arrive(positive(60, '10.0.0.1').with({ rcode: 2 }));
    expect(await waiting).toMatchObject({ rcode: 2 });
    const failing = new CacheBench('cache {\n serve_stale 1h verify\n}');
    failing.backend = (query) => {
      query.provenance.dependOn(SLOT);
      return positive(60);
    };
    failing.ask();
    failing.advance(61);
    failing.backend = () => {
      failing.generations.bump(SLOT);
      throw new Error('broken');
    };
    expect(() => failing.ask()).toThrow('broken');
  });
});

describe('a reply whose dependency changes before it arrives', () => {
  it('is passed on but not kept', async () => {
    const bench = new CacheBench();
    let arrive: (reply: Answer) => void = () => undefined;
    bench.backend = (query) => {
      query.provenance.dependOn(SLOT);
      return new Promise((resolve) => {
        arrive = resolve;
      });
    };
    const waiting = bench.send(bench.query());
    bench.generations.bump(SLOT);
    arrive(positive(60, '10.0.0.1'));
    expect(textsOf((await waiting) as Answer)).toEqual(['cached.org. 60 IN A 10.0.0.1']);
    bench.backend = () => positive(60, '10.0.0.2');
    expect(textsOf(bench.ask())).toEqual(['cached.org. 60 IN A 10.0.0.2']);
  });

  it('stands on what it noted itself, not on what the query noted before', () => {
    const bench = new CacheBench();
    const query = bench.query();
    query.provenance.dependOn(SLOT);
    bench.generations.bump(SLOT);
    bench.send(query);
    bench.ask();
    expect(bench.calls).toBe(1);
  });
});

describe('the provenance', () => {
  const sent = (bench: CacheBench): Query => {
    const query = bench.query();
    bench.send(query);
    return query;
  };

  it('of a miss forbids repeating', () => {
    expect(sent(new CacheBench()).provenance.isRepeatable).toBe(false);
  });

  it('of a reply that `disable` keeps out lets it be repeated, as it stands and as a miss', () => {
    const { bench } = depending('cache {\n disable success\n}');
    const { provenance } = sent(bench);
    expect(provenance).toMatchObject({ isRepeatable: true, bornAtMs: -1, slots: [SLOT], seen: [0] });
    const additions = new Additions();
    for (const tally of provenance.tallies)
      tally.note({ requestOctets: 40, isTcp: false, isIPv6: false, isDnssecOk: false }, additions);
    countOn(bench.setup.services.metrics.cells, 1, additions);
    expect([bench.count('requests_total'), bench.count('misses_total')]).toEqual([2, 2]);
  });

  it('of a reply that the other store could keep forbids repeating', () => {
    expect(sent(new CacheBench('cache {\n disable denial\n}')).provenance.isRepeatable).toBe(false);
  });

  it('of a bare failure forbids repeating, whatever is disabled', () => {
    const bench = new CacheBench('cache {\n disable success\n disable denial\n}');
    bench.backend = () => failure(RCODE.SERVFAIL);
    expect(sent(bench).provenance.isRepeatable).toBe(false);
  });

  it('of a hit says what it stands on, since when TTLs count and until when it holds', () => {
    const { bench } = depending('cache');
    bench.ask();
    const storedAtMs = bench.nowMs;
    bench.nowMs += 2500;
    const { provenance } = sent(bench);
    expect(provenance).toMatchObject({
      isRepeatable: true,
      bornAtMs: storedAtMs,
      agedSeconds: 2,
      repeatableUntilMs: storedAtMs + 60_000,
      slots: [SLOT],
      seen: [0],
    });
  });

  it('of a hit with keepttl lets TTLs stand', () => {
    const bench = new CacheBench('cache {\n keepttl\n}');
    bench.ask();
    bench.advance(5);
    const { provenance } = sent(bench);
    expect([provenance.bornAtMs, provenance.agedSeconds]).toEqual([-1, 0]);
    expect(provenance.repeatableUntilMs).toBe(bench.nowMs + 55_000);
  });

  it('of a stale reply forbids repeating', () => {
    for (const mode of ['immediate', 'verify']) {
      const bench = new CacheBench(`cache {\n serve_stale 1h ${mode}\n}`);
      bench.ask();
      expect(sent(bench).provenance.isRepeatable).toBe(true);
      bench.advance(61);
      expect(sent(bench).provenance.isRepeatable).toBe(false);
    }
  });

  it('of a hit has a tally that counts as one more hit', () => {
    const bench = new CacheBench();
    bench.ask();
    const [tally] = sent(bench).provenance.tallies;
    const additions = new Additions();
    tally?.note({ requestOctets: 40, isTcp: false, isIPv6: false, isDnssecOk: false }, additions);
    countOn(bench.setup.services.metrics.cells, 1, additions);
    expect([bench.count('requests_total'), bench.count('hits_total', 'success'), bench.count('misses_total')]).toEqual([
      3, 2, 1,
    ]);
  });
});

describe('whatever happens in whatever order', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('ask' as const),
      name: fc.constantFrom('a.org.', 'b.org.'),
      isDnssecOk: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 40_000 }) }),
    fc.record({ kind: fc.constant('change' as const), name: fc.constantFrom('a.org.', 'b.org.') }),
    fc.record({ kind: fc.constant('ttl' as const), ttl: fc.integer({ min: 0, max: 90 }) }),
    fc.record({ kind: fc.constant('outcome' as const), outcome: fc.constantFrom('positive', 'nxdomain', 'servfail') }),
  );
  const stanzas = [
    'cache 60',
    'cache 60 {\n success 10 60 0\n denial 10 60 0\n}',
    'cache 60 {\n prefetch 1 1m 50%\n}',
    'cache 60 {\n keepttl\n}',
    'cache 60 {\n serve_stale 30s\n}',
    'cache 60 {\n serve_stale 30s verify\n}',
    'cache 60 {\n serve_stale 30s immediate 7s 10s\n serve_stale_policy prefer_positive\n}',
  ];

  it('no TTL is below 0 or above the maximum, nothing out of date is served, and nothing beyond its time', () => {
    fc.assert(
      fc.property(fc.constantFrom(...stanzas), fc.array(step, { maxLength: 60 }), (stanza, steps) => {
        const bench = new CacheBench(stanza);
        const staleMs = stanza.includes('serve_stale') ? 30_000 : 0;
        const versions: Record<string, number> = { 'a.org.': 0, 'b.org.': 0 };
        /** When the data of each address was last read. */
        const readAtMs = new Map<string, number>();
        let ttl = 60;
        let outcome = 'positive';
        bench.backend = (query) => {
          const name = query.name.startsWith('\x01a') ? 'a.org.' : 'b.org.';
          query.provenance.dependOn(name === 'a.org.' ? 1 : 2);
          if (outcome === 'nxdomain') return nxdomain(ttl);
          if (outcome === 'servfail') return nxdomain(ttl).with({ rcode: 2 });
          const address = `10.${name === 'a.org.' ? 1 : 2}.${(versions[name] as number) >> 8}.${(versions[name] as number) & 255}`;
          readAtMs.set(address, bench.nowMs);
          return positive(ttl, address, name);
        };
        for (const each of steps) {
          if (each.kind === 'wait') bench.nowMs += each.ms;
          else if (each.kind === 'ttl') ttl = each.ttl;
          else if (each.kind === 'outcome') outcome = each.outcome;
          else if (each.kind === 'change') {
            versions[each.name] = (versions[each.name] as number) + 1;
            bench.generations.bump(each.name === 'a.org.' ? 1 : 2);
          } else {
            const reply = bench.ask(each.name, 'A', { isDnssecOk: each.isDnssecOk });
            for (const record of [...reply.answer, ...reply.authority]) {
              expect(record.ttl).toBeGreaterThanOrEqual(0);
              expect(record.ttl).toBeLessThanOrEqual(60);
            }
            const [address] = reply.answer.map(({ rdata }) => rdata.join('.'));
            if (address === undefined) continue;
            const version = versions[each.name] as number;
            expect(address).toBe(`10.${each.name === 'a.org.' ? 1 : 2}.${version >> 8}.${version & 255}`);
            expect(bench.nowMs - (readAtMs.get(address) as number)).toBeLessThan(60_000 + staleMs);
          }
        }
      }),
      runs(300),
    );
  });
});
