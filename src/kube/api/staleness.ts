import type { Log } from '#log/log.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { Clock } from './clock.ts';
import type { Resource } from './resource.ts';

/** Out of step for this long is worth a line. */
const STALE_MS = 30_000;
/** Kinds that fell out of step within this time share the line: an outage meets them one after the other. */
const TOGETHER_MS = 5000;

/** What a source's user does without it, as a log line ends. */
export interface Meanwhile {
  /** While what it knows may be old. */
  readonly stale: string;
  /** As long as it knows nothing yet. */
  readonly unread: string;
  /** While a list or a watch fails. */
  readonly failing?: string;
}

const NAMES: Meanwhile = {
  stale: 'names are answered as they were then',
  unread: 'names that are not known get SERVFAIL',
};

export interface StalenessOptions {
  /** That of DNS unless it is given. */
  readonly meanwhile?: Meanwhile | undefined;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly wallMs?: () => number;
}

/**
 * How long a source's kinds have been out of step with the API server: a gauge for each, one line when it gets long, and one when
 * it is over. What is tried meanwhile, and how it fails, is the trouble log's.
 */
export class Staleness {
  readonly #options: StalenessOptions;
  readonly #kinds: FollowedKind[] = [];
  /** What the log has been told of and not yet taken back. */
  readonly #told = new Set<FollowedKind>();
  #toldSince = 0;
  #toldUntil = 0;

  constructor(options: StalenessOptions) {
    this.#options = options;
  }

  /** A kind that is watched from now on. It is out of step until its first watch is open. */
  follow({ kind, title }: Pick<Resource, 'kind' | 'title'>): KindStaleness {
    const { metrics, clock } = this.#options;
    const gauge = metrics.gauge({
      name: 'cluster_dns_kubernetes_stale_seconds',
      help: 'Seconds since the watch of a kind has been out of step with the API server; 0 while it is in step.',
      labels: ['kind'],
    });
    const followed: FollowedKind = new FollowedKind(title, clock, {
      stale: () => this.#tell(),
      settled: () => this.#takeBack(followed),
      forget: gauge.followHighest(() => followed.staleMs() / 1000, kind),
    });
    this.#kinds.push(followed);
    return followed;
  }

  /** Nothing is watched any more. */
  end(): void {
    for (const kind of this.#kinds) kind.end();
  }

  #tell(): void {
    const { log, clock, wallMs = Date.now, meanwhile = NAMES } = this.#options;
    const isDue = (kind: FollowedKind): boolean => !this.#told.has(kind) && kind.staleMs() >= STALE_MS - TOGETHER_MS;
    const due = this.#kinds.filter(isDue);
    const say = (kinds: readonly FollowedKind[], words: string, result: string): void => {
      if (kinds.length === 0) return;
      const ageMs = Math.max(...kinds.map((kind) => kind.staleMs()));
      const date = new Date(wallMs() - ageMs).toISOString().replace(/\.\d+Z$/, 'Z');
      log.warning(`${titlesOf(kinds)}: ${words} since ${date}; ${result}`);
      const since = clock.now() - ageMs;
      this.#toldSince = this.#told.size === 0 ? since : Math.min(this.#toldSince, since);
      for (const kind of kinds) this.#told.add(kind);
    };
    const wasInStep = (kind: FollowedKind): boolean => kind.wasInStep;
    say(due.filter(wasInStep), 'out of step with the API server', meanwhile.stale);
    say(
      due.filter((kind) => !wasInStep(kind)),
      'not yet read from the API server, which is tried',
      meanwhile.unread,
    );
  }

  #takeBack(kind: FollowedKind): void {
    if (!this.#told.has(kind)) return;
    this.#toldUntil = Math.max(this.#toldUntil, kind.openedAt);
    if ([...this.#told].some((told) => !told.isSettled)) return;
    const seconds = Math.round((this.#toldUntil - this.#toldSince) / 1000);
    this.#options.log.info(`${titlesOf([...this.#told])}: up to date again after ${seconds} s`);
    this.#told.clear();
  }
}

/** What a reflector tells of its watch. */
export interface KindStaleness {
  /** The watch is open: from here on nothing is missed, if it lasts. */
  opened(): void;
  /** The watch is in order. */
  proven(): void;
  /** The watch has ended. */
  ended(): void;
}

interface Hooks {
  /** Out of step for STALE_MS now. */
  stale(): void;
  /** In step, in a watch that is in order. */
  settled(): void;
  /** Takes it out of the metrics. */
  forget(): void;
}

/** A watch that opens and ends at once, again and again, never makes the time begin anew: only one that is in order does. */
class FollowedKind implements KindStaleness {
  readonly title: string;
  readonly #clock: Clock;
  readonly #hooks: Hooks;
  #since: number;
  #isOpen = false;
  #disarm: () => void;
  isSettled = false;
  wasInStep = false;
  openedAt = 0;

  constructor(title: string, clock: Clock, hooks: Hooks) {
    this.title = title;
    this.#clock = clock;
    this.#hooks = hooks;
    this.#since = clock.now();
    this.#disarm = clock.deadline(STALE_MS, hooks.stale);
  }

  staleMs(): number {
    return this.#isOpen ? 0 : this.#clock.now() - this.#since;
  }

  opened(): void {
    this.#isOpen = true;
    this.wasInStep = true;
    this.openedAt = this.#clock.now();
    this.#disarm();
  }

  proven(): void {
    if (this.isSettled || !this.#isOpen) return;
    this.isSettled = true;
    this.#hooks.settled();
  }

  ended(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.isSettled) this.#since = this.#clock.now();
    this.isSettled = false;
    this.#disarm = this.#clock.deadline(Math.max(0, STALE_MS - this.staleMs()), this.#hooks.stale);
  }

  end(): void {
    this.#disarm();
    this.#hooks.forget();
  }
}

const titlesOf = (kinds: readonly FollowedKind[]): string => kinds.map(({ title }) => title).join(', ');
