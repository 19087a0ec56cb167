import type { HttpEndpoint } from '#http-endpoint/endpoint.ts';
import type { Clock } from '#kube/api/clock.ts';
import type { Node } from '#kube/objects/node.ts';
import type { Change, ClusterSource, Kind } from '#kube/source.ts';
import type { Log } from '#log/log.ts';
import { Trouble } from '#log/trouble.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { Run } from '#netfilter/run.ts';
import type { Probes } from '../config/rule-options.ts';
import type { ProxySettings } from '../config/settings.ts';
import { ClusterModel } from '../model/cluster-model.ts';
import type { RuleWriter } from '../rule-backend.ts';
import type { IpFamily } from '../rule-options.ts';
import { ConntrackCleaner } from './conntrack-cleaner.ts';
import { FamilySync } from './family-sync.ts';
import { ProxyHealth } from './health.ts';
import { HealthCheckPorts } from './health-check-ports.ts';
import { KeptEndpoint } from './kept-endpoint.ts';
import { ProxyMetrics } from './proxy-metrics.ts';
import { serveHealth, serveStatus } from './status-endpoints.ts';
import { withNodeAddress } from './with-node-address.ts';

export interface ProxyAgentOptions {
  readonly settings: ProxySettings;
  /** For /configz. */
  readonly configuration: unknown;
  readonly nodeName: string;
  /** Families that are served, each with what keeps its rules. */
  readonly writers: ReadonlyMap<IpFamily, RuleWriter>;
  readonly source: ClusterSource;
  readonly probes: Probes;
  readonly run: Run;
  /** `conntrack` is there to end flows with. */
  readonly hasConntrack: boolean;
  readonly localAddresses: () => readonly string[];
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly wallMs: () => number;
}

/** Without it there are no rules that could be right. */
const NEEDED: readonly Kind[] = ['Service', 'EndpointSlice'];
/** The Node is waited for so long, as without it rules are right but for zones and node ports. */
const NODE_WAIT_MS = 10_000;

/** What kube-proxy is on a node: follows the cluster, keeps the rules of each family, tells how that goes. */
export class ProxyAgent {
  readonly #options: ProxyAgentOptions;
  readonly #model: ClusterModel;
  readonly #health: ProxyHealth;
  readonly #metrics: ProxyMetrics;
  readonly #healthCheckPorts: HealthCheckPorts;
  readonly #syncs: readonly FamilySync[];
  readonly #endpoints: KeptEndpoint[] = [];
  readonly #awaited = new Set<Kind>([...NEEDED, 'Node']);
  #node: Node | null = null;
  #isSyncing = false;
  #isWaitingForPodCidr = false;
  #endNodeWait: (() => void) | null = null;

  constructor(options: ProxyAgentOptions) {
    this.#options = options;
    const { settings, nodeName, writers, metrics, wallMs, clock, log } = options;
    const families = [...writers.keys()];
    this.#model = new ClusterModel({ nodeName, families });
    // kube-proxy's bound: a change may fail once and be tried again.
    this.#health = new ProxyHealth(families, 2 * settings.syncPeriodMs, wallMs);
    this.#metrics = new ProxyMetrics(metrics, settings.mode);
    this.#healthCheckPorts = new HealthCheckPorts({ clock, log, isHealthy: () => this.#health.isHealthy });
    this.#syncs = [...writers].map(([family, writer]) => this.#syncOf(family, writer));
  }

