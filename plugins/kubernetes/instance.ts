import { networkInterfaces } from 'node:os';
import { RCODE } from '#dns/registry/rcodes.ts';
import type { ClusterSource } from '#kube/source.ts';
import { clusterIdentity } from '#kube/state/cluster-identity.ts';
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
import { ClusterState, stateKey } from './cluster-state.ts';
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

/** The directive, with what other blocks say of its cluster. */
export interface InstanceOptions extends KubernetesOptions {
  /** Where the cluster is kept over a restart, by this or another block; null where it is not. */
  readonly stateFile: string | null;
}

/** The plugin in one server block. */
export class KubernetesInstance implements Instance {
  readonly options: InstanceOptions;
  readonly #block: BlockInfo;
  readonly #services: Services;
  readonly #outside: Outside;
  #lease: Lease<SharedCluster> | null = null;
  #state: Lease<ClusterState> | null = null;
  #answerer: Answerer | null = null;
  #endWaiting: () => void = () => undefined;

  constructor(options: InstanceOptions, block: BlockInfo, services: Services, around: Outside = outside) {
    this.options = options;
    this.#block = block;
    this.#services = services;
    this.#outside = around;
  }

  readonly handle = (query: Query, next: Next): Reply | Promise<Reply> =>
    this.#answerer === null ? failure(RCODE.SERVFAIL) : this.#answerer.handle(query, next);

  /**
   * Claims the cluster and waits for its data, at most `startup_timeout`; a server whose cluster is away starts all the same, with
   * its state file where there is one.
   */
  async start(): Promise<void> {
    const { options } = this;
    const services = this.#services;
    const log = services.log.plugin('kubernetes');
    const open = await this.#outside.openSource(options, services, log);
    const key = clusterKey(options.origin, sourceFilter(options));
    const identity = await this.#identity();
    this.#lease = services.shared.claim(key, () => new SharedCluster(key, open(), services));
    const cluster = this.#lease.value;
    const { stateFile: file } = options;
    if (file !== null) {
      const make = (): ClusterState => new ClusterState({ file, identity, cluster, services, log });
      this.#state = services.shared.claim(stateKey(key, file), make);
    }
    const state = this.#state?.value;
    const ownAddresses = findOwnAddresses(this.#block.settings.listenHosts, this.#outside.networkInterfaces);
    this.#answerer = new Answerer({ options, cluster, ownAddresses });
    const waiting = waitForSync(cluster, options.startupTimeoutMs, log, async () => (await state?.restore()) ?? false);
    this.#endWaiting = waiting.end;
    await waiting.done;
  }

  isReady(): boolean {
    return this.#lease?.value.isUsable ?? false;
  }

  async stop(): Promise<void> {
    this.#endWaiting();
    // Before the cluster: its last write is of what the cluster knows.
    await this.#state?.release();
    await this.#lease?.release();
    this.#state = this.#lease = null;
  }

  /** What a state is to be of; '' where none is kept. */
  async #identity(): Promise<string> {
    const { origin, stateFile } = this.options;
    if (stateFile === null || origin.kind !== 'api') return '';
    return await clusterIdentity(origin.connection, sourceFilter(this.options));
  }
}
