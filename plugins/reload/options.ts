import { readDurationMs } from '#corefile/readers.ts';
import type { Directive, Faults, Token } from '#corefile/tree.ts';

export interface ReloadOptions {
  readonly intervalMs: number;
  /** At most half of the interval; the pause is drawn once from the interval plus or minus half of it. */
  readonly jitterMs: number;
}

const MIN_INTERVAL_MS = 2000;
const MIN_JITTER_MS = 1000;
const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_JITTER_MS = 15_000;

/** Reads `reload [INTERVAL] [JITTER]`. CoreDNS looks at the first occurrence only (plugin/reload/setup.go). */
export const readOptions = (directive: Directive, faults: Faults): ReloadOptions => {
  const [occurrence] = directive.occurrences;
  const [interval, jitter, extra] = occurrence?.args ?? [];
  if (extra !== undefined) faults.argument(occurrence?.args.at(-1) ?? extra);
  const intervalMs = readMs(interval, DEFAULT_INTERVAL_MS, faults);
  if (interval !== undefined && intervalMs < MIN_INTERVAL_MS)
    faults.add('interval value must be greater or equal to 2s', interval);
  const jitterMs = readMs(jitter, DEFAULT_JITTER_MS, faults);
  if (jitter !== undefined && jitterMs !== 0 && jitterMs < MIN_JITTER_MS)
    faults.add('jitter value must be 0 or greater or equal to 1s', jitter);
  return { intervalMs, jitterMs: Math.min(jitterMs, intervalMs / 2) };
};

/** The default where the word is missing, or wrong, which is told. */
const readMs = (word: Token | undefined, fallback: number, faults: Faults): number => {
  if (word === undefined) return fallback;
  const ms = readDurationMs(word.text);
  if (ms !== null) return ms;
  const isNumber = /^[+-]?[\d.]+$/.test(word.text);
  faults.add(
    `time: ${isNumber ? 'missing unit in' : 'invalid'} duration "${word.text}"`,
    word,
    isNumber ? `did you mean ${word.text}s?` : 'a duration is written 30s or 1m',
  );
  return fallback;
};
