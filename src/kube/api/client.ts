import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { DEFAULT_BUCKETS } from '#metrics/buckets.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { Clock } from './clock.ts';
import type { Access, Connector } from './connection.ts';
import { ACCEPT } from './format.ts';
import { KubeError, textOf } from './kube-error.ts';
import { Reachability } from './reachability.ts';
import { statusError } from './status.ts';
import { CommonTrouble } from './trouble-log.ts';

/** An open connection that nothing came over is asked after this long whether it is still there. */
const KEEP_ALIVE_MS = 15_000;
/** A server that has not begun to answer by then is taken as away. */
const HEADERS_MS = 30_000;

export interface ClientOptions {
  readonly connector: Promise<Connector>;
  readonly metrics: Metrics;
  readonly userAgent: string;
  readonly clock: Clock;
  /** What the names of its metrics begin with: CoreDNS's prefix unless it is given. */
  readonly metricPrefix?: string | undefined;
}

/** GET requests to the API server over kept connections, counted as client-go counts them. */
export class ApiClient {
  readonly #options: ClientOptions;
  readonly #agents = {
    'http:': new http.Agent({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS }),
    'https:': new https.Agent({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS }),
  };
  readonly #meters: Meters;
  readonly reachability: Reachability;
  readonly commonTrouble = new CommonTrouble();
  /** Whether a watch may begin with all objects; false once the server has refused that. */
  canWatchList = true;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.reachability = new Reachability(options.clock);
    this.#meters = new Meters(options.metrics, options.metricPrefix ?? 'coredns_kubernetes_');
  }

  /** The body of a 200. Rejects with a KubeError for all else; credentials that are refused are read again once, at once. */
  async get(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const connector = await this.#options.connector;
    const access = await unlessAborted(connector.access(), signal);
    const response = await this.#request(path, access, signal);
    if (response.statusCode !== 401) return this.#accepted(response);
    connector.renew();
    const renewed = await unlessAborted(connector.access(), signal);
    if (renewed.headers.Authorization === access.headers.Authorization) return this.#accepted(response);
    response.resume();
    return this.#accepted(await this.#request(path, renewed, signal));
  }

  async #accepted(response: IncomingMessage): Promise<IncomingMessage> {
    if (response.statusCode !== 200) throw await statusError(response);
    this.reachability.reached();
    return response;
  }

  /** Closes what is kept open. */
  close(): void {
    this.#agents['http:'].destroy();
    this.#agents['https:'].destroy();
  }

  async #request(path: string, access: Access, signal: AbortSignal): Promise<IncomingMessage> {
    for (let isRetry = false; ; isRetry = true) {
      const { clock } = this.#options;
      const { host } = access.base;
      const began = clock.now();
      try {
        const response = await this.#send(path, access, signal);
        this.#meters.count(host, String(response.statusCode), (clock.now() - began) / 1000);
        return response;
      } catch (error) {
        if (error === STALE && !isRetry) continue;
        this.#meters.count(host, '<error>', (clock.now() - began) / 1000);
        if (error instanceof KubeError) throw error;
        throw new KubeError('KUBE_UNREACHABLE', textOf(error), { cause: error });
      }
    }
  }

  #send(path: string, access: Access, signal: AbortSignal): Promise<IncomingMessage> {
    const { base, tls } = access;
    const isPlain = base.protocol === 'http:';
    const headers: OutgoingHttpHeaders = {
      accept: ACCEPT,
      'user-agent': this.#options.userAgent,
      ...access.headers,
    };
    return new Promise((resolve, reject) => {
      const request = (isPlain ? http : https).request({
        ...tls,
        host: base.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: base.port === '' ? (isPlain ? 80 : 443) : Number(base.port),
        path: `${base.pathname.replace(/\/$/, '')}${path}`,
        headers,
        signal,
        agent: access.agent ?? this.#agents[isPlain ? 'http:' : 'https:'],
      });
      const giveUp = this.#options.clock.deadline(HEADERS_MS, () => {
        request.destroy(new KubeError('KUBE_UNREACHABLE', `${base.host} sent no response in ${HEADERS_MS} ms`));
      });
      request.on('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
      request.on('response', (response) => {
        giveUp();
        resolve(response);
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        giveUp();
        // The server closed a kept connection in the same moment: that says nothing about a new one.
        reject(request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE') ? STALE : error);
      });
      request.end();
    });
  }
}

/** A kept connection turned out to be closed. */
const STALE = new KubeError('KUBE_UNREACHABLE', 'the server closed the connection');

/** A program that gives credentials may take its time; a stop does not wait for it. */
const unlessAborted = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => {
  signal.throwIfAborted();
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
};

/** The families of client-go, which CoreDNS gives a prefix; `host` is `HOST:PORT`. */
class Meters {
  readonly #duration;
  readonly #limiter;
  readonly #requests;

  constructor(metrics: Metrics, prefix: string) {
    this.#duration = metrics.histogram({
      name: `${prefix}rest_client_request_duration_seconds`,
      help: 'Time from a request to the API server to the head of its response.',
      labels: ['verb', 'host'],
      buckets: DEFAULT_BUCKETS,
    });
    this.#limiter = metrics.histogram({
      name: `${prefix}rest_client_rate_limiter_duration_seconds`,
      help: 'Time that requests to the API server were held back here; nothing holds them back.',
      labels: ['verb', 'host'],
      buckets: DEFAULT_BUCKETS,
    });
    this.#requests = metrics.counter({
      name: `${prefix}rest_client_requests_total`,
      help: 'Requests to the API server, by the status of the response.',
      labels: ['code', 'method', 'host'],
    });
  }

  count(host: string, code: string, seconds: number): void {
    this.#duration.at('GET', host).observe(seconds);
    this.#limiter.at('GET', host).observe(0);
    this.#requests.at(code, 'GET', host).add();
  }
}
