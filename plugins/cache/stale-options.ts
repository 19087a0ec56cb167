import type { Faults, OptionLine, Token } from '#corefile/tree.ts';
import { readDuration } from './option-values.ts';

/** What happens once a reply has expired (RFC 8767). */
export interface StaleOptions {
  /** How long past its expiry a reply may be used; 0 is off. */
  readonly upToMs: number;
  /** True where a fresh reply is asked for first and the stale one only stands in for a failure. */
  readonly isVerified: boolean;
  /** How long that may take; 0 is as long as it takes. */
  readonly verifyTimeoutMs: number;
  /** TTL of stale replies in seconds. */
  readonly ttlSeconds: number;
  /** Pause after a refresh that failed; 0 is none. */
  readonly recheckMs: number;
  /** True where a positive reply, stale even, goes before a negative one. */
  readonly isPositivePreferred: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const MAX_TTL_SECONDS = 0xffffffff;
const MAX_RECHECK_MS = 300_000;

/** Reads `serve_stale [DURATION [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]]`. */
export const readServeStale = (line: OptionLine, stale: Mutable<StaleOptions>, faults: Faults) => {
  const [duration, mode, ...rest] = line.args;
  stale.upToMs = 3_600_000;
  stale.isVerified = false;
  stale.verifyTimeoutMs = stale.ttlSeconds = stale.recheckMs = 0;
  if (line.args.length > 5) return faults.argument(line.args.at(-1) as Token);
  if (duration !== undefined) {
    const ms = readDuration(duration, faults);
    if (ms !== null && ms < 0) faults.add('invalid negative duration for serve_stale', duration);
    else stale.upToMs = ms ?? 0;
  }
  if (mode === undefined) return;
  const name = mode.text.toLowerCase();
  if (name !== 'immediate' && name !== 'verify')
    return faults.add(`invalid value for serve_stale refresh mode: ${name}`, mode);
  stale.isVerified = name === 'verify';
  const timeout = stale.isVerified ? rest.shift() : undefined;
  if (timeout !== undefined) readTimeout(timeout, stale, faults);
  const [ttl, recheck, extra] = rest;
  if (extra !== undefined) return faults.argument(extra);
  if (ttl !== undefined) readStaleTtl(ttl, stale, faults);
  if (recheck !== undefined) readRecheck(recheck, stale, faults);
};

const readTimeout = (token: Token, stale: Mutable<StaleOptions>, faults: Faults) => {
  const ms = readDuration(token, faults, 'invalid serve_stale verify timeout: ');
  if (ms !== null && ms < 0) faults.add('invalid negative timeout for serve_stale verify', token);
  else stale.verifyTimeoutMs = ms ?? 0;
};

const readStaleTtl = (token: Token, stale: Mutable<StaleOptions>, faults: Faults) => {
  const ms = readDuration(token, faults, 'invalid serve_stale response TTL: ');
  if (ms === null) return;
  if (ms < 0) return faults.add('invalid negative response TTL for serve_stale', token);
  if (ms % 1000 !== 0) return faults.add('serve_stale response TTL must be a whole number of seconds', token);
  if (ms / 1000 > MAX_TTL_SECONDS) return faults.add('serve_stale response TTL exceeds the DNS TTL range', token);
  stale.ttlSeconds = ms / 1000;
};

const readRecheck = (token: Token, stale: Mutable<StaleOptions>, faults: Faults) => {
  const ms = readDuration(token, faults, 'invalid serve_stale failure recheck: ');
  if (ms === null) return;
  if (ms < 0) return faults.add('invalid negative failure recheck for serve_stale', token);
  if (ms > MAX_RECHECK_MS) return faults.add('serve_stale failure recheck cannot exceed 5 minutes', token);
  stale.recheckMs = ms;
};

/** Reads `serve_stale_policy prefer_positive`. */
export const readStalePolicy = (line: OptionLine, stale: Mutable<StaleOptions>, faults: Faults) => {
  const [policy] = line.args;
  if (policy === undefined || line.args.length > 1) return faults.argument(line.args.at(-1) ?? line.name);
  if (policy.text.toLowerCase() === 'prefer_positive') stale.isPositivePreferred = true;
  else faults.add(`invalid serve_stale_policy: ${policy.text}`, policy);
};
