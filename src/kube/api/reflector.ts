import type { Log } from '#log/log.ts';
import type { Change, Known, KubeObject } from '../source.ts';
import { Backoff } from './backoff.ts';
import type { ApiClient } from './client.ts';
import type { Clock } from './clock.ts';
import { KnownObjects, type Relist } from './known-objects.ts';
import { KubeError, textOf } from './kube-error.ts';
import { type ListForm, readList, readVersion } from './list.ts';
import type { Resource } from './resource.ts';
import type { KindStaleness } from './staleness.ts';
import { TroubleLog } from './trouble-log.ts';
import { type WatchEvent, type WatchStart, watchOnce } from './watch.ts';

/** After so many failed watches in a row the resourceVersion is not trusted any more: etcd may have been restored, or what comes next can't be read. */
const DOUBT_AFTER_FAILURES = 5;
/** A watch that has lasted this long, or given something, is in order. */
const SETTLED_MS = 5000;
/** A watch that was in order and breaks is resumed within this time. */
const RESUME_MS = 100;
/** A server without a kind is asked again after this long: it may have been brought up to date. */
const ABSENT_MS = 600_000;

export interface ReflectorOptions<T extends Known = KubeObject> {
  readonly client: ApiClient;
  readonly resource: Resource<T>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly change: (change: Change<T>, old: T | undefined) => void;
  /** Called at the end of the first whole list. */
  readonly synced: () => void;
  /** Told of each change that a watch has brought, once it is applied: ms since its octets were read. */
  readonly applied: (ms: number) => void;
  readonly staleness: KindStaleness;
  /** What is done without it, for the log; that of DNS unless it is given. */
  readonly meanwhile?: string | undefined;
  /** Told of each list that failed. */
  readonly listFailed: () => void;
}

/**
 * Follows one kind: a whole list, then a watch from there on, for ever.
 *
 *     list --ok--> watch --ended by the server--> watch
 *      ^  ^          |--any failure, then a pause--> watch
 *      |  `-- 410 ---|  (with a pause where the watch gave nothing since the list)
 *      |  `----------'  five failures of a server that answers, or one that is back after an outage with an older resourceVersion
 *      `-- failure, then a pause
 *
 * After an outage thousands of nodes are back at once, so none of them lists anew without need.
 *
 * Where the server can do it (WatchList), list and watch are one request: a watch that begins with all objects.
 *
 * @kubernetes/client-node's informer ends for good at an HTTP 500, does not page, asks for no bookmarks and may
 * leave a watch open after its stop; list, watch and reflector.test.ts hold these cases.
 */
