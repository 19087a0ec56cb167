import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { joinHostPort } from '#dns/address.ts';
import { readHttpAddress } from '#http-endpoint/address.ts';
import { claimEndpoint, type OpenEndpoint } from '#http-endpoint/claim.ts';
import { durationText } from '#log/duration-text.ts';
import type { Log } from '#log/log.ts';
import { SLIM_TIME_BUCKETS } from '#metrics/buckets.ts';
import type { Counter, Histogram } from '#metrics/families.ts';
import type { Services } from '#plugin/index.ts';
import type { HealthOptions } from './options.ts';

const POLL_EVERY_MS = 1000;
const POLL_TIMEOUT_MS = 3000;
/** A poll of this machine that takes longer is worth a warning. */
const SLOW_MS = 1000;

/** The /health endpoint, and the poll of it that tells how overloaded the process is. */
export class Health {
  readonly #options: HealthOptions;
  readonly #services: Services;
  readonly #log: Log;
  readonly #durations: Histogram;
  readonly #failures: Counter;
  #open: OpenEndpoint | null = null;
  #endPath: (() => void) | null = null;
  readonly #stopped = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #isPolling = false;

  constructor(options: HealthOptions, services: Services) {
    this.#options = options;
    this.#services = services;
    this.#log = services.log.plugin('health');
    this.#durations = services.metrics
      .histogram({
        name: 'coredns_health_request_duration_seconds',
        help: 'Seconds that the own poll of the health endpoint took.',
        buckets: SLIM_TIME_BUCKETS,
      })
      .at();
    this.#failures = services.metrics
      .counter({
        name: 'coredns_health_request_failures_total',
        help: 'Times that the health endpoint did not answer its own poll.',
      })
      .at();
  }

  async start(): Promise<void> {
    const { shared, isLenient, sharedPorts: ports } = this.#services;
    const { address } = this.#options;
    const warn = (message: string): void => this.#log.warning(message);
    this.#open = await claimEndpoint({ shared, address, isLenient, warn, ports });
    // Alive is all it says, in lameduck too: whether to send queries here is for `ready`.
    this.#endPath = this.#open?.endpoint.serve('/health', () => ({ status: 200, body: 'OK' })) ?? null;
  }

  /** Asks the own endpoint once a second, as long as it runs. */
  poll(): void {
    if (this.#open === null) return;
    this.#timer = setInterval(() => void this.#pollOnce(), POLL_EVERY_MS);
    this.#timer.unref();
  }

  async lameduck(): Promise<void> {
    const { lameduckMs } = this.#options;
    if (lameduckMs <= 0) return;
    this.#log.info(`Going into lameduck mode for ${durationText(lameduckMs)}`);
    // Ends early only where the process is stopped at once.
    await delay(lameduckMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#stopped.abort();
    // Closing takes a while where another instance has the port, too: whoever comes meanwhile is answered.
    await this.#open?.release();
    this.#endPath?.();
    this.#open = null;
  }

  async #pollOnce(): Promise<void> {
    if (this.#open === null || this.#isPolling) return;
    this.#isPolling = true;
    const { clock } = this.#services;
    const url = healthUrl(this.#open.endpoint.address, this.#open.endpoint.port);
    const startedMs = clock.monotonicMs();
    const fault = await ask(url, this.#stopped.signal);
    this.#isPolling = false;
    if (this.#stopped.signal.aborted) return;
    const tookMs = clock.monotonicMs() - startedMs;
    this.#durations.observe(tookMs / 1000);
    if (fault !== null) {
      this.#failures.add();
      this.#log.warning(`Local health request to "${url}" failed: ${fault.message}`);
    } else if (tookMs > SLOW_MS)
      this.#log.warning(`Local health request to "${url}" took more than 1s: ${durationText(tookMs)}`);
  }
}

/** An endpoint on all addresses is polled on one of them. */
const healthUrl = (address: string, port: number): string => {
  const read = readHttpAddress(address);
  const host = typeof read === 'string' || read.host === '' ? 'localhost' : read.host;
  return `http://${joinHostPort(host, port)}/health`;
};

/** One request without an agent or a proxy; null where it was answered. */
const ask = (url: string, signal: AbortSignal): Promise<Error | null> =>
  new Promise((resolve) => {
    const request = get(url, { agent: false, signal: AbortSignal.any([signal, AbortSignal.timeout(POLL_TIMEOUT_MS)]) });
    request.once('error', resolve);
    request.once('response', (response) => {
      response.resume();
      response.once('error', resolve);
      response.once('end', () => resolve(null));
    });
  });
