import { type ChildProcess, execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { end, pin, startPinned } from './processes.ts';
import { BIG_HEADLESS_FROM } from './queries.ts';

const execute = promisify(execFile);

export interface ClusterOptions {
  /** The built test bed. */
  readonly testbed: string;
  /** Of the API server; the three after it are taken too. */
  readonly port: number;
  readonly folder: string;
  /** The CPUs that it may use, such as `0` for the one that it shares with an asker; and all there are, for while nothing is measured. */
  readonly cpu: number | string;
  readonly allCpus: string;
}

/** The API server and etcd of the test bed, and what is in them. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly kubeconfig: string;
  #services = 0;
  #hasBigHeadless = false;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.kubeconfig = `${options.folder}/kubeconfig`;
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    try {
      await cluster.#up();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** Makes the Services up to this number that are not there yet, every tenth of them headless unless it is said. There is no way back. */
  async growTo(services: number, headlessEvery: 10 | 0 = 10): Promise<void> {
    const more = ['-services', `${services - this.#services}`, '-headless', `${headlessEvery}`];
    if (services > this.#services) await this.load(['-from', `${this.#services}`, ...more]);
    this.#services = Math.max(this.#services, services);
  }

  /** Makes ten headless Services of 100 endpoints each. */
  async addBigHeadless(): Promise<void> {
    if (this.#hasBigHeadless) return;
    this.#hasBigHeadless = true;
    await this.load(['-from', `${BIG_HEADLESS_FROM}`, '-services', '10', '-endpoints', '100', '-headless', '1']);
  }

  /** Replaces an endpoint's address so many times a second until the process is ended; `more` for mini-load says otherwise. */
  churn(rate: number, more: readonly string[] = []): ChildProcess {
    const args = [
      'churn',
      '-server',
      this.http,
      '-services',
      `${this.#services}`,
      '-rate',
      `${rate}`,
      '-seconds',
      '3600',
      ...more,
    ];
    return startPinned([this.#program('mini-load'), ...args], this.#options.cpu, this.churnLog);
  }

  /** What the churns say. */
  get churnLog(): string {
    return `${this.#options.folder}/churn.log`;
  }

  /** How many there are, but for those that `load` was asked for. */
  get services(): number {
    return this.#services;
  }

  /** Kills the API server; what it stores stays. */
  async kill(): Promise<void> {
    await this.#script('down.sh', 'kill9');
  }

  /** Starts the API server again. */
  async restart(): Promise<void> {
    await this.#up();
  }

  /**
   * Kills the API server and starts it again with its history forgotten: every watch is answered with 410 and has to list again. Resolves once
   * Services and EndpointSlices were listed and nothing was for a second; gives false where that has not happened within the time.
   */
  async makeRelist(timeoutMs: number): Promise<boolean> {
    await this.kill();
    await this.forget();
    await this.restart();
    const deadline = performance.now() + timeoutMs;
    for (let before = ''; performance.now() < deadline; await delay(1000)) {
      const lists = await this.#lists();
      const now = lists.join('\n');
      if (now === before && ['services', 'endpointslices'].every((kind) => now.includes(`resource="${kind}"`)))
        return true;
      before = now;
    }
    return false;
  }

  async stop(): Promise<void> {
    await this.#script('down.sh');
  }

  /**
   * Compacts etcd at its present revision, and moves that on: what a server last saw is then too old. Through etcd's JSON gateway, because its command
   * line is a package of its own.
   */
  async forget(): Promise<void> {
    const key = Buffer.from('bench').toString('base64');
    const { header } = (await this.#etcd('put', { key, value: key })) as { header: { revision: string } };
    await this.#etcd('compaction', { revision: header.revision });
    await this.#etcd('put', { key, value: key });
  }

  async #etcd(what: string, body: unknown): Promise<unknown> {
    const url = `http://127.0.0.1:${this.#options.port + 2}/v3/kv/${what}`;
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`etcd ${what}: ${response.status} ${await response.text()}`);
    return await response.json();
  }

  /** Its address; everybody may do everything there. */
  get http(): string {
    return `http://127.0.0.1:${this.#options.port + 1}`;
  }

  #program(name: string): string {
    return `${this.#options.testbed}/bin/${name}`;
  }

  /** The API server's counters of lists that were answered since its start. */
  async #lists(): Promise<string[]> {
    try {
      const text = await (await fetch(`${this.http}/metrics`)).text();
      return text.split('\n').filter((line) => /^apiserver_request_total\{code="200".*verb="LIST"/.test(line));
    } catch {
      return []; // not up
    }
  }

  /** up.sh waits for whoever answers on the port; the kubeconfig is written by ours alone, and is only good for ours. */
  async #up(): Promise<void> {
    await this.#script('up.sh', this.kubeconfig);
    for (const pid of Object.values(this.pids)) process.kill(pid, 0);
    if (!readFileSync(this.kubeconfig, 'utf8').includes(`:${this.#options.port}`))
      throw new Error(`the API server on port ${this.#options.port} is not the one that was started`);
  }

  /** Of the API server and etcd. */
  get pids(): { readonly api: number; readonly etcd: number } {
    const pidOf = (name: string): number => Number(readFileSync(`${this.#state}/${name}.pid`, 'utf8'));
    return { api: pidOf('api'), etcd: pidOf('etcd') };
  }

  /** Makes objects as `mini-load load` is told to. */
  async load(args: readonly string[]): Promise<void> {
    const pids = Object.values(this.pids);
    for (const pid of pids) await pin(pid, this.#options.allCpus);
    await execute(this.#program('mini-load'), ['load', '-server', this.http, '-endpoints', '2', ...args]);
    for (const pid of pids) await pin(pid, `${this.#options.cpu}`);
  }

  get #state(): string {
    return `${this.#options.folder}/state`;
  }

  /** The API server and etcd inherit the CPU. Their state is in the bench's folder, not where another test bed's may be. */
  async #script(name: string, ...args: string[]): Promise<void> {
    const { testbed, port, cpu } = this.#options;
    await execute('taskset', ['-c', `${cpu}`, `${testbed}/${name}`, `${port}`, ...args], {
      env: { ...process.env, MINI_STATE: this.#state },
    });
  }
}

/** Ends a churn. */
export const endChurn = end;
