/** The cache beside a model of what it is to do: RFC 2308 for how long, RFC 8767 for how long after that. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer } from '#plugin/index.ts';
import { runs } from '#test/property-runs.ts';
import { CacheBench, nxdomain, positive, replyOf, SOA, servfail } from './cache-bench.ts';

type StoreName = 'success' | 'denial';
const OUTCOMES = ['positive', 'nodata', 'nxdomain', 'servfail', 'refused', 'truncated', 'soaless'] as const;
type Outcome = (typeof OUTCOMES)[number];

/** A configuration and what it means. */
interface Setting {
  readonly stanza: string;
  readonly success: readonly [min: number, max: number];
  readonly denial: readonly [min: number, max: number];
  readonly servfail: number;
  readonly staleSeconds: number;
  readonly staleTtl: number;
  readonly isVerified: boolean;
  readonly isKept: boolean;
}
const usual: Omit<Setting, 'stanza'> = {
  success: [5, 3600],
  denial: [5, 1800],
  servfail: 5,
  staleSeconds: 0,
  staleTtl: 0,
  isVerified: false,
  isKept: false,
};
/** All with the least capacity that there is: 1,024 items in each store. */
const least = 'success 4\n denial 4';
const SETTINGS: readonly Setting[] = [
  { ...usual, stanza: `cache {\n ${least}\n}` },
  {
    ...usual,
    stanza: 'cache 60 {\n success 4 50 20\n denial 4 40 1\n servfail 2s\n}',
    success: [20, 50],
    denial: [1, 40],
    servfail: 2,
  },
  { ...usual, stanza: `cache {\n ${least}\n keepttl\n}`, isKept: true },
  { ...usual, stanza: `cache {\n ${least}\n servfail 0\n serve_stale 30s\n}`, servfail: 0, staleSeconds: 30 },
  { ...usual, stanza: `cache {\n ${least}\n serve_stale 30s immediate 7s\n}`, staleSeconds: 30, staleTtl: 7 },
  { ...usual, stanza: `cache {\n ${least}\n serve_stale 30s verify\n}`, staleSeconds: 30, isVerified: true },
];
const CAPACITY = 1024;

const reply = (outcome: Outcome, ttl: number, address: string, name: string): Answer => {
  switch (outcome) {
    case 'positive':
      return positive(ttl, address, name);
    case 'nodata':
      return replyOf({ authority: [`example.org. ${ttl} IN SOA ${SOA}`] });
    case 'nxdomain':
      return nxdomain(ttl);
    case 'servfail':
      return servfail(ttl);
    case 'refused':
      return replyOf({ rcode: 'REFUSED' });
    case 'truncated':
      return positive(ttl, address, name).with({ isTruncated: true });
    case 'soaless':
      return replyOf({ rcode: 'NXDOMAIN' });
  }
};

/** What the model knows of a kept reply. */
interface Held {
  readonly outcome: Outcome;
  readonly address: string;
  readonly ttl: number;
  readonly atMs: number;
  /** Generation of the name when it was made. */
  readonly version: number;
}

const clamp = (ttl: number, [min, max]: readonly [number, number]): number => Math.min(Math.max(ttl, min), max);

/** A cache without a limit. */
class Model {
  readonly #setting: Setting;
  readonly #history = new Map<string, Held[]>();
  readonly #held: Record<StoreName, Map<string, Held>> = { success: new Map(), denial: new Map() };

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  /** `isRefused`: it is not to take the place of what has run out. */
  keep(
    key: string,
    outcome: Outcome,
    ttl: number,
    rest: Pick<Held, 'address' | 'atMs' | 'version'>,
    isRefused: boolean,
  ): void {
    const { success, denial, servfail: failed } = this.#setting;
    if (outcome === 'refused' || outcome === 'truncated' || outcome === 'soaless') return;
    const bounded = outcome === 'positive' ? clamp(ttl, success) : outcome === 'servfail' ? failed : clamp(ttl, denial);
    if (bounded <= 0) return;
    const store = outcome === 'positive' ? 'success' : 'denial';
    const held = { outcome, ttl: bounded, ...rest };
    this.#history.set(key, [...(this.#history.get(key) ?? []), held]);
    if (isRefused) return;
    this.#held[store].set(key, held);
    if (store === 'success') this.#held.denial.delete(key);
  }

  /** Whether such a reply was kept once and is in time: what can be said of a cache that had to give items up. */
  couldAnswer(key: string, got: Answer, nowMs: number, version: number): boolean {
    return (this.#history.get(key) ?? []).some(
      (held) =>
        held.version === version &&
        this.left(held, nowMs) > -this.#setting.staleSeconds &&
        isReply(held, got) &&
        [...got.answer, ...got.authority].every(({ ttl }) => ttl === this.ttlOf(held, nowMs)),
    );
  }

  /** TTL of a reply that is answered now. */
  ttlOf(held: Held, nowMs: number): number {
    const left = this.left(held, nowMs);
    if (left <= 0) return this.#setting.staleTtl;
    return this.#setting.isKept ? held.ttl : left;
  }

  /** What a cache with room for all would answer from. */
  find(key: string, nowMs: number, version: number): Held | null {
    const [denial, success] = (['denial', 'success'] as const).map((store) => {
      const held = this.#held[store].get(key);
      if (held === undefined || held.version !== version) return null;
      return this.left(held, nowMs) > -this.#setting.staleSeconds ? held : null;
    }) as [Held | null, Held | null];
    if (denial === null) return success;
    return denial.outcome === 'servfail' ? (success ?? denial) : denial;
  }

