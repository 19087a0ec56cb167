import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { freePort, ServerProcess } from './process.ts';
import { until } from './until.ts';

/** What is scraped under one `job`. A target is HOST:PORT, with a path behind it where that is not /metrics. */
export interface ScrapeJob {
  readonly job: string;
  readonly targets: readonly string[];
}

export interface PrometheusOptions {
  /** For its configuration and data; is deleted at the end. */
  readonly directory: string;
  readonly jobs: readonly ScrapeJob[];
  readonly ruleFiles?: readonly string[];
  /** Between scrapes, and between looks at the rules; 1 by default. */
  readonly intervalSeconds?: number;
}

export type Labels = Readonly<Record<string, string>>;

/** A value at one time. */
export interface Sample {
  readonly metric: Labels;
  readonly value: number;
}

/** Values over a time: seconds since 1970, and the value. */
export interface Series {
  readonly metric: Labels;
  readonly values: readonly (readonly [seconds: number, value: number])[];
}

export interface Alert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: 'pending' | 'firing';
}

/** A real Prometheus on 127.0.0.1. */
export class Prometheus {
  readonly url: string;
  readonly #process: ServerProcess;
  readonly #directory: string;

  private constructor(url: string, server: ServerProcess, directory: string) {
    this.url = url;
    this.#process = server;
    this.#directory = directory;
  }

  static async start({ directory, jobs, ruleFiles = [], intervalSeconds = 1 }: PrometheusOptions): Promise<Prometheus> {
    mkdirSync(directory, { recursive: true });
    const file = join(directory, 'prometheus.yml');
    writeFileSync(file, dump(configuration(jobs, ruleFiles, intervalSeconds)));
    const address = `127.0.0.1:${await freePort()}`;
    const server = new ServerProcess(
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=${address}`,
        '--log.level=warn',
      ],
      { command: ['prometheus'] },
    );
    const prometheus = new Prometheus(`http://${address}`, server, directory);
    try {
      await until(
        () => {
          if (server.exitCode !== null) throw new Error(`prometheus ended: ${server.stderr}`);
          return isOk(`${prometheus.url}/-/ready`);
        },
        'Prometheus is ready',
        30_000,
      );
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
    return prometheus;
  }

  /** What an expression gives, now or at a time in seconds since 1970. */
  async query(expression: string, seconds?: number): Promise<readonly Sample[]> {
    const data = await this.#get('query', { query: expression, ...(seconds === undefined ? {} : { time: seconds }) });
    const { resultType, result } = data as { resultType: string; result: readonly RawSample[] };
    // A scalar is a pair without labels.
    if (resultType === 'scalar') return [{ metric: {}, value: Number((result as unknown as [number, string])[1]) }];
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  async queryRange(expression: string, from: number, to: number, stepSeconds: number): Promise<readonly Series[]> {
    const data = await this.#get('query_range', { query: expression, start: from, end: to, step: stepSeconds });
    const { result } = data as { result: readonly RawSeries[] };
    return result.map(({ metric, values }) => ({
      metric,
      values: values.map(([seconds, value]) => [seconds, Number(value)] as const),
    }));
  }

  /** The labels of all series of a selector. */
  async series(selector: string): Promise<readonly Labels[]> {
    return (await this.#get('series', { 'match[]': selector })) as readonly Labels[];
  }

  /** Names of all metrics; a histogram counts as one. */
  async names(): Promise<ReadonlySet<string>> {
    const { data } = (await (await fetch(`${this.url}/api/v1/metadata`)).json()) as { data: object };
    return new Set(Object.keys(data));
  }

  async alerts(): Promise<readonly Alert[]> {
    return ((await this.#get('alerts', {})) as { alerts: readonly Alert[] }).alerts;
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #get(what: string, parameters: Readonly<Record<string, string | number>>): Promise<unknown> {
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) body.set(name, String(value));
    const init = what === 'alerts' ? {} : { method: 'POST', body };
    const response = await fetch(`${this.url}/api/v1/${what}`, init);
    const { status, data, error } = (await response.json()) as { status: string; data: unknown; error?: string };
    if (status !== 'success') throw new Error(`${parameters.query ?? what}: ${error}`);
    return data;
  }
}

interface RawSample {
  readonly metric: Labels;
  readonly value: readonly [number, string];
}

interface RawSeries {
  readonly metric: Labels;
  readonly values: readonly (readonly [number, string])[];
}

const configuration = (jobs: readonly ScrapeJob[], ruleFiles: readonly string[], intervalSeconds: number): object => ({
  global: { scrape_interval: `${intervalSeconds}s`, evaluation_interval: `${intervalSeconds}s` },
  rule_files: ruleFiles,
  scrape_configs: jobs.map(({ job, targets }) => ({
    job_name: job,
    static_configs: targets.map((target) => {
      const [address, ...path] = target.split('/');
      return { targets: [address], labels: path.length === 0 ? {} : { __metrics_path__: `/${path.join('/')}` } };
    }),
  })),
});

const isOk = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