export class Reflector<T extends Known = KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #known: KnownObjects<T>;
  readonly #backoff: Backoff;
  readonly #trouble: TroubleLog;
  /** Where the next watch begins; null: a list is needed. */
  #resourceVersion: string | null = null;
  #hasSynced = false;
  /** The server was away for long: what it has now may be older than what it had. */
  #isVersionDoubtful = false;
  /** Since a watch was in order the server has answered, and not as it should. */
  #hasAnswered = false;
  /** Some watch since the last list was in order. */
  #isListProven = true;
  #listedAt = 0;
  /** The server had accepted the watch that failed. */
  #wasWatchOpen = false;
  /** The last watch was in order, and nothing has failed since. */
  #isWatchProven = false;
  /** The server does not have the kind: that has been said. */
  #isAbsent = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#known = new KnownObjects(options.resource.kind, (change, old) => this.#emit(change, old));
    this.#backoff = new Backoff(options.random);
    this.#trouble = new TroubleLog(
      options.log,
      options.resource.title,
      options.client.commonTrouble,
      options.meanwhile,
    );
  }

  get known(): KnownObjects<T> {
    return this.#known;
  }

  /** Resolves when the signal is aborted, and not before; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#wasWatchOpen = false;
      try {
        if (this.#isVersionDoubtful) await this.#checkVersion(signal);
        if (this.#resourceVersion !== null) await this.#watch({ after: this.#resourceVersion }, signal);
        else if (this.#isWatchListDue) await this.#watch('all-objects', signal);
        else await this.#list(signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#recover(this.#resourceVersion === null ? 'list' : 'watch', error, signal);
      }
    }
  }

  /** After a failure each way is tried in turn: a server may fail at one of them. */
  get #isWatchListDue(): boolean {
    const { client, resource } = this.#options;
    // A refusal there would not tell whether it is the kind that the server lacks.
    if (resource.isOptional === true) return false;
    return client.canWatchList && this.#backoff.failures % 2 === 0;
  }

  async #list(signal: AbortSignal): Promise<void> {
    let resourceVersion: string;
    try {
      // Nothing is known yet that could become older, but in a state file, and many may start at once.
      resourceVersion = await this.#relist(signal, this.#hasSynced ? 'pages' : 'any');
    } catch (error) {
      if (!(error instanceof KubeError) || error.code !== 'KUBE_EXPIRED' || signal.aborted) throw error;
      // The continue token ran out between two pages: one whole list has none.
      resourceVersion = await this.#relist(signal, 'whole');
    }
    this.#listed(resourceVersion);
    this.#synced();
  }

  #listed(resourceVersion: string): void {
    this.#isAbsent = false;
    this.#resourceVersion = resourceVersion;
    this.#isVersionDoubtful = false;
    this.#hasAnswered = false;
    this.#isListProven = false;
    this.#listedAt = this.#options.clock.now();
  }

  #synced(): void {
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    this.#options.synced();
  }

  async #relist(signal: AbortSignal, form: ListForm): Promise<string> {
    const { client, clock, resource } = this.#options;
    const relist = this.#known.relist();
    const take = (raw: unknown): void => {
      const object = resource.project(raw);
      if (object !== null) relist.set(object);
    };
    const resourceVersion = await readList({ client, clock, resource, signal, take }, form);
    await relist.finish();
    return resourceVersion;
  }

  /** Lets a list follow where the server has gone back in time: a watch from a version that is still to come would be told nothing until then. */
  async #checkVersion(signal: AbortSignal): Promise<void> {
    const { client, clock, resource } = this.#options;
    const version = await readVersion({ client, clock, resource, signal });
    this.#isVersionDoubtful = false;
    if (this.#resourceVersion !== null && !isAtLeast(version, this.#resourceVersion)) this.#resourceVersion = null;
  }

  async #watch(start: WatchStart, signal: AbortSignal): Promise<void> {
    const { client, clock, random, resource } = this.#options;
    let stop = (): void => undefined;
    this.#isWatchProven = false;
    const opened = (): void => {
      this.#wasWatchOpen = true;
      this.#options.staleness.opened();
      stop = clock.deadline(SETTLED_MS, () => this.#prove());
    };
    /** What is filled before the changes begin. */
    let relist = start === 'all-objects' ? this.#known.relist() : null;
    let finished = Promise.resolve();
    const take = (event: WatchEvent): void => {
      if (relist === null) this.#take(event);
      else if (!event.isEndOfObjects) this.#fill(relist, event);
      else {
        this.#listed(event.resourceVersion);
        finished = relist.finish().then(() => this.#synced());
        relist = null;
      }
    };
    try {
      await watchOnce({ client, clock, random, resource, signal, opened, take }, start);
    } finally {
      stop();
      this.#options.staleness.ended();
      await finished;
    }
    if (!this.#isWatchProven) throw new KubeError('KUBE_UNREACHABLE', 'the server ended the watch at once');
  }

  #take({ type, raw, resourceVersion, readAtMs }: WatchEvent): void {
    this.#prove();
    if (resourceVersion !== '') this.#resourceVersion = resourceVersion;
    if (type === 'bookmark') return;
    this.#fill(this.#known, { type, raw });
    this.#options.applied(this.#options.clock.now() - readAtMs);
  }

  #fill(into: Pick<Relist<T>, 'set' | 'delete'>, { type, raw }: Pick<WatchEvent, 'type' | 'raw'>): void {
    if (type === 'bookmark') return;
    const object = this.#options.resource.project(raw);
    if (object === null) return;
    if (type === 'set') into.set(object);
    else into.delete(object.namespace, object.name);
  }

  #prove(): void {
    this.#isListProven = true;
    this.#isWatchProven = true;
    this.#hasAnswered = false;
    this.#backoff.reset();
    this.#trouble.succeeded();
    this.#options.staleness.proven();
  }

  /** Takes in what a failure means for the next round, and waits before it. */
  async #recover(verb: 'list' | 'watch', error: unknown, signal: AbortSignal): Promise<void> {
    const { client, clock, random, resource, log } = this.#options;
    const { code, status, retryAfterMs } = error instanceof KubeError ? error : UNKNOWN;
    if (verb === 'list' && resource.isOptional === true && ABSENT_STATUSES.has(status))
      return this.#absent(textOf(error), signal);
    if (code === 'KUBE_UNSUPPORTED') {
      client.canWatchList = false;
      return;
    }
    const wasProven = this.#isWatchProven;
    this.#isWatchProven = false;
    if (verb === 'watch' && code === 'KUBE_EXPIRED') {
      this.#resourceVersion = null;
      // Usual after a long outage; but a server that says so at every watch must not be listed in a loop.
      if (this.#isListProven || clock.now() - this.#listedAt >= SETTLED_MS) return;
    }
    if (verb === 'watch' && code === 'KUBE_UNREACHABLE' && wasProven) {
      // A load balancer or a server that goes away for an update: no trouble yet.
      log.debug(`watch of ${resource.title} broke: ${textOf(error)}; resuming it`);
      return clock.sleep(random() * RESUME_MS, signal);
    }
    const isCommon = isOfAllKinds(error);
    this.#trouble.failed(verb, textOf(error), isCommon);
    if (verb === 'list') this.#options.listFailed();
    const pauseMs = this.#backoff.next(retryAfterMs);
    if (code !== 'KUBE_UNREACHABLE' || this.#wasWatchOpen) this.#hasAnswered = true;
    if (retryAfterMs === 0 && this.#backoff.failures % DOUBT_AFTER_FAILURES === 0) {
      if (this.#hasAnswered) this.#resourceVersion = null;
      else this.#isVersionDoubtful = this.#resourceVersion !== null;
    }
    // A watch that was accepted and failed says nothing against others, and they nothing for it.
    if (!this.#wasWatchOpen && isCommon && retryAfterMs === 0) return client.reachability.pause(pauseMs, signal);
    return clock.sleep(pauseMs, signal);
  }

  /** Takes it as an empty list that the server does not have the kind, and waits before it is asked again. */
  async #absent(reason: string, signal: AbortSignal): Promise<void> {
    const { clock, resource, log, staleness } = this.#options;
    if (!this.#isAbsent) log.info(`the API server gives no ${resource.title}: ${reason}; there are none, then`);
    this.#isAbsent = true;
    await this.#known.relist().finish();
    this.#synced();
    staleness.opened();
    this.#prove();
    await clock.sleep(ABSENT_MS, signal);
    staleness.ended();
  }

  #emit(change: Change<T>, old: T | undefined): void {
    try {
      this.#options.change(change, old);
    } catch (error) {
      const { title } = this.#options.resource;
      this.#options.log.error(`a change of ${title} could not be applied: ${textOf(error)}`);
    }
  }
}

/** Whether a resourceVersion is not before another one. They are numbers (Kubernetes 1.35 says so); of any other nobody knows. */
const isAtLeast = (version: string, other: string): boolean =>
  NUMBER.test(version) && NUMBER.test(other) && BigInt(version) >= BigInt(other);

const NUMBER = /^\d+$/;

/** Trouble with the server, the way to it, or our credentials: every kind has it, and it is over for all at once. */
const isOfAllKinds = (error: unknown): boolean =>
  error instanceof KubeError &&
  (COMMON_CODES.has(error.code) || COMMON_STATUSES.has(error.status) || error.status >= 500);

const COMMON_CODES: ReadonlySet<string> = new Set(['KUBE_UNREACHABLE', 'KUBE_CONFIG']);
const COMMON_STATUSES: ReadonlySet<number> = new Set([401, 429]);

/** 403: the roles of an older cluster do not know of the kind either, and are asked first. */
const ABSENT_STATUSES: ReadonlySet<number> = new Set([403, 404]);

/** For an error that is none of ours: tried again like any other. */
const UNKNOWN = { code: 'KUBE_BROKEN_DATA', status: 0, retryAfterMs: 0 } as const;