  /** Begins. Rejects where a port is taken and that is to end the program. */
  async start(): Promise<void> {
    const { settings, metrics, configuration, source } = this.#options;
    const { mode, healthzAddress, metricsAddress } = settings;
    await this.#open('healthz', healthzAddress, (endpoint) => serveHealth(endpoint, this.#health, this.#metrics));
    await this.#open('metrics', metricsAddress, (endpoint) => serveStatus(endpoint, { metrics, mode, configuration }));
    source.start({ change: (change) => this.#change(change), synced: (kind) => this.#synced(kind) });
  }

  /** Ends it; rules stay as they are. */
  async stop(): Promise<void> {
    this.#endNodeWait?.();
    await this.#options.source.stop();
    await Promise.all(this.#syncs.map((sync) => sync.stop()));
    await Promise.all([this.#healthCheckPorts.close(), ...this.#endpoints.map((endpoint) => endpoint.close())]);
  }

  #syncOf(family: IpFamily, writer: RuleWriter): FamilySync {
    const { settings, probes, log, clock, wallMs, localAddresses, run, hasConntrack } = this.#options;
    const model = this.#model;
    const serving = model.serving.bind(model);
    return new FamilySync({
      family,
      settings,
      probes,
      model,
      writer,
      cleaner: hasConntrack ? new ConntrackCleaner({ family, run, serving }) : null,
      healthCheckPorts: this.#healthCheckPorts,
      health: this.#health,
      metrics: this.#metrics,
      log,
      clock,
      wallMs,
      localAddresses,
    });
  }

  async #open(title: string, address: string, serve: (endpoint: HttpEndpoint) => void): Promise<void> {
    if (address === '') return;
    const { clock, log, settings } = this.#options;
    const trouble = new Trouble(log, `${title}: listening on ${address}`);
    const endpoint = new KeptEndpoint({ address, title, clock, trouble, serve });
    this.#endpoints.push(endpoint);
    const isOpen = await endpoint.open();
    if (!isOpen && settings.isBindHardFail) throw new Error(`${title}: ${address} can't be listened on`);
  }

  #change(change: Change): void {
    const taken = withNodeAddress(change, this.#options.nodeName, this.#options.settings.nodeAddress);
    this.#noteNode(taken);
    this.#model.apply(taken);
    this.#metrics.changed(taken.type === 'set' ? taken.object.kind : taken.kind);
    if (this.#isSyncing) for (const sync of this.#syncs) sync.changed();
    else this.#begin();
  }

  /** A node that is about to go gets no new connections from load balancers. */
  #noteNode(change: Change): void {
    const { kind, name } = change.type === 'set' ? change.object : change;
    if (kind !== 'Node' || name !== this.#options.nodeName) return;
    this.#node = change.type === 'set' && change.object.kind === 'Node' ? change.object : null;
    this.#health.isNodeEligible = this.#node?.isLeaving === false;
  }

  #synced(kind: Kind): void {
    this.#awaited.delete(kind);
    if (kind === 'Node' && this.#node === null) {
      const { log, nodeName, settings } = this.#options;
      const address = settings.nodeAddress === '' ? ', and node ports may answer nowhere without --bind-address' : '';
      log.warning(`there is no Node "${nodeName}" (is --hostname-override needed?): its zone is not known${address}`);
    }
    this.#begin();
  }

  /** Syncs once all that is needed has been listed. */
  #begin(): void {
    if (this.#isSyncing || NEEDED.some((kind) => this.#awaited.has(kind))) return;
    if (this.#awaited.has('Node')) {
      this.#endNodeWait ??= this.#options.clock.deadline(NODE_WAIT_MS, () => {
        this.#options.log.warning(`the Node can't be read: its zone and addresses are not known`);
        this.#awaited.delete('Node');
        this.#begin();
      });
      return;
    }
    if (this.#lacksPodCidr()) return;
    this.#endNodeWait?.();
    this.#isSyncing = true;
    for (const sync of this.#syncs) sync.start();
  }

  #lacksPodCidr(): boolean {
    const { settings, log } = this.#options;
    if (settings.detectLocal.mode !== 'NodeCIDR' || (this.#node?.podCIDRs.length ?? 0) > 0) return false;
    if (!this.#isWaitingForPodCidr) log.info('waiting for the podCIDR of this Node (--detect-local-mode=NodeCIDR)');
    this.#isWaitingForPodCidr = true;
    return true;
  }
}
