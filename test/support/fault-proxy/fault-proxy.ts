import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https, { type ServerOptions } from 'node:https';
import { refuse } from '../fake-api-server.ts';
import { HttpFront, type Interception, type SeenRequest } from '../http-front.ts';

export interface FaultProxyOptions {
  /** `http://HOST:PORT` or `https://HOST:PORT`; it is on loopback, and its certificate is not looked at. */
  readonly upstream: string;
  /** The proxy speaks HTTPS itself. */
  readonly tls?: ServerOptions;
}

interface Relayed {
  readonly request: SeenRequest;
  readonly response: ServerResponse;
  readonly upstream: http.ClientRequest;
}

interface Cut {
  readonly path: string;
  octetsLeft: number;
  readonly done: () => void;
}

/**
 * Stands between a client and an API server, hands on what is asked and answered as it comes, and does what servers, load balancers
 * and networks do to it: `once` and `always` put answers in (`refuse(429, 'slow down', { 'retry-after': '3' })`), the rest is here.
 */
export class FaultProxy extends HttpFront {
  readonly #upstream: URL;
  readonly #watches = new Set<Relayed>();
  readonly #cuts: Cut[] = [];
  #isCut = false;
  /** The token that clients must bring, which goes no further; null: theirs is the API server's affair. */
  token: string | null = null;

  constructor({ upstream, tls }: FaultProxyOptions) {
    super(tls ?? null);
    this.#upstream = new URL(upstream);
  }

  /** Watches that are open now, of one path or of all. */
  watches(path?: string): number {
    return this.#watchesOf(path).length;
  }

  /** Resets every connection, and ends every new one at its first request, until `mend`. */
  cut(): void {
    this.#isCut = true;
    this.resetAll();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** Ends open watches in good order, as load balancers end what has been idle for long. */
  endWatches(path?: string): void {
    for (const { response } of this.#watchesOf(path)) response.end();
  }

  /** Breaks the watch that brings the next event of a path, after so many octets of it; resolves then. */
  cutNextEvent(path: string, octets: number): Promise<void> {
    return new Promise((done) => this.#cuts.push({ path, octetsLeft: octets, done }));
  }

  /** For `once` and `always`: hands the request on this much later. */
  delayed(ms: number): Interception {
    return (request, response) => {
      setTimeout(() => this.serve(request, response), ms);
      return true;
    };
  }

  protected override receive(request: SeenRequest, response: ServerResponse): void {
    if (this.#isCut) response.socket?.destroy();
    else super.receive(request, response);
  }

  protected override serve(request: SeenRequest, response: ServerResponse): void {
    if (this.token !== null && request.headers.authorization !== `Bearer ${this.token}`)
      return void refuse(401, 'Unauthorized')(request, response);
    const { req } = response;
    const { authorization, ...headers } = req.headers;
    const isOurs = this.token !== null || authorization === undefined;
    const target = new URL(req.url ?? '/', this.#upstream);
    const isPlain = target.protocol === 'http:';
    const upstream = (isPlain ? http : https).request(target, {
      method: req.method ?? 'GET',
      headers: { ...headers, ...(isOurs ? {} : { authorization }), host: target.host },
      agent: false,
      ...(isPlain ? {} : { rejectUnauthorized: false }),
    });
    const relayed = { request, response, upstream };
    upstream.on('response', (answer) => this.#relay(relayed, answer));
    // The client sees what the proxy has seen: a connection that breaks.
    upstream.on('error', () => response.socket?.destroy());
    response.on('close', () => {
      this.#watches.delete(relayed);
      upstream.destroy();
    });
    req.pipe(upstream);
  }

  #relay(relayed: Relayed, answer: IncomingMessage): void {
    const { request, response } = relayed;
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    response.flushHeaders();
    if (request.isWatch) this.#watches.add(relayed);
    answer.on('data', (chunk: Buffer) => {
      if (this.#isBroken(relayed, chunk) || response.write(chunk)) return;
      answer.pause();
      response.once('drain', () => answer.resume());
    });
    answer.on('end', () => response.end());
    answer.on('error', () => response.socket?.destroy());
  }

  /** True where this chunk was the one to be broken in: what is before the break has been sent. */
  #isBroken({ request, response }: Relayed, chunk: Buffer): boolean {
    const cut = request.isWatch ? this.#cuts.find(({ path }) => path === request.path) : undefined;
    if (cut === undefined) return false;
    if (cut.octetsLeft > chunk.length) {
      cut.octetsLeft -= chunk.length;
      return false;
    }
    this.#cuts.splice(this.#cuts.indexOf(cut), 1);
    // Not a reset: that could overtake the octets.
    response.write(chunk.subarray(0, cut.octetsLeft), () => {
      response.socket?.destroy();
      cut.done();
    });
    return true;
  }

  #watchesOf(path?: string): readonly Relayed[] {
    return [...this.#watches].filter(({ request }) => path === undefined || request.path === path);
  }
}
