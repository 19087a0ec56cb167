import { parseConnections } from '#netfilter/ipvs/connections.ts';
import { type Run, runOrThrow } from '#netfilter/run.ts';
import type { ServicePorts } from '../../model/service-port.ts';
import type { RuleWriter, SyncReport, WriterEnvironment } from '../../rule-backend.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { readLive } from '../iptables/live-rules.ts';
import { removeTables } from '../nftables/remove.ts';
import { type Changes, changes, type Known, knownAfter } from './diff.ts';
import { hasDraining, isRetiring, retireIdle, withDraining, withoutDrained } from './draining.ts';
import { readKernel } from './live.ts';
import { LINK, plan } from './plan.ts';
import { type Remainder, remainder } from './remainder.ts';
import { sysctlText, timeoutText } from './render.ts';
import { hasCanaries, loadTables } from './tables.ts';
import { checkTools, iptablesOf, load } from './tools.ts';

/** How often real servers without new connections are looked at, as in kube-proxy. */
const DRAIN_MS = 60_000;

export const openWriter = async (environment: WriterEnvironment): Promise<RuleWriter> => {
  await checkTools(environment.run, environment.family);
  environment.log.warning(
    'ipvs mode is deprecated since Kubernetes 1.35, which is going to remove it: nftables mode takes its place',
  );
  return new IpvsWriter(environment);
};

/**
 * The tools load four texts, so a sync is no single transaction. Its steps are in an order in which nothing is served before all that it needs
 * is there; a sync that fails in between leaves old and new Services served, and the next one asks the kernel what it has.
 */
class IpvsWriter implements RuleWriter {
  readonly #environment: WriterEnvironment;
  readonly #run: Run;
  /** null where the kernel has to be asked. */
  #known: Known | null = null;
  #hasBegun = false;
  #lookedMs: number;

  constructor(environment: WriterEnvironment) {
    this.#environment = environment;
    this.#run = environment.run;
    this.#lookedMs = environment.now();
  }

  async sync(services: ServicePorts, options: RuleOptions, changed: ReadonlySet<string> | null): Promise<SyncReport> {
    const remembered = changed === null ? null : this.#known;
    this.#known = null;
    if (remembered === null) await this.#prepare(options);
    const known = remembered ?? (await readKernel(this.#run, options));
    const wanted = plan(services, options);
    const rules = remainder(wanted, options);
    const isAsking = isRetiring(known.virtualServers, wanted.virtualServers);
    const retire = retireIdle(isAsking ? await this.#connections() : new Map());
    const size = await this.#load(changes(known, wanted, rules, retire), rules, remembered === null);
    const virtualServers = withDraining(known.virtualServers, wanted.virtualServers, retire);
    this.#known = { ...knownAfter(wanted, options), virtualServers };
    await this.#begin();
    await this.#removeDrained();
    return { kind: remembered === null ? 'full' : 'partial', size };
  }

  async isIntact(): Promise<boolean> {
    await this.#removeDrained();
    const { exitCode } = await this.#run('ip', ['link', 'show', LINK]);
    return exitCode === 0 && hasCanaries(readLive(await this.#save()));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #prepare(options: RuleOptions): Promise<void> {
    await load(this.#run, 'sysctl', ['-q', '-p', '-'], sysctlText(options));
    const { exitCode } = await this.#run('ip', ['link', 'show', LINK]);
    if (exitCode !== 0) await runOrThrow(this.#run, 'ip', ['link', 'add', LINK, 'type', 'dummy']);
    await load(this.#run, 'ipvsadm', ['--restore'], timeoutText(options));
  }

  async #load(texts: Changes, rules: Remainder, isFull: boolean): Promise<number> {
    const run = this.#run;
    let size = await load(run, 'ipset', ['restore'], texts.sets);
    // With nothing known the jumps are looked at, too, and what iptables mode has left.
    const tables = isFull ? loadTables(readLive(await this.#save()), rules) : texts.tables;
    size += await load(run, `${this.#iptables}-restore`, ['-w', '5', '--noflush', '--counters'], tables);
    size += await load(run, 'ipvsadm', ['--restore'], texts.served);
    size += await load(run, 'ip', ['-batch', '-'], texts.addressesToAdd);
    size += await load(run, 'ipvsadm', ['--restore'], texts.unserved);
    size += await load(run, 'ip', ['-batch', '-'], texts.addressesToRemove);
    return size;
  }

  /** nftables mode's rules go when these are there. */
  async #begin(): Promise<void> {
    if (this.#hasBegun) return;
    await removeTables(this.#run, [this.#environment.family]);
    this.#hasBegun = true;
  }

  async #removeDrained(): Promise<void> {
    const now = this.#environment.now();
    if (this.#known === null || now - this.#lookedMs < DRAIN_MS) return;
    this.#lookedMs = now;
    if (!hasDraining(this.#known.virtualServers)) return;
    const { servers, text } = withoutDrained(this.#known.virtualServers, await this.#connections());
    await load(this.#run, 'ipvsadm', ['--restore'], text);
    this.#known = { ...this.#known, virtualServers: servers };
  }

  async #connections(): Promise<ReadonlyMap<string, number>> {
    return parseConnections(await runOrThrow(this.#run, 'ipvsadm', ['--list', '-n']));
  }

  get #iptables(): string {
    return iptablesOf(this.#environment.family);
  }

  #save(): Promise<string> {
    return runOrThrow(this.#run, `${this.#iptables}-save`, []);
  }
}
