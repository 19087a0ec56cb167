import { networkInterfaces } from 'node:os';
import { RCODE } from '#dns/registry/rcodes.ts';
import type { ClusterSource } from '#kube/source.ts';
import type { Log } from '#log/log.ts';
import {
  type BlockInfo,
  failure,
  type Instance,
  type Lease,
  type Next,
  type Query,
  type Reply,
  type Services,
} from '#plugin/index.ts';
import { Answerer } from './answer.ts';
import type { KubernetesOptions } from './options.ts';
import { findOwnAddresses, type NetworkInterfaces } from './own-addresses.ts';
import { SharedCluster } from './shared-cluster.ts';
import { clusterKey, openSource, sourceFilter } from './sources.ts';
import { waitForSync } from './wait-for-sync.ts';

/** What a test puts in the place of the outside. */
export interface Outside {
  readonly openSource: (options: KubernetesOptions, services: Services, log: Log) => Promise<() => ClusterSource>;
  readonly networkInterfaces: NetworkInterfaces;
}

export const outside: Outside = { openSource, networkInterfaces };

/** The plugin in one server block. */
export class KubernetesInstance implements Instance {
  readonly options: KubernetesOptions;
  readonly #block: BlockInfo;
  readonly #services: Services;
  readonly #outside: Outside;
  #lease: Lease<SharedCluster> | null = null;
  #answerer: Answerer | null = null;
  #endWaiting: () => void = () => undefined;

  constructor(options: KubernetesOptions, block: BlockInfo, services: Services, around: Outside = outside) {
    this.options = options;
    this.#block = block;
    this.#services = services;
    this.#outside = around;
  }

  readonly handle = (query: Query, next: Next): Reply | Promise<Reply> =>
    this.#answerer === null ? failure(RCODE.SERVFAIL) : this.#answerer.handle(query, next);

  /** Claims the cluster and waits for its data, at most `startup_timeout`; a server whose cluster is away starts all the same. */
  async start(): Promise<void> {
    const { options } = this;
    const services = this.#services;
    const log = services.log.plugin('kubernetes');
    const open = await this.#outside.openSource(options, services, log);
    const key = clusterKey(options.origin, sourceFilter(options));
    this.#lease = services.shared.claim(key, () => new SharedCluster(key, open(), services));
    const cluster = this.#lease.value;
    const ownAddresses = findOwnAddresses(this.#block.settings.listenHosts, this.#outside.networkInterfaces);
    this.#answerer = new Answerer({ options, cluster, ownAddresses });
    const waiting = waitForSync(cluster, options.startupTimeoutMs, log);
    this.#endWaiting = waiting.end;
    await waiting.done;
  }

  isReady(): boolean {
    return this.#lease?.value.isSynced ?? false;
  }

  async stop(): Promise<void> {
    this.#endWaiting();
    await this.#lease?.release();
    this.#lease = null;
  }
}
