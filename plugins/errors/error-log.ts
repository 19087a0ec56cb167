import { textFromName } from '#dns/name.ts';
import { rrTypeName } from '#dns/registry/rr-types.ts';
import { durationText } from '#log/duration-text.ts';
import type { Log } from '#log/log.ts';
import type { Query, Reply } from '#plugin/index.ts';
import type { ConsolidatePattern } from './options.ts';

/** Characters of an error that patterns are tried on: names in it come from clients, and an expression may be slow. */
const MAX_MATCHED = 1000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Counts errors that are alike, and says how many there were when their time is over. */
class Consolidation {
  readonly pattern: ConsolidatePattern;
  readonly #log: Log;
  #count = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(pattern: ConsolidatePattern, log: Log) {
    this.pattern = pattern;
    this.#log = log;
  }

  /** True where the error is counted and not to be logged by itself. */
  takes(): boolean {
    this.#count++;
    if (this.#count > 1) return true;
    this.#timer = setTimeout(() => this.report(), Math.min(Math.max(0, this.pattern.periodMs), MAX_TIMER_MS));
    this.#timer.unref();
    return !this.pattern.isFirstShown;
  }

  report(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const count = this.#count;
    this.#count = 0;
    const { source, periodMs, level, isFirstShown } = this.pattern;
    if (count > (isFirstShown ? 1 : 0))
      this.#log.at(level, `${count} errors like '${source}' occurred in last ${durationText(periodMs)}`);
  }
}

/** Logs the errors of replies, `2 example.org. A: message`; those that a pattern matches are counted and summed up. */
export class ErrorLog {
  readonly #consolidations: readonly Consolidation[];
  readonly #log: Log;
  #isStopped = false;

  constructor(patterns: readonly ConsolidatePattern[], log: Log) {
    this.#consolidations = patterns.map((pattern) => new Consolidation(pattern, log));
    this.#log = log;
  }

  /** Logs the error of a reply, where it has one. Nothing is done for one that has none. */
  see(query: Query, reply: Reply): void {
    if (reply.kind !== 'answer' || reply.error === null) return;
    // Each such query is to be seen, so its reply is not repeated without us.
    query.provenance.forbid();
    const { message } = reply.error;
    const level = this.#levelOf(message);
    if (level !== null)
      this.#log.at(level, `${reply.rcode} ${textFromName(query.name)} ${rrTypeName(query.type)}: ${message}`);
  }

  /** Sums up what was counted so far. Errors that come after are logged one by one. */
  stop(): void {
    this.#isStopped = true;
    for (const consolidation of this.#consolidations) consolidation.report();
  }

  /** Level of the line for an error by itself, or null where it is only counted. The first pattern that matches decides. */
  #levelOf(message: string): ConsolidatePattern['level'] | null {
    const text = message.slice(0, MAX_MATCHED);
    for (const consolidation of this.#consolidations) {
      if (!consolidation.pattern.pattern.test(text)) continue;
      return !this.#isStopped && consolidation.takes() ? null : consolidation.pattern.level;
    }
    return 'error';
  }
}
