import { readInteger } from '#corefile/readers.ts';
import type { Directive, Faults, OptionLine, Token } from '#corefile/tree.ts';
import type { Name } from '#dns/name.ts';
import { fallthroughZones, zonesFromArgs } from '#plugin/index.ts';
import { readDuration, readOctets, readWhole } from './option-values.ts';
import { readServeStale, readStalePolicy, type StaleOptions } from './stale-options.ts';

/** What one of the two stores keeps. */
export interface StoreOptions {
  /** As configured; the store rounds it (see `store.ts`). */
  readonly capacity: number;
  readonly maxTtlMs: number;
  readonly minTtlMs: number;
  /** Zones whose replies of this kind are not kept. */
  readonly disabledZones: readonly Name[];
}

/** When a reply is fetched anew before it expires. */
export interface PrefetchOptions {
  /** Hits it takes; 0 is off. */
  readonly amount: number;
  /** Longest gap between two of those hits. */
  readonly gapMs: number;
  /** Part of the TTL, in per cent, that may be left. */
  readonly percentage: number;
}

export interface CacheOptions {
  readonly zones: readonly Name[];
  readonly success: StoreOptions;
  readonly denial: StoreOptions;
  readonly prefetch: PrefetchOptions;
  readonly stale: StaleOptions;
  /** How long SERVFAIL and NOTIMP are kept; 0 is not at all. */
  readonly servfailMs: number;
  readonly isTtlKept: boolean;
  /** What the replies of all server blocks may take together, half of it in stores and half of it encoded; null where it is not said here. */
  readonly memoryOctets: number | null;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly unknown[] ? T[K] : Mutable<T[K]> };

const DEFAULT_CAPACITY = 10_000;
const MIN_TTL_MS = 5000;
const LEAST_MEMORY_OCTETS = 1024 * 1024;

const defaults = (zones: readonly Name[]): Mutable<CacheOptions> => ({
  zones,
  success: { capacity: DEFAULT_CAPACITY, maxTtlMs: 3_600_000, minTtlMs: MIN_TTL_MS, disabledZones: [] },
  denial: { capacity: DEFAULT_CAPACITY, maxTtlMs: 1_800_000, minTtlMs: MIN_TTL_MS, disabledZones: [] },
  prefetch: { amount: 0, gapMs: 60_000, percentage: 10 },
  stale: { upToMs: 0, isVerified: false, verifyTimeoutMs: 0, ttlSeconds: 0, recheckMs: 0, isPositivePreferred: false },
  servfailMs: MIN_TTL_MS,
  isTtlKept: false,
  memoryOctets: null,
});

/** Reads `cache [TTL] [ZONES...] { ... }`. What is wrong goes to `faults`, and its default stands in. */
export const readOptions = (directive: Directive, blockZones: readonly Name[], faults: Faults): CacheOptions => {
  const occurrence = directive.occurrences[0];
  const options = defaults(blockZones);
  if (occurrence === undefined) return options;
  options.zones = zonesFromArgs(readTtl(occurrence.args, options, faults), blockZones, faults);
  let policy: Token | null = null;
  let isStaleGiven = false;
  for (const line of occurrence.body ?? []) {
    if (line.body !== null) {
      faults.add("Error during parsing: Unexpected token '{', expecting argument", line.name);
      continue;
    }
    if (line.name.text === 'serve_stale') isStaleGiven = true;
    if (line.name.text === 'serve_stale_policy') {
      if (policy !== null) faults.add('serve_stale_policy can only be specified once', line.name);
      policy = line.name;
    }
    readOption(line, options, faults);
  }
  if (policy !== null && !isStaleGiven) faults.add('serve_stale_policy requires serve_stale', policy);
  return options;
};

/** Takes a TTL off the front of the arguments. The rest are zones. */
const readTtl = (args: readonly Token[], options: Mutable<CacheOptions>, faults: Faults): readonly Token[] => {
  const first = args[0];
  // A number that is too large is a zone, as in CoreDNS.
  if (first === undefined || readInteger(first.text) === null) return args;
  const ttl = readTtlSeconds(first, faults);
  if (ttl !== null) options.success.maxTtlMs = options.denial.maxTtlMs = ttl * 1000;
  return args.slice(1);
};

