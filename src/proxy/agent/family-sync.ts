import type { Clock } from '#kube/api/clock.ts';
import { durationText } from '#log/duration-text.ts';
import type { Log } from '#log/log.ts';
import { Trouble } from '#log/trouble.ts';
import { CommandError } from '#netfilter/run.ts';
import { localTrafficProblem, type Probes, ruleOptions } from '../config/rule-options.ts';
import type { ProxySettings } from '../config/settings.ts';
import type { ClusterModel, Taken } from '../model/cluster-model.ts';
import { isLargeCluster } from '../model/large-cluster.ts';
import type { ServicePorts } from '../model/service-port.ts';
import type { RuleWriter, SyncReport } from '../rule-backend.ts';
import type { IpFamily, RuleOptions } from '../rule-options.ts';
import { BoundedRunner } from './bounded-runner.ts';
import type { ConntrackCleaner } from './conntrack-cleaner.ts';
import type { ProxyHealth } from './health.ts';
import type { HealthCheckPorts } from './health-check-ports.ts';
import type { FamilyMetrics, ProxyMetrics } from './proxy-metrics.ts';

export interface FamilySyncOptions {
  readonly family: IpFamily;
  readonly settings: ProxySettings;
  readonly probes: Probes;
  readonly model: ClusterModel;
  readonly writer: RuleWriter;
  /** null where flows can't be ended. */
  readonly cleaner: ConntrackCleaner | null;
  readonly healthCheckPorts: HealthCheckPorts;
  readonly health: ProxyHealth;
  readonly metrics: ProxyMetrics;
  readonly log: Log;
  readonly clock: Clock;
  /** ms since 1970. */
  readonly wallMs: () => number;
  readonly localAddresses: () => readonly string[];
}

/** So often all rules are looked at, as kube-proxy does it, for what nothing else tells of; in iptables mode, where that means writing them, not in a large cluster. */
const FULL_SYNC_MS = 3_600_000;

/** Keeps one family's rules as the cluster is: takes what is new from the model, gives it to the writer, and looks after what follows from it. */
export class FamilySync {
  readonly #options: FamilySyncOptions;
  readonly #runner: BoundedRunner;
  readonly #metrics: FamilyMetrics;
  readonly #trouble: Trouble;
  readonly #conntrackTrouble: Trouble;
  readonly #foreign: Trouble;
  readonly #localTraffic: Trouble;
  readonly #startedAtMs: number;
  /** Keys that differ from what is in the kernel; null where that is not known. */
  #pending: Set<string> | null = null;
  /** When the changes began that are not in the kernel yet. */
  #triggersMs: number[] = [];
  #optionsText = '';
  #isCheckDue = false;
  #lastFullMs = Number.NEGATIVE_INFINITY;
  #hasSynced = false;
  #foreignPauseMs = 0;
  #lastForeignMs = Number.NEGATIVE_INFINITY;
  #endTick = (): void => undefined;

  constructor(options: FamilySyncOptions) {
    const { family, settings, clock, log, metrics, wallMs } = options;
    this.#options = options;
    this.#runner = new BoundedRunner({ clock, minIntervalMs: settings.minSyncPeriodMs, work: () => this.#work() });
    this.#metrics = metrics.family(family);
    this.#trouble = new Trouble(log, `${family}: rules are up to date again`);
    this.#conntrackTrouble = new Trouble(log, `${family}: stale flows are ended again`);
    this.#foreign = new Trouble(log, `${family}: nobody else changes the rules any more`);
    this.#localTraffic = new Trouble(log, `${family}: traffic of Pods is told from other traffic`);
    this.#startedAtMs = wallMs();
  }

  /** Begins: the first sync, and the regular looks at the rules. */
  start(): void {
    this.#options.writer.watchForeign?.((what) => this.#changedByOthers(what));
    this.#tick();
    this.changed();
  }

  /** The cluster or the node has changed. */
  changed(): void {
    const { family, health, metrics, wallMs } = this.#options;
    health.queued(family);
    metrics.queued(wallMs());
    this.#runner.trigger();
  }

  /** Rules stay. */
  async stop(): Promise<void> {
    this.#endTick();
    await this.#runner.stop();
    await this.#options.writer.close();
  }

