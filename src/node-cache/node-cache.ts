import type { Log } from '#log/log.ts';
import { LOCKED } from '#netfilter/iptables/commands.ts';
import { CommandError } from '#netfilter/run.ts';
import { Keeper } from './keeper.ts';
import type { Link } from './link/link.ts';
import type { Checked, NodeCacheMetrics, SetupErrorType } from './metrics.ts';
import { Repairer } from './repairer.ts';
import type { Bypass } from './rules/bypass.ts';
import type { NodeCacheSettings } from './settings.ts';

/** Starts the server; its addresses can be bound to when the promise resolves that it is given. */
export type Serve = (link: Promise<void>) => Promise<unknown>;

interface NodeCacheParts {
  readonly settings: NodeCacheSettings;
  /** null where the addresses are somebody else's care. */
  readonly link: Link | null;
  /** null where queries come by conntrack. */
  readonly bypass: Bypass | null;
  readonly metrics: NodeCacheMetrics;
  readonly log: Log;
}

/**
 * What a node needs around its cache: the link with the addresses, the rules that bring queries here, and the care for both. The cache itself is a server like
 * any other.
 */
export class NodeCache {
  readonly #parts: NodeCacheParts;
  readonly #repairers: Repairer[] = [];
  #keeper: Keeper | null = null;
  #started: Promise<void> = Promise.resolve();
  #isServing = false;

  constructor(parts: NodeCacheParts) {
    this.#parts = parts;
  }

  /**
   * Puts link and rules up, beside the start of the server. Resolves when the server answers and queries come to it, which `announce` may tell others. Rejects with
   * the reason, also where that throws, and has taken back what it did then.
   */
  start(serve: Serve, announce: () => void = () => undefined): Promise<void> {
    const started = this.#start(serve, announce);
    this.#started = started.catch(() => undefined);
    return started;
  }

  /** New queries go elsewhere from now on, where there is an elsewhere: the server is about to end. Never rejects. */
  async drain(): Promise<void> {
    await Promise.all(this.#repairers.map((repairer) => repairer.stop()));
    await this.#keeper?.stop();
    if (this.#isServing && !this.#parts.settings.skipTeardown)
      await this.#attempt('drain', this.#parts.bypass?.drain());
  }

  /**
   * Takes out this instance's rules, after the sockets were closed. The link stays, and so does the way to the cluster's DNS. What a start that goes on has
   * done is taken back by that itself, and waited for. Never rejects.
   */
  async stop(): Promise<void> {
    const { bypass, link, settings } = this.#parts;
    await this.#keeper?.stop();
    await this.#started;
    await Promise.all(this.#repairers.map((repairer) => repairer.stop()));
    if (this.#isServing && !settings.skipTeardown) await this.#attempt('teardown', bypass?.tearDown());
    link?.close();
  }

  async #start(serve: Serve, announce: () => void): Promise<void> {
    try {
      const link = this.#setUpLink();
      // All are waited for whatever the others do: what has been begun must be over before it can be taken back.
      const results = await Promise.allSettled([link, this.#setUpRules(), serve(link)]);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      await this.#keep();
      announce();
      this.#isServing = true;
    } catch (error) {
      await this.#undo();
      throw error;
    }
    this.#lookAfter();
  }

  async #setUpLink(): Promise<void> {
    const { link, metrics, log, settings } = this.#parts;
    if (link === null) return;
    const kind = await this.#counted('interface_add', link.setUp());
    const name = kind === 'loopback' ? 'lo' : settings.interfaceName;
    metrics.link(kind, name);
    const addresses = settings.addresses.map(({ address }) => address).join(', ');
    log.info(`${addresses} on ${kind === 'loopback' ? 'the loopback device' : `the ${kind} device`} ${name}`);
  }

  async #setUpRules(): Promise<void> {
    const { bypass, metrics, settings } = this.#parts;
    if (bypass === null) return;
    await this.#counted('iptables', bypass.setUp());
    metrics.rules(settings.rules, true);
  }

  async #keep(): Promise<void> {
    const { bypass, settings, metrics, log } = this.#parts;
    if (bypass === null) return;
    this.#keeper = new Keeper({ addresses: settings.addresses, port: settings.dnsPort, bypass, metrics, log });
    await this.#keeper.start();
    log.info(`queries come here past conntrack (${settings.rules})`);
  }

  #lookAfter(): void {
    const { link, bypass, settings, metrics } = this.#parts;
    if (link !== null) this.#keepRight(link, 'link', 'interface_check', () => undefined);
    if (bypass !== null)
      this.#keepRight(bypass, 'rules', 'iptables', (isRight) => metrics.rules(settings.rules, isRight));
  }

  #keepRight(kept: Link | Bypass, what: Checked, errorType: SetupErrorType, onEnd: (isRight: boolean) => void): void {
    const { settings, metrics, log } = this.#parts;
    const repair = (): Promise<readonly string[]> => kept.repair();
    const repairer = new Repairer({ what, errorType, repair, onEnd, syncMs: settings.syncMs, metrics, log });
    kept.onChange(() => repairer.soon());
    this.#repairers.push(repairer);
    repairer.start();
  }

  async #undo(): Promise<void> {
    const { bypass, link } = this.#parts;
    await this.#keeper?.stop();
    await this.#attempt('taking the rules back', bypass?.undo());
    await this.#attempt('taking the link back', link?.undo());
    link?.close();
  }

  async #counted<T>(type: SetupErrorType, work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.#parts.metrics.error(type === 'iptables' && isLocked(error) ? 'iptables_lock' : type);
      throw error;
    }
  }

  async #attempt(step: string, work: Promise<void> | undefined): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.#parts.log.error(`${step}: ${(error as Error).message}`);
    }
  }
}

const isLocked = (error: unknown): boolean => error instanceof CommandError && error.exitCode === LOCKED;
