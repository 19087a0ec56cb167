import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https, { type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface SeenRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly isWatch: boolean;
}

/** Answers a request in the server's place; `false` leaves it to the server. */
export type Interception = (request: SeenRequest, response: ServerResponse) => boolean;

/** What stands where a client expects an API server: it notes each request, and whatever a test puts in may answer it first. */
export abstract class HttpFront {
  readonly requests: SeenRequest[] = [];
  port = 0;
  /** Tried before the server's own answer, newest first; each until it is taken out again. */
  readonly interceptions: Interception[] = [];
  readonly #sockets = new Set<Socket>();
  #tls: ServerOptions | null;
  #server: http.Server | https.Server | null = null;

  /** With `tls` it speaks HTTPS. */
  constructor(tls: ServerOptions | null = null) {
    this.#tls = tls;
  }

  get url(): string {
    return `${this.#tls === null ? 'http' : 'https'}://127.0.0.1:${this.port}`;
  }

  /** Open connections, as the server sees them. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens, on the same port as before where it did so before. */
  async start(): Promise<void> {
    const answer = (incoming: IncomingMessage, response: ServerResponse): void => {
      const { pathname: path, searchParams: query } = new URL(incoming.url ?? '/', 'http://localhost');
      this.receive({ path, query, headers: incoming.headers, isWatch: query.get('watch') === 'true' }, response);
    };
    const server = this.#tls === null ? http.createServer(answer) : https.createServer(this.#tls, answer);
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      // What a client resets is no fault of the test.
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** As a kill -9: every connection is reset, and nothing listens. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = new Promise((resolve) => server.close(resolve));
    this.resetAll();
    await closed;
  }

  resetAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Serves new connections with this certificate; those that are open stay as they are. */
  useCertificate(tls: ServerOptions): void {
    this.#tls = tls;
    if (this.#server instanceof https.Server) this.#server.setSecureContext(tls);
  }

  /** Answers the next request that `matches` with `interception`, then no more. */
  once(matches: (request: SeenRequest) => boolean, interception: Interception): void {
    const one: Interception = (request, response) => {
      if (!matches(request) || !interception(request, response)) return false;
      this.interceptions.splice(this.interceptions.indexOf(one), 1);
      return true;
    };
    this.interceptions.unshift(one);
  }

  /** Answers every request that `matches` with `interception`, until the function it gives back is called. */
  always(matches: (request: SeenRequest) => boolean, interception: Interception): () => void {
    const one: Interception = (request, response) => matches(request) && interception(request, response);
    this.interceptions.unshift(one);
    return () => this.interceptions.splice(this.interceptions.indexOf(one), 1);
  }

  requestsOf(path: string, isWatch: boolean): readonly SeenRequest[] {
    return this.requests.filter((request) => request.path === path && request.isWatch === isWatch);
  }

  protected receive(request: SeenRequest, response: ServerResponse): void {
    this.requests.push(request);
    if (![...this.interceptions].some((interception) => interception(request, response))) this.serve(request, response);
  }

  /** Answers what nothing was put in for. */
  protected abstract serve(request: SeenRequest, response: ServerResponse): void;
}