  /** Whole seconds of its TTL. */
  left({ ttl, atMs }: Held, nowMs: number): number {
    return ttl - Math.floor((nowMs - atMs) / 1000);
  }
}

const name = fc.nat(2);
/** ms from an answer to the last moment of a TTL or of its time after that, and to the first beyond. */
const edges = fc.constantFrom(4999, 5000, 34_999, 35_000, 89_999, 90_000);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('ask' as const), name, isDnssecOk: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(2000), fc.nat(40_000), edges) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('change' as const), name }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('outcome' as const),
      outcome: fc.constantFrom(...OUTCOMES),
      ttl: fc.oneof(fc.nat(70), fc.constantFrom(0, 5, 60, 4000)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('crowd' as const),
      names: fc.oneof({ weight: 9, arbitrary: fc.constant(3) }, { weight: 1, arbitrary: fc.constantFrom(600, 1500) }),
    }),
  },
);

const isReply = ({ outcome, address }: Held, got: Answer): boolean =>
  got.rcode === reply(outcome, 0, address, 'a.org.').rcode &&
  addressOf(got) === (outcome === 'positive' ? address : '');

const addressOf = (reply: Answer): string => reply.answer.map(({ rdata }) => rdata.join('.')).join();

describe('whatever is asked, waited for and changed', () => {
  it('the cache answers what its model answers, from no more items than it may hold, and counts it', () => {
    let hits = 0;
    fc.assert(
      fc.property(fc.constantFrom(...SETTINGS), fc.array(step, { maxLength: 60, size: 'max' }), (setting, steps) => {
        const bench = new CacheBench(setting.stanza);
        const model = new Model(setting);
        const versions = new Map<string, number>();
        let outcome: Outcome = 'positive';
        let ttl = 60;
        let calls = 0;
        let asked = 0;
        const expected = { hits: 0, misses: 0, stale: 0 };
        bench.backend = (query) => {
          calls++;
          query.provenance.dependOn(query.name.charCodeAt(1));
          const address = `10.${(calls >> 16) & 255}.${(calls >> 8) & 255}.${calls & 255}`;
          const text = currentName;
          const key = `${text} ${query.isDnssecOk}`;
          const rest = { address, atMs: bench.nowMs, version: versions.get(text) ?? 0 };
          model.keep(key, outcome, ttl, rest, isStale && outcome === 'servfail');
          return reply(outcome, ttl, address, text);
        };
        let currentName = '';
        let isStale = false;

        const evictions = (): number =>
          bench.count('evictions_total', 'success') + bench.count('evictions_total', 'denial');
        const ask = (text: string, isDnssecOk: boolean): void => {
          currentName = text;
          const version = versions.get(text) ?? 0;
          const before = model.find(`${text} ${isDnssecOk}`, bench.nowMs, version);
          isStale = before !== null && model.left(before, bench.nowMs) <= 0;
          const callsBefore = calls;
          const missesBefore = bench.count('misses_total');
          const got = bench.ask(text, 'A', { isDnssecOk });
          asked++;
          const isMiss = bench.count('misses_total') > missesBefore;
          if (isMiss) {
            expected.misses++;
            expect(calls).toBe(callsBefore + 1);
            // Only what was given up is missed before its time.
            if (before !== null) expect(evictions()).toBeGreaterThan(0);
            return;
          }
          expected.hits++;
          if (evictions() > 0) {
            const isVerifying = setting.isVerified && calls > callsBefore;
            if (!isVerifying) expect(model.couldAnswer(`${text} ${isDnssecOk}`, got, bench.nowMs, version)).toBe(true);
            return;
          }
          // A hit on what the model has not is a reply that is out of date or beyond its time.
          expect(before, `${text} answered from nothing`).not.toBeNull();
          const held = before as Held;
          // What has run out is asked for again, before or after the client has its reply.
          expect(calls).toBe(callsBefore + (isStale ? 1 : 0));
          if (
            isStale &&
            setting.isVerified &&
            outcome !== 'servfail' &&
            outcome !== 'refused' &&
            outcome !== 'truncated'
          )
            return;
          if (isStale) expected.stale++;
          expect(isReply(held, got), `rcode ${got.rcode}, ${addressOf(got)}`).toBe(true);
          const ttls = [...got.answer, ...got.authority].map((record) => record.ttl);
          expect(ttls).toEqual(ttls.map(() => model.ttlOf(held, bench.nowMs)));
        };

        for (const each of steps) {
          if (each.kind === 'wait') bench.nowMs += each.ms;
          else if (each.kind === 'outcome') ({ outcome, ttl } = each);
          else if (each.kind === 'ask') ask(`${String.fromCharCode(97 + each.name)}.org.`, each.isDnssecOk);
          else if (each.kind === 'crowd') for (let i = 0; i < each.names; i++) ask(`z${i}.org.`, false);
          else {
            const text = `${String.fromCharCode(97 + each.name)}.org.`;
            versions.set(text, (versions.get(text) ?? 0) + 1);
            bench.generations.bump(text.charCodeAt(0));
          }
          for (const store of ['success', 'denial'] as const)
            expect(bench.entries(store)).toBeLessThanOrEqual(CAPACITY);
        }
        const counted = (type: StoreName): number => bench.count('hits_total', type);
        expect(bench.count('requests_total')).toBe(asked);
        expect(bench.count('misses_total')).toBe(expected.misses);
        expect(counted('success') + counted('denial')).toBe(expected.hits);
        if (evictions() === 0) expect(bench.count('served_stale_total')).toBe(expected.stale);
        hits += expected.hits;
      }),
      runs(25),
    );
    expect(hits).toBeGreaterThan(40);
  });
});
