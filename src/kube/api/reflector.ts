import type { Log } from '#log/log.ts';
import type { Change } from '../source.ts';
import { Backoff } from './backoff.ts';
import type { ApiClient } from './client.ts';
import type { Clock } from './clock.ts';
import { KnownObjects } from './known-objects.ts';
import { KubeError, textOf } from './kube-error.ts';
import { readList } from './list.ts';
import type { Resource } from './resource.ts';
import { TroubleLog } from './trouble-log.ts';
import { type WatchEvent, watchOnce } from './watch.ts';

/** After so many failed watches in a row the resourceVersion is not trusted any more: etcd may have been restored. */
const RELIST_AFTER_FAILURES = 5;
/** A watch that has lasted this long, or given something, is in order. */
const SETTLED_MS = 5000;
/** A watch that was in order and breaks is resumed within this time. */
const RESUME_MS = 100;

export interface ReflectorOptions {
  readonly client: ApiClient;
  readonly resource: Resource;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly change: (change: Change) => void;
  /** Called at the end of the first whole list. */
  readonly synced: () => void;
}

/**
 * Follows one kind: a whole list, then a watch from there on, for ever.
 *
 *     list --ok--> watch --ended by the server--> watch
 *      ^  ^          |--any failure, then a pause--> watch
 *      |  `-- 410 ---|  (with a pause where the watch gave nothing since the list)
 *      `-- failure, then a pause
 *
 * @kubernetes/client-node's informer ends for good at an HTTP 500, does not page, asks for no bookmarks and may
 * leave a watch open after its stop; list, watch and reflector.test.ts hold these cases.
 */
export class Reflector {
  readonly #options: ReflectorOptions;
  readonly #known: KnownObjects;
  readonly #backoff: Backoff;
  readonly #trouble: TroubleLog;
  /** Where the next watch begins; null: a list is needed. */
  #resourceVersion: string | null = null;
  #hasSynced = false;
  /** Some watch since the last list was in order. */
  #isListProven = true;
  #listedAt = 0;
  /** The last watch was in order, and nothing has failed since. */
  #isWatchProven = false;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#known = new KnownObjects(options.resource.kind, (change) => this.#emit(change));
    this.#backoff = new Backoff(options.random);
    this.#trouble = new TroubleLog(options.log, options.resource.title);
  }

  /** Resolves when the signal is aborted, and not before; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const verb = this.#resourceVersion === null ? 'list' : 'watch';
      try {
        if (this.#resourceVersion === null) await this.#list(signal);
        else await this.#watch(this.#resourceVersion, signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#recover(verb, error, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    let resourceVersion: string;
    try {
      resourceVersion = await this.#relist(signal, true);
    } catch (error) {
      if (!(error instanceof KubeError) || error.code !== 'KUBE_EXPIRED' || signal.aborted) throw error;
      // The continue token ran out between two pages: one whole list has none.
      resourceVersion = await this.#relist(signal, false);
    }
    this.#resourceVersion = resourceVersion;
    this.#isListProven = false;
    this.#listedAt = this.#options.clock.now();
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    this.#options.synced();
  }

  async #relist(signal: AbortSignal, isPaged: boolean): Promise<string> {
    const { client, clock, resource } = this.#options;
    const relist = this.#known.relist();
    const take = (raw: unknown): void => {
      const object = resource.project(raw);
      if (object !== null) relist.set(object);
    };
    const resourceVersion = await readList({ client, clock, resource, signal, take }, isPaged);
    await relist.finish();
    return resourceVersion;
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, clock, random, resource } = this.#options;
    let stop = (): void => undefined;
    this.#isWatchProven = false;
    const opened = (): void => {
      stop = clock.deadline(SETTLED_MS, () => this.#prove());
    };
    const take = (event: WatchEvent): void => this.#take(event);
    try {
      await watchOnce({ client, clock, random, resource, signal, opened, take }, resourceVersion);
    } finally {
      stop();
    }
    if (!this.#isWatchProven) throw new KubeError('KUBE_UNREACHABLE', 'the server ended the watch at once');
  }

  #take({ type, raw, resourceVersion }: WatchEvent): void {
    this.#prove();
    if (resourceVersion !== '') this.#resourceVersion = resourceVersion;
    if (type === 'bookmark') return;
    const object = this.#options.resource.project(raw);
    if (object === null) return;
    if (type === 'set') this.#known.set(object);
    else this.#known.delete(object.namespace, object.name);
  }

  #prove(): void {
    this.#isListProven = true;
    this.#isWatchProven = true;
    this.#backoff.reset();
    this.#trouble.succeeded();
  }

  /** Takes in what a failure means for the next round, and waits before it. */
  async #recover(verb: 'list' | 'watch', error: unknown, signal: AbortSignal): Promise<void> {
    const { client, clock, random, resource, log } = this.#options;
    const { code, retryAfterMs } = error instanceof KubeError ? error : UNKNOWN;
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
    this.#trouble.failed(verb, textOf(error));
    const pauseMs = this.#backoff.next(retryAfterMs);
    if (this.#backoff.failures % RELIST_AFTER_FAILURES === 0) this.#resourceVersion = null;
    if (code === 'KUBE_UNREACHABLE') return client.reachability.pause(pauseMs, signal);
    return clock.sleep(pauseMs, signal);
  }

  #emit(change: Change): void {
    try {
      this.#options.change(change);
    } catch (error) {
      const { title } = this.#options.resource;
      this.#options.log.error(`a change of ${title} could not be applied: ${textOf(error)}`);
    }
  }
}

/** For an error that is none of ours: tried again like any other. */
const UNKNOWN = { code: 'KUBE_BROKEN_DATA', retryAfterMs: 0 } as const;
