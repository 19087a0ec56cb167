import type { Log } from '#log/log.ts';
import { WORK_BUCKETS } from '#metrics/buckets.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { Change, Kind, Known } from '../source.ts';
import { ApiClient } from './client.ts';
import { type Clock, systemClock } from './clock.ts';
import { type ApiConnection, openConnection } from './connection.ts';
import type { KnownObjects } from './known-objects.ts';
import { Reflector } from './reflector.ts';
import type { Resource } from './resource.ts';
import { type Meanwhile, Staleness } from './staleness.ts';

export interface FollowOptions {
  readonly connection: ApiConnection;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly userAgent: string;
  readonly random: () => number;
  /** What the user does while the API server is away, for the log; that of DNS unless it is given. */
  readonly meanwhile?: Meanwhile;
  /** What the names of the requests' metrics begin with; CoreDNS's prefix unless it is given. */
  readonly metricPrefix?: string;
  readonly clock?: Clock;
  /** Where a Pod's `/var/run/secrets/...` is looked for; for tests. */
  readonly serviceAccountRoot?: string;
}

/** What is told of the kinds. */
export interface FollowEvents<T extends Known> {
  /** One change, with what was known before. The receiver applies it within this call. */
  change(change: Change<T>, old: T | undefined, kind: Kind): void;
  /** A kind's first whole list has been given. */
  synced(kind: Kind): void;
  /** A list of a kind failed; it is tried again. */
  listFailed?(kind: Kind): void;
}

/** Kinds that are followed. */
export interface Followed<T extends Known> {
  readonly known: ReadonlyMap<Kind, KnownObjects<T>>;
  /** Resolves once the signal is aborted and nothing is open any more. */
  readonly ended: Promise<void>;
}

/** Follows kinds of an API server, side by side: one list and watch for each, until the signal is aborted. */
export const followKinds = <T extends Known>(
  options: FollowOptions,
  resources: readonly Resource<T>[],
  events: FollowEvents<T>,
  signal: AbortSignal,
): Followed<T> => {
  const { connection, log, metrics, userAgent, random, clock = systemClock, meanwhile } = options;
  const connector = openConnection(connection, options.serviceAccountRoot);
  const client = new ApiClient({ connector, metrics, userAgent, clock, metricPrefix: options.metricPrefix });
  const apply = metrics.histogram({
    name: 'cluster_dns_kubernetes_event_apply_seconds',
    help: 'Time from reading the octets of a watch event to its being served.',
    labels: ['kind'],
    buckets: WORK_BUCKETS,
  });
  const staleness = new Staleness({ metrics, log, clock, meanwhile });
  const known = new Map<Kind, KnownObjects<T>>();
  const reflectors = resources.map((resource) => {
    const { kind } = resource;
    const seconds = apply.at(kind);
    const reflector = new Reflector<T>({
      client,
      resource,
      clock,
      random,
      log,
      change: (change, old) => events.change(change, old, kind),
      synced: () => events.synced(kind),
      applied: (ms) => seconds.observe(ms / 1000),
      meanwhile: meanwhile?.failing,
      staleness: staleness.follow(resource),
      listFailed: () => events.listFailed?.(kind),
    });
    known.set(kind, reflector.known);
    return reflector;
  });
  const ended = Promise.all(reflectors.map((reflector) => reflector.run(signal))).then(() => {
    staleness.end();
    client.close();
  });
  return { known, ended };
};
