import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { readHttpAddress } from './address.ts';

/** A request as handlers see it: only GET and HEAD get here. */
export interface EndpointRequest {
  readonly acceptsGzip: boolean;
}

export interface EndpointReply {
  readonly status: number;
  readonly body: string | Buffer;
  /** Beside Content-Type (text/plain where not given) and Content-Length. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** How an endpoint speaks TLS. */
export interface EndpointTls {
  readonly options: TlsOptions;
  /** Looks at a client after the handshake; it is hung up on where this is false. */
  readonly accepts?: (socket: TLSSocket) => boolean;
}

/** Listens on ports that another instance of the program may have at the same time. */
export interface EndpointPorts {
  /** Rejects with the system's word as the error's `code`. */
  listen(server: Server, host: string, port: number): Promise<EndpointPort>;
}

export interface EndpointPort {
  /** Leads new connections to the other instance, where there is one, and resolves once closing the server resets none. Never rejects. */
  leave(): Promise<void>;
}

export type EndpointHandler = (request: EndpointRequest) => EndpointReply | Promise<EndpointReply>;

/** No path of a request: each begins with a slash. */
export const ANY_PATH = '*';

/** CoreDNS's limits for reading, writing and idling. */
const TIMEOUT_MS = 5000;
const MAX_HEADER_OCTETS = 16 * 1024;
const MAX_CONNECTIONS = 256;
/** Longest a close waits for replies on their way. */
const CLOSE_MS = 1000;
const PLAIN = 'text/plain; charset=utf-8';

/**
 * An HTTP server of the process on one address, with a handler a path. A path that several configurations serve is answered by the
 * newest, so a reload hands it over without a gap.
 */
export class HttpEndpoint {
  readonly address: string;
  readonly #tls: EndpointTls | null;
  readonly #ports: EndpointPorts | null;
  readonly #handlers = new Map<string, EndpointHandler[]>();
  #server: Server | null = null;
  #opened: Promise<void> | null = null;
  #port: EndpointPort | null = null;
  #isLeaving = false;

  /** `ports`: where another instance may have the address, too. */
  constructor(address: string, tls: EndpointTls | null = null, ports: EndpointPorts | null = null) {
    this.address = address;
    this.#tls = tls;
    this.#ports = ports;
  }

  /** Listens, once. Rejects with Go's wording where the address can't be had. */
  open(): Promise<void> {
    this.#opened ??= this.#listen();
    return this.#opened;
  }

  /** The bound port; 0 before it is open. */
  get port(): number {
    return (this.#server?.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Serves a path, or with `ANY_PATH` all that nobody else serves, until the function that it gives is called. */
  serve(path: string, handler: EndpointHandler): () => void {
    const handlers = this.#handlers.get(path) ?? [];
    this.#handlers.set(path, handlers);
    handlers.push(handler);
    return () => {
      const at = handlers.indexOf(handler);
      if (at >= 0) handlers.splice(at, 1);
    };
  }

  /** Stops listening; replies on their way are still sent. */
  async close(): Promise<void> {
    await this.#opened?.catch(() => undefined);
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    this.#isLeaving = true;
    await this.#port?.leave();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
      server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      server.closeIdleConnections();
    });
  }

  async #listen(): Promise<void> {
    const address = readHttpAddress(this.address);
    if (typeof address === 'string') throw new Error(`listen tcp: ${address}`);
    const { host, port } = address;
    if (!/^\d+$/.test(port) || Number(port) > 65_535) throw new Error(`listen tcp: lookup tcp/${port}: unknown port`);
    const limits = {
      maxHeaderSize: MAX_HEADER_OCTETS,
      headersTimeout: TIMEOUT_MS,
      requestTimeout: TIMEOUT_MS,
      keepAliveTimeout: TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_MS,
    };
    const answer = (request: IncomingMessage, response: ServerResponse): void => void this.#answer(request, response);
    const server =
      this.#tls === null ? createServer(limits, answer) : createTlsServer({ ...limits, ...this.#tls.options }, answer);
    const accepts = this.#tls?.accepts;
    if (accepts !== undefined)
      server.on('secureConnection', (socket: TLSSocket) => {
        if (!accepts(socket)) socket.destroy();
      });
    server.maxConnections = MAX_CONNECTIONS;
    const where: { readonly host?: string } = host === '' ? {} : { host: await this.#resolve(host) };
    try {
      if (this.#ports !== null) this.#port = await this.#ports.listen(server, where.host ?? '', Number(port));
      else {
        server.listen({ port: Number(port), ...where });
        await once(server, 'listening');
      }
    } catch (error) {
      throw this.#listenError(error as NodeJS.ErrnoException);
    }
    // A socket that breaks later concerns its connection alone.
    server.on('error', () => undefined);
    this.#server = server;
  }

  /** The first address of a host, IPv4 before IPv6 as in Go. */
  async #resolve(host: string): Promise<string> {
    try {
      return (await lookup(host, { verbatim: false })).address;
    } catch {
      throw new Error(`listen tcp: lookup ${host}: no such host`);
    }
  }

  #listenError(error: NodeJS.ErrnoException): Error {
    const why = error.code === 'EADDRINUSE' ? 'bind: address already in use' : error.message;
    return new Error(`listen tcp ${this.address}: ${why}`, { cause: error });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume();
    const isHead = request.method === 'HEAD';
    let reply: EndpointReply;
    try {
      reply = await this.#replyTo(request);
    } catch (error) {
      reply = { status: 500, body: `${error instanceof Error ? error.message : String(error)}\n` };
    }
    response.writeHead(reply.status, {
      'Content-Type': PLAIN,
      ...reply.headers,
      'Content-Length': Buffer.byteLength(reply.body),
      // Whoever keeps a connection is to make the next one with the other instance.
      ...(this.#isLeaving ? { Connection: 'close' } : {}),
    });
    response.end(isHead ? undefined : reply.body);
  }

  #replyTo(request: IncomingMessage): EndpointReply | Promise<EndpointReply> {
    const path = (request.url ?? '').split('?', 1)[0] as string;
    const handler = this.#handlers.get(path)?.at(-1) ?? this.#handlers.get(ANY_PATH)?.at(-1);
    if (handler === undefined)
      return { status: 404, body: '404 page not found\n', headers: { 'X-Content-Type-Options': 'nosniff' } };
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return { status: 405, body: 'method not allowed\n', headers: { Allow: 'GET, HEAD' } };
    const encodings = String(request.headers['accept-encoding'] ?? '');
    return handler({ acceptsGzip: /(?:^|,)\s*gzip\s*(?:$|[,;](?!\s*q=0(?:\.0*)?\s*(?:,|$)))/.test(encodings) });
  }
}