const readOption = (line: OptionLine, options: Mutable<CacheOptions>, faults: Faults) => {
  switch (line.name.text) {
    case 'success':
      return readStore(line, options.success, faults);
    case 'denial':
      return readStore(line, options.denial, faults);
    case 'prefetch':
      return readPrefetch(line, options.prefetch, faults);
    case 'serve_stale':
      return readServeStale(line, options.stale, faults);
    case 'serve_stale_policy':
      return readStalePolicy(line, options.stale, faults);
    case 'servfail':
      return readServfail(line, options, faults);
    case 'disable':
      return readDisable(line, options, faults);
    case 'keepttl':
      if (line.args.length > 0) faults.argument(line.args.at(-1) as Token);
      options.isTtlKept = true;
      return;
    case 'memory':
      return readMemory(line, options, faults);
    default:
      faults.argument(line.name);
  }
};

/** `memory SIZE`, as Kubernetes writes quantities: `64Mi`. */
const readMemory = (line: OptionLine, options: Mutable<CacheOptions>, faults: Faults) => {
  const [size] = line.args;
  if (size === undefined || line.args.length > 1) return faults.argument(line.args.at(-1) ?? line.name);
  const octets = readOctets(size.text);
  if (octets === null) faults.add(`invalid memory: ${size.text}`, size, 'write a size such as 64Mi');
  else if (octets < LEAST_MEMORY_OCTETS) faults.add(`memory must be 1Mi at least: ${size.text}`, size);
  else options.memoryOctets = octets;
};

const readTtlSeconds = (token: Token, faults: Faults): number | null => {
  const ttl = readWhole(token, faults);
  if (ttl === null || ttl > 0) return ttl;
  faults.add(`cache TTL can not be zero or negative: ${ttl}`, token);
  return null;
};

/** `success|denial CAPACITY [TTL] [MINTTL]`. CoreDNS takes no notice of more words, so neither do we. */
const readStore = (line: OptionLine, store: Mutable<StoreOptions>, faults: Faults) => {
  const [capacity, ttl, minTtl] = line.args;
  if (capacity === undefined) return faults.argument(line.name);
  store.capacity = readWhole(capacity, faults) ?? store.capacity;
  if (ttl === undefined) return;
  const seconds = readTtlSeconds(ttl, faults);
  if (seconds !== null) store.maxTtlMs = seconds * 1000;
  const least = minTtl === undefined ? null : readWhole(minTtl, faults);
  if (least === null) return;
  if (least < 0) faults.add(`cache min TTL can not be negative: ${least}`, minTtl as Token);
  else store.minTtlMs = least * 1000;
};

/** `prefetch AMOUNT [DURATION [PERCENTAGE%]]`. */
const readPrefetch = (line: OptionLine, prefetch: Mutable<PrefetchOptions>, faults: Faults) => {
  const [amount, gap, percentage] = line.args;
  if (amount === undefined || line.args.length > 3) return faults.argument(line.args.at(-1) ?? line.name);
  const hits = readWhole(amount, faults);
  if (hits !== null && hits < 0) faults.add(`prefetch amount should be positive: ${hits}`, amount);
  else prefetch.amount = hits ?? 0;
  if (gap !== undefined) prefetch.gapMs = readDuration(gap, faults) ?? prefetch.gapMs;
  if (percentage !== undefined) readPercentage(percentage, prefetch, faults);
};

const readPercentage = (token: Token, prefetch: Mutable<PrefetchOptions>, faults: Faults) => {
  const last = token.text.at(-1) ?? '';
  if (last !== '%') return faults.add(`last character of percentage should be \`%\`, but is: '${last}'`, token);
  const percentage = readWhole({ ...token, text: token.text.slice(0, -1) }, faults);
  if (percentage === null) return;
  if (percentage < 10 || percentage > 90)
    return faults.add(`percentage should fall in range [10, 90]: ${percentage}`, token);
  prefetch.percentage = percentage;
};

/** `servfail DURATION`. RFC 2308, section 7.1, allows 5 minutes at most. */
const readServfail = (line: OptionLine, options: Mutable<CacheOptions>, faults: Faults) => {
  const [duration] = line.args;
  if (duration === undefined || line.args.length > 1) return faults.argument(line.args.at(-1) ?? line.name);
  const ms = readDuration(duration, faults);
  if (ms === null) return;
  if (ms < 0) faults.add('invalid negative ttl for servfail', duration);
  else if (ms > 300_000) faults.add('caching SERVFAIL responses over 5 minutes is not permitted', duration);
  else options.servfailMs = ms;
};

/** `disable success|denial [ZONES...]`. */
const readDisable = (line: OptionLine, options: Mutable<CacheOptions>, faults: Faults) => {
  const [kind, ...zones] = line.args;
  if (kind === undefined) return faults.argument(line.name);
  if (kind.text !== 'success' && kind.text !== 'denial')
    return faults.add('cache type for disable must be "success" or "denial"', kind);
  options[kind.text].disabledZones = fallthroughZones(zones, faults);
};
