import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { AskerJob, AskerReport } from '../asker/job.ts';
import { dnsperf } from '../support/dnsperf.ts';
import { busySeconds, cpuSeconds, fineCpuSeconds } from '../support/process-accounting.ts';
import type { RunningServer } from './processes.ts';
import type { QueryNeed } from './queries.ts';
import type { Scenario } from './scenarios.ts';

export interface MeasureOptions {
  /** Of a closed-loop measurement. */
  readonly seconds: number;
  /** Of one at a fixed rate. */
  readonly pacedSeconds: number;
  readonly serverCpu: number;
  readonly askerCpu: number;
  /** The bundled asker. */
  readonly askerScript: string;
  readonly folder: string;
}

/** With so many queries under way as the server lets: what it can do, and what it costs then. */
export interface ClosedFigures {
  readonly cpuMicroseconds: number;
  readonly perSecond: number;
  readonly foreignShare: number;
  readonly lost: number;
  readonly rcodes: string;
}

/** At a fixed rate: how long a query takes, and what it costs then. */
export interface PacedFigures {
  readonly cpuMicroseconds: number;
  /** Of the server's CPU, what others had meanwhile: on a machine that others use, neither latencies nor queries a second mean much. */
  readonly foreignShare: number;
  readonly report: AskerReport;
}

const CLIENTS = 8;
const OUTSTANDING = 200;
/** More than any server here answers in a second where no name is asked twice. */
const MOST_UNIQUE_PER_SECOND = 80_000;

/** Asks one server for one scenario. */
export class Measure {
  readonly #options: MeasureOptions;
  readonly #files = new Map<string, string>();

  constructor(options: MeasureOptions) {
    this.#options = options;
  }

  /** Asks for a second without counting: compilers and caches. */
  async warmUp(server: RunningServer, scenario: Scenario, services: number): Promise<void> {
    await this.#dnsperf(server, scenario, this.#file(scenario, services, MOST_UNIQUE_PER_SECOND, 0), 1);
  }

  /** Every name once: caches hold 30 s, and a server waits longer than that for its turn. */
  async refresh(server: RunningServer, scenario: Scenario, services: number): Promise<void> {
    if (!scenario.isUnique) await this.#dnsperf(server, scenario, this.#file(scenario, services, 0, 0), 1, 1);
  }

  async closed(server: RunningServer, scenario: Scenario, services: number, round: number): Promise<ClosedFigures> {
    const { seconds } = this.#options;
    const file = this.#file(scenario, services, Math.ceil(seconds * MOST_UNIQUE_PER_SECOND), 2 * round + 1);
    const meter = this.#meter(() => cpuSeconds(server.pid));
    const { completed, perSecond, lost, rcodes } = scenario.isUnique
      ? await this.#dnsperf(server, scenario, file, seconds, 1)
      : await this.#dnsperf(server, scenario, file, seconds);
    const { own, foreignShare } = meter();
    return { cpuMicroseconds: (own * 1e6) / completed, perSecond, foreignShare, lost, rcodes };
  }

  /** Where `during` is given, it goes on until that is over, and at least for the usual time. */
  async paced(
    server: RunningServer,
    scenario: Scenario,
    services: number,
    round: number,
    rate: number,
    during?: () => Promise<void>,
  ): Promise<PacedFigures> {
    const { pacedSeconds } = this.#options;
    const job: AskerJob = {
      port: server.port,
      queryFile: this.#file(scenario, services, Math.ceil(rate * (pacedSeconds + 1)), 2 * round + 2),
      rate,
      seconds: during === undefined ? pacedSeconds : 120,
      isTcp: scenario.isTcp ?? false,
      udpSize: scenario.udpSize ?? 0,
      clients: CLIENTS,
    };
    const meter = this.#meter(() => fineCpuSeconds(server.pid));
    const report = await this.#ask(job, during);
    const { own, foreignShare } = meter();
    return { cpuMicroseconds: (own * 1e6) / report.answered, foreignShare, report };
  }

  /** Starts to measure a server's CPU time; what it gives ends it. */
  #meter(cpuTime: () => number): () => { readonly own: number; readonly foreignShare: number } {
    const { serverCpu } = this.#options;
    const [own, busy, started] = [cpuTime(), busySeconds(serverCpu), performance.now()];
    return () => {
      const used = cpuTime() - own;
      const foreign = busySeconds(serverCpu) - busy - used;
      return { own: used, foreignShare: Math.max(0, (foreign * 1000) / (performance.now() - started)) };
    };
  }

  #ask(job: AskerJob, during?: () => Promise<void>): Promise<AskerReport> {
    const { askerCpu, askerScript } = this.#options;
    const command = ['taskset', '-c', `${askerCpu}`, process.execPath, askerScript, JSON.stringify(job)];
    return new Promise((resolve, reject) => {
      const asker = spawn(command[0] as string, command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
      let stdout = '';
      let stderr = '';
      asker.stdout.on('data', (part: Buffer) => {
        stdout += part.toString();
      });
      asker.stderr.on('data', (part: Buffer) => {
        stderr += part.toString();
      });
      asker.on('error', reject);
      asker.on('close', (code) => {
        if (code === 0) resolve(JSON.parse(stdout) as AskerReport);
        else reject(new Error(`the asker ended with ${code}: ${stderr.slice(-2000)}`));
      });
      during?.().then(
        () => asker.stdin.end(),
        (error: unknown) => {
          asker.kill();
          reject(error);
        },
      );
    });
  }

  #dnsperf(server: RunningServer, scenario: Scenario, queryFile: string, seconds: number, passes?: number) {
    return dnsperf({
      address: '127.0.0.1',
      port: server.port,
      queryFile,
      seconds,
      clients: CLIENTS,
      outstanding: OUTSTANDING,
      rate: 0,
      isTcp: scenario.isTcp ?? false,
      isEdns: scenario.udpSize !== undefined,
      cpu: this.#options.askerCpu,
      ...(passes === undefined ? {} : { passes }),
    });
  }

  /** The query file of a measurement. Each round of a unique list has its own, the same for every server; an older one is not needed again. */
  #file(scenario: Scenario, services: number, count: number, seed: number): string {
    const path = `${this.#options.folder}/queries-${scenario.name}-${scenario.isUnique ? seed % 2 : 0}`;
    const need: QueryNeed = { services, count: scenario.isUnique ? count : 0, seed: scenario.isUnique ? seed : 1 };
    const key = JSON.stringify(need);
    if (this.#files.get(path) !== key) writeFileSync(path, `${scenario.queries(need).join('\n')}\n`);
    this.#files.set(path, key);
    return path;
  }
}