  #tick(): void {
    const { clock, settings } = this.#options;
    this.#endTick = clock.deadline(settings.syncPeriodMs, () => {
      this.#isCheckDue = true;
      if (clock.now() - this.#lastForeignMs > 2 * settings.syncPeriodMs) {
        this.#foreign.isOver();
        this.#foreignPauseMs = 0;
      }
      this.#runner.trigger();
      this.#tick();
    });
  }

  /** Two programs that both keep the rules must not drive each other: pauses grow up to that between regular looks. */
  #changedByOthers(what: string): void {
    const { family, clock, settings } = this.#options;
    this.#foreign.tell(`${family}: somebody else changed the rules (${what}): they are put right`, 'warning');
    this.#pending = null;
    this.#lastForeignMs = clock.now();
    this.#runner.trigger(this.#foreignPauseMs);
    this.#foreignPauseMs = Math.min(settings.syncPeriodMs, Math.max(1000, this.#foreignPauseMs * 2));
  }

  async #work(): Promise<void> {
    const { family, health, wallMs, writer, clock, metrics } = this.#options;
    const sinceMs = wallMs();
    try {
      const taken = this.#options.model.take(family);
      metrics.taken();
      const options = this.#takeOver(taken);
      await this.#look(taken.ports);
      const changed = this.#pending;
      if (changed?.size !== 0) {
        // What comes during the sync is another one's.
        this.#pending = new Set();
        const triggersMs = this.#triggersMs.splice(0);
        const began = clock.now();
        let report: SyncReport;
        try {
          report = await writer.sync(taken.ports, options, changed);
        } catch (error) {
          this.#triggersMs.unshift(...triggersMs);
          this.#failed(error, changed === null);
          return;
        }
        this.#succeeded(report, clock.now() - began, changed, triggersMs);
      }
      health.updated(family, sinceMs);
      this.#options.healthCheckPorts.update(family, taken.ports, changed, options.nodePortAddresses);
      await this.#clean(taken.ports, changed, options);
    } catch (error) {
      // Not the writing failed: looking, or something of ours. A pause does no harm then.
      this.#failed(error, true);
    }
  }

  /** Notes what is new; gives the options for the rules. */
  #takeOver(taken: Taken): RuleOptions {
    const { family, settings, probes, log, localAddresses } = this.#options;
    const { node, serviceCidrs, conflicts, changed, triggersMs, noLocalEndpoints } = taken;
    for (const conflict of conflicts) log.warning(`${family}: ${conflict}`);
    if (this.#pending !== null) for (const key of changed) this.#pending.add(key);
    // What was there before this program took no time of its.
    for (const at of triggersMs) if (at >= this.#startedAtMs) this.#triggersMs.push(at);
    this.#metrics.noLocalEndpoints(noLocalEndpoints);
    const problem = localTrafficProblem(settings, { family, node });
    if (problem === '') this.#localTraffic.isOver();
    else this.#localTraffic.tell(`${family}: ${problem}`, 'info');
    const options = ruleOptions(settings, { family, node, serviceCidrs, probes, localAddresses: localAddresses() });
    const text = JSON.stringify(options);
    if (text !== this.#optionsText) this.#pending = null;
    this.#optionsText = text;
    return options;
  }

  /** Looks, where it is time for that, whether the rules are still there, or have to be written anew. */
  async #look(ports: ServicePorts): Promise<void> {
    if (!this.#isCheckDue || this.#pending === null) return;
    this.#isCheckDue = false;
    const { family, clock, settings, writer } = this.#options;
    if (!(await writer.isIntact())) {
      this.#foreign.tell(`${family}: the rules are gone: all are written anew`, 'warning');
      this.#lastForeignMs = clock.now();
      this.#pending = null;
    } else if (clock.now() - this.#lastFullMs >= FULL_SYNC_MS) {
      if (settings.mode !== 'iptables' || !isLargeCluster(ports)) this.#pending = null;
    }
  }

  #succeeded(report: SyncReport, ms: number, changed: ReadonlySet<string> | null, triggersMs: readonly number[]): void {
    const { family, clock, log, metrics, wallMs, settings } = this.#options;
    const nowMs = wallMs();
    this.#trouble.isOver();
    this.#metrics.synced(report, ms / 1000);
    metrics.synced(nowMs);
    for (const at of triggersMs) this.#metrics.programmed((nowMs - at) / 1000);
    if (report.kind === 'full') this.#lastFullMs = clock.now();
    const what =
      changed === null ? 'all Service ports' : `${changed.size} Service port${changed.size === 1 ? '' : 's'}`;
    const line = `${family}: ${report.kind} sync of ${what}: ${report.size} lines in ${durationText(Math.round(ms))}`;
    if (this.#hasSynced) log.debug(line);
    else log.info(`${line}; the ${settings.mode} rules are in place`);
    this.#hasSynced = true;
  }

  #failed(error: unknown, wasFull: boolean): void {
    const { family, settings } = this.#options;
    this.#pending = null;
    this.#metrics.failed(wasFull);
    // A fault of ours needs its place.
    const why = error instanceof CommandError ? error.message : ((error as Error).stack ?? String(error));
    if (!wasFull) {
      // Most likely the kernel's rules are not what they were: somebody else was at them.
      this.#trouble.tell(`${family}: a partial sync failed: ${why}; all rules are looked at`, 'warning');
      this.#runner.trigger();
      return;
    }
    const pause = durationText(settings.syncPeriodMs);
    this.#trouble.tell(
      `${family}: rules can't be brought up to date, the last ones stay: ${why}; trying again in ${pause}`,
    );
    this.#runner.trigger(settings.syncPeriodMs);
  }

  async #clean(ports: ServicePorts, changed: ReadonlySet<string> | null, options: RuleOptions): Promise<void> {
    const { cleaner, clock, family, localAddresses, log, settings } = this.#options;
    if (cleaner === null) return;
    const nodeAddresses = new Set(options.nodePortAddresses === 'all' ? localAddresses() : options.nodePortAddresses);
    const isNodeAddress = (address: string): boolean =>
      nodeAddresses.has(address) || (options.localhostNodePorts && address.startsWith('127.'));
    const began = clock.now();
    try {
      const ended = await cleaner.clean({ ports, changed, isNodeAddress });
      this.#conntrackTrouble.isOver();
      if (ended === null) return;
      this.#metrics.cleaned(ended, (clock.now() - began) / 1000);
      if (ended > 0) log.debug(`${family}: ended ${ended} flows to endpoints that are gone`);
    } catch (error) {
      this.#conntrackTrouble.tell(`${family}: stale flows can't be ended: ${(error as Error).message}`, 'warning');
      this.#runner.trigger(settings.syncPeriodMs);
    }
  }
}
