// Which replies the answer memory gives up when it is full: hits in 100 queries, and what they cost, with CLOCK (what it does), FIFO and LRU.
//
//   node bench/run.mjs eviction
//
// Names are asked for by Zipf's law, as pods ask, with a share of names that are asked for once and never again. All three hold the same octets.
import { LRUCache } from 'lru-cache';
import { encodeMessage } from '#dns/encode.ts';
import { MessageView } from '#dns/message-view.ts';
import { wireNameFromText } from '#dns/name.ts';
import { addressRecord } from '#dns/record.ts';
import { Generations, Provenance } from '#plugin/index.ts';
import { AnswerMemory } from '#server/answer-memory/memory.ts';
import { recordOf, recordSize } from '#server/answer-memory/record.ts';
import { repeatableReply } from '#server/answer-memory/repeatable-reply.ts';

const NAMES = 50_000;
const QUERIES = 300_000;
const ZIPF = 1;
/** Octets of a record of this benchmark, about. */
const RECORD_OCTETS = 200;

const message = (name: string, isReply: boolean): Buffer => {
  const owner = wireNameFromText(name);
  return encodeMessage(
    {
      id: 1,
      flags: isReply ? 0x8500 : 0x0100,
      opcode: 0,
      rcode: 0,
      question: { name: owner, type: 1, class: 1 },
      answer: isReply ? [addressRecord(owner, 30, Uint8Array.of(10, 0, 0, 1))] : [],
      authority: [],
      additional: [],
      opt: null,
    },
    512,
  );
};

const nameOf = (rank: number): string => `svc-${rank}.namespace-${rank % 50}.svc.cluster.local.`;

/** A generator of its own, so that every policy sees the same queries. */
const random = (seed: number) => (): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 0x1_0000_0000;
};

const cumulated = new Float64Array(NAMES);
let sum = 0;
for (let rank = 0; rank < NAMES; rank++) {
  sum += 1 / (rank + 1) ** ZIPF;
  cumulated[rank] = sum;
}
const rankOf = (share: number): number => {
  let [low, high] = [0, NAMES - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulated[middle] as number) < share * sum) low = middle + 1;
    else high = middle;
  }
  return low;
};

interface Policy {
  /** True for a hit; a miss is remembered. */
  ask(name: string, query: Buffer): boolean;
}

const view = new MessageView(7);
const generations = new Generations();
const reply = (name: string, query: Buffer) => {
  view.read(query, query.length, false, false);
  const repeatable = repeatableReply(view, message(name, true), new Provenance(generations));
  if (repeatable === null) throw new Error('not repeatable');
  return repeatable;
};

const inMemory = (octets: number, isUseNoted: boolean): Policy => {
  const memory = new AnswerMemory({ generations, random: Math.random, maxOctets: octets, sheet: new Float64Array(1) });
  const out = new Uint8Array(4096);
  return {
    ask: (name, query) => {
      view.read(query, query.length, false, false);
      const found = memory.find(view, 0);
      if (found < 0) memory.remember(recordOf(reply(name, query)), 0);
      else if (isUseNoted) memory.write(found, view, 0, out, 0);
      return found >= 0;
    },
  };
};

const leastRecentlyUsed = (octets: number): Policy => {
  const items = new LRUCache<string, object>({ maxSize: octets });
  return {
    ask: (name, query) => {
      if (items.get(name) !== undefined) return true;
      items.set(name, {}, { size: recordSize(reply(name, query)) });
      return false;
    },
  };
};

const queries = Array.from({ length: NAMES }, (_, rank) => message(nameOf(rank), false));
const hitsOf = (policy: Policy, once: number): number => {
  const next = random(42);
  let hits = 0;
  let counted = 0;
  for (let i = 0; i < QUERIES; i++) {
    if (next() < once) {
      const name = `once-${i}.default.svc.cluster.local.`;
      policy.ask(name, message(name, false));
      continue;
    }
    const rank = rankOf(next());
    const isHit = policy.ask(nameOf(rank), queries[rank] as Buffer);
    if (i < QUERIES / 4) continue; // still filling
    counted++;
    if (isHit) hits++;
  }
  return (100 * hits) / counted;
};

const rows: Record<string, string>[] = [];
for (const share of [0.02, 0.1, 0.5]) {
  for (const once of [0, 0.3]) {
    const octets = Math.round(NAMES * RECORD_OCTETS * share);
    rows.push({
      'names that fit': `${share * 100} %`,
      'asked for once': `${once * 100} %`,
      'CLOCK hits %': hitsOf(inMemory(octets, true), once).toFixed(2),
      'LRU hits %': hitsOf(leastRecentlyUsed(octets), once).toFixed(2),
      'FIFO hits %': hitsOf(inMemory(octets, false), once).toFixed(2),
    });
  }
}
console.log(`node ${process.version}; ${QUERIES} queries over ${NAMES} names by Zipf (${ZIPF})`);
console.table(rows);
