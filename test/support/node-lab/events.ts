import { setTimeout as delay } from 'node:timers/promises';
import { until } from '#test/until.ts';
import type { Account } from './account.ts';
import { ANSWERED_BY, KUBE_DNS, LOCAL_DNS, SERVICE, STUB_DOMAIN, STUB_SERVER } from './cluster.ts';
import { machineMs } from './load/orders.ts';
import { isOfCache, NodeCache, type NodeCacheOptions } from './node-cache.ts';
import type { LoadOptions, NodeLab } from './node-lab.ts';

/** What clients saw of something that happened to a node's cache. */
export interface Seen {
  readonly event: string;
  readonly account: Account;
  /** When it happened, on the machine's clock. */
  readonly atMs: number;
  /** What did not come to be in the time; '' where all did. */
  readonly fault: string;
}

export interface EventOptions {
  readonly load?: LoadOptions;
  /** How long clients ask before it happens, and after all has settled. */
  readonly marginMs?: number;
  /** The longest that it may take to settle; what has not settled by then is seen in the account. */
  readonly patienceMs?: number;
}

const byCluster = (outcome: string): boolean => outcome === ANSWERED_BY.cluster;
const byAnyone = (outcome: string): boolean => byCluster(outcome) || isOfCache(outcome);

/** A node's cache, and what may happen to it while clients ask. */
export class CacheEvents {
  readonly lab: NodeLab;
  readonly #cacheOptions: NodeCacheOptions;
  readonly #options: Required<EventOptions>;
  readonly #started: NodeCache[] = [];

