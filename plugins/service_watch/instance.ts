import { longestMatch } from '#dns/name.ts';
import { connectionFault } from '#kube/api/connection-fault.ts';
import type { Log } from '#log/log.ts';
import {
  type Instance,
  type Lease,
  mapReply,
  type Next,
  type Query,
  type Reply,
  type Services,
} from '#plugin/index.ts';
import { dependenciesOfTargets, dependencyOf } from './dependencies.ts';
import type { ServiceWatchOptions } from './options.ts';
import { SharedWatch, type Watch } from './shared-watch.ts';

/** Makes a watch, once it is known what slots names have. */
export type OpenWatch = (slotOf: (key: string) => number) => Watch;

/** What a test puts in the place of the outside. Rejects, with the reason, where there can be no watch. */
export type Outside = (options: ServiceWatchOptions, services: Services, log: Log) => Promise<OpenWatch>;

/** The plugin in one server block. */
export class ServiceWatchInstance implements Instance {
  readonly options: ServiceWatchOptions;
  readonly #services: Services;
  readonly #outside: Outside;
  #lease: Lease<SharedWatch> | null = null;

  constructor(options: ServiceWatchOptions, services: Services, outside: Outside = openWatch) {
    this.options = options;
    this.#services = services;
    this.#outside = outside;
  }

  readonly handle = (query: Query, next: Next): Reply | Promise<Reply> => {
    const watch = this.#lease?.value;
    const { zones } = this.options;
    const zone = watch === undefined ? null : longestMatch(query.name, zones);
    if (watch === undefined || zone === null) return next(query);
    const { provenance } = query;
    const key = dependencyOf(query.name, zone);
    if (key === null) return next(query);
    provenance.dependOn(watch.syncSlot);
    provenance.dependOn(watch.slotOf(key));
    return mapReply(next(query), (reply) => {
      // Later than it should be, as the reply was made before: a change in between is made up for by the bumps that come after it.
      for (const target of dependenciesOfTargets(reply, zones)) provenance.dependOn(watch.slotOf(target));
      return reply;
    });
  };

  /** Begins to watch. A node goes on without it: what is kept is then kept until its TTL is over. */
  async start(): Promise<void> {
    const log = this.#services.log.plugin('service_watch');
    const key = `service_watch ${JSON.stringify([this.options.connection, this.options.endpoints])}`;
    try {
      const open = await this.#outside(this.options, this.#services, log);
      this.#lease = this.#services.shared.claim(key, () => new SharedWatch(key, open, this.#services));
    } catch (error) {
      log.warning(`Services are not watched: ${(error as Error).message}; ${MEANWHILE}`);
    }
  }

  async stop(): Promise<void> {
    await this.#lease?.release();
    this.#lease = null;
  }
}

const MEANWHILE = 'replies are kept until their TTL is over';

/** Loads the API client only where it is needed: it is large. */
const openWatch: Outside = async ({ connection, endpoints }, services, log) => {
  const fault = await connectionFault(connection);
  if (fault !== null) throw new Error(fault);
  const { NameWatch } = await import('#kube/name-watch.ts');
  const userAgent = `cluster-dns/${services.version} (${process.platform}/${process.arch}/node${process.versions.node})`;
  const { metrics, random } = services;
  const meanwhile = { stale: MEANWHILE, unread: MEANWHILE, failing: MEANWHILE };
  return (slotOf) => new NameWatch({ connection, endpoints, slotOf, log, metrics, userAgent, random, meanwhile });
};