  constructor(
    lab: NodeLab,
    cacheOptions: NodeCacheOptions = {},
    { load = {}, marginMs = 500, patienceMs = 20_000 }: EventOptions = {},
  ) {
    this.lab = lab;
    this.#cacheOptions = cacheOptions;
    this.#options = {
      load: { addresses: cacheOptions.localIp ?? [LOCAL_DNS[4], KUBE_DNS[4]], ...load },
      marginMs,
      patienceMs,
    };
  }

  /** The instance that was started last. */
  get cache(): NodeCache {
    const last = this.#started.at(-1);
    if (last === undefined) throw new Error('no cache was started');
    return last;
  }

  /** Starts another instance; resolves at once. */
  start(): NodeCache {
    const cache = new NodeCache(this.lab, this.#cacheOptions);
    this.#started.push(cache);
    return cache;
  }

  /** Ends what is still there. */
  async close(): Promise<void> {
    for (const { process } of this.#started) {
      if (process.exitCode !== null) continue;
      process.signal('SIGKILL');
      await process.exited;
    }
  }

  /** The first start of a node's cache: until then the cluster answers on the cluster IP, and nobody on the link-local address. */
  firstStart(): Promise<Seen> {
    return this.#under('start', () => this.#answeredBy(this.start()), {
      addresses: (this.#options.load.addresses ?? []).filter((address) => Object.values(KUBE_DNS).includes(address)),
    });
  }

  kill(): Promise<Seen> {
    return this.#under('SIGKILL', async () => {
      this.cache.process.signal('SIGKILL');
      await this.cache.process.exited;
      await this.#settled(byCluster);
    });
  }

  restart(): Promise<Seen> {
    return this.#under('start after it', () => this.#answeredBy(this.start()));
  }

  hang(): Promise<Seen> {
    return this.#under('SIGSTOP', async () => {
      this.cache.process.signal('SIGSTOP');
      await this.#settled(byCluster);
    });
  }

  resume(): Promise<Seen> {
    return this.#under('SIGCONT', () => {
      this.cache.process.signal('SIGCONT');
      return this.#answeredBy(this.cache);
    });
  }

  /** Its main thread computes for some seconds: see busy.mjs. */
  busy(): Promise<Seen> {
    return this.#under('busy loop', async () => {
      this.cache.process.signal('SIGUSR2');
      await this.#settled(byCluster);
      await this.#answeredBy(this.cache);
    });
  }

  stop(): Promise<Seen> {
    return this.#under('clean stop', async () => {
      await this.#end(this.cache);
      await this.#settled(byCluster);
    });
  }

  /** The old one stops, and a second later the new one starts. */
  update(gapMs = 1000): Promise<Seen> {
    return this.#under(`update, ${gapMs / 1000} s gap`, async () => {
      await this.#end(this.cache);
      await delay(gapMs);
      await this.#answeredBy(this.start());
    });
  }

  /** The new one starts, and then the old one stops. */
  handOver(): Promise<Seen> {
    return this.#under('handover', async () => {
      const old = this.cache;
      const fresh = this.start();
      await until(() => this.#isUp(fresh), 'the new one is up', this.#options.patienceMs);
      await this.#end(old);
      await this.#answeredBy(fresh);
    });
  }

  removeAddresses(): Promise<Seen> {
    return this.#under('addresses removed', async () => {
      const link = await this.#linkName();
      await this.lab.run('ip', 'address', 'flush', 'dev', link);
      await this.#settled(byAnyone);
      await this.#answeredBy(this.cache);
    });
  }

  removeLink(): Promise<Seen> {
    return this.#under('link removed', async () => {
      await this.lab.run('ip', 'link', 'delete', await this.#linkName());
      await this.#settled(byAnyone);
      await this.#answeredBy(this.cache);
    });
  }

  /** All rules of the node; the Service proxy's are put back at once. */
  flushRules(): Promise<Seen> {
    return this.#under('rules flushed', async () => {
      await this.lab.flushRules();
      await this.lab.putServiceRules();
      await this.#answeredBy(this.cache);
    });
  }

  /**
   * The cluster's DNS answers nothing for so long: `SIGSTOP` has it take queries and connections, `SIGKILL` refuse them. Clients ask for names that the cache
   * keeps, for one whose records end, and for names that nobody has asked for.
   */
  async clusterAway(seconds: number, how: 'SIGSTOP' | 'SIGKILL'): Promise<readonly Seen[]> {
    const kept = [1, 2, 3].map((n) => `${how.toLowerCase()}-${seconds}-${n}.kept.cluster.local`);
    const classes: readonly (readonly [string, readonly string[]])[] = [
      ['cached', kept],
      ['expiring', [SERVICE]],
      ['never asked', ['{n}.kept.cluster.local']],
    ];
    const { load, marginMs } = this.#options;
    const perSecond = (load.perSecond ?? 60) / classes.length;
    const loads = classes.map(
      ([title, names]) => [title, this.lab.load({ ...load, perSecond, names, lostMs: 5000 })] as const,
    );
    // All are known by then.
    for (const names of [...kept.map((name) => [name]), [SERVICE]])
      await this.#settled((outcome) => /^[0-9.]+$/.test(outcome), names);
    await delay(marginMs);
    const atMs = machineMs();
    const { clusterDns } = this.lab;
    clusterDns.signal(how);
    await delay(seconds * 1000);
    if (how === 'SIGSTOP') clusterDns.signal('SIGCONT');
    else await this.lab.startClusterDns();
    await delay(Math.max(marginMs, 2000));
    return Promise.all(
      loads.map(async ([title, running]) => ({
        event: `cluster's DNS away ${seconds} s (${how}), ${title}`,
        account: await running.stop(),
        atMs,
        fault: '',
      })),
    );
  }

  /** A stub domain comes to the kube-dns ConfigMap. */
  async addStubDomain(): Promise<Seen> {
    const names = [`{n}.${STUB_DOMAIN}`];
    return this.#under(
      'stub domain added',
      async () => {
        this.lab.setKubeDns({ stubDomains: JSON.stringify({ [STUB_DOMAIN]: [STUB_SERVER] }) });
        await this.#settled((outcome) => outcome === ANSWERED_BY.stub, names);
      },
      { names },
    );
  }

  async #under(event: string, act: () => Promise<void>, more: LoadOptions = {}): Promise<Seen> {
    const { load, marginMs } = this.#options;
    const running = this.lab.load({ ...load, ...more });
    await delay(marginMs);
    const atMs = machineMs();
    let fault = '';
    try {
      await act();
      await delay(marginMs);
    } catch (error) {
      fault = error instanceof Error ? error.message : String(error);
    }
    const account = await running.stop();
    return { event, account, atMs, fault };
  }

  #settled(by: (outcome: string) => boolean, names?: readonly string[]): Promise<void> {
    const { load, patienceMs } = this.#options;
    return this.lab.answered(by, by.toString(), patienceMs, { ...load, ...(names === undefined ? {} : { names }) });
  }

  async #answeredBy(cache: NodeCache): Promise<void> {
    try {
      await this.#settled((outcome) => outcome === cache.answer);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${cache.process.stdout}${cache.process.stderr}`);
    }
  }

  /** It has answered somebody. */
  async #isUp(cache: NodeCache): Promise<boolean> {
    const load = this.lab.load({ ...this.#options.load, perSecond: 120, lostMs: 500 });
    await delay(100);
    return (await load.stop()).queries.some(({ outcome }) => outcome === cache.answer);
  }

  async #end({ process }: NodeCache): Promise<void> {
    process.signal('SIGTERM');
    const code = await process.exited;
    if (code !== 0) throw new Error(`it ended with ${code}\n${process.stdout}${process.stderr}`);
  }

  /** The device that has the first address. */
  async #linkName(): Promise<string> {
    const [first = ''] = this.#options.load.addresses ?? [];
    const shown = await this.lab.run('ip', '-o', 'address', 'show', 'to', first);
    return /^\d+: (\S+)/.exec(shown)?.[1] ?? '';
  }
}
