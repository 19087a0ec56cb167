import { once } from 'node:events';
import type http from 'node:http';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';

/** Many watches of one kind over TLS, a connection each, that read and forget what they are told. */
export class LightWatchers {
  readonly #requests: http.ClientRequest[] = [];
  readonly #sockets: Socket[] = [];
  /** Octets of bodies. */
  bodyOctets = 0;

  /** Opens so many, from the present on. */
  static async open(httpsUrl: string, path: string, count: number): Promise<LightWatchers> {
    const watchers = new LightWatchers();
    for (let i = 0; i < count; i++) await watchers.#open(httpsUrl, path);
    return watchers;
  }

  get count(): number {
    return this.#requests.length;
  }

  /** Octets that have come over the connections, TLS and HTTP included, TCP and IP not. */
  get wireOctets(): number {
    return this.#sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  }

  close(): void {
    for (const request of this.#requests) request.destroy();
  }

  async #open(httpsUrl: string, path: string): Promise<void> {
    const { hostname, port } = new URL(httpsUrl);
    const raw = net.connect(Number(port), hostname);
    this.#sockets.push(raw);
    const request = https.request(
      `${httpsUrl}${path}${path.includes('?') ? '&' : '?'}watch=true&allowWatchBookmarks=true&resourceVersion=0`,
      {
        headers: { accept: 'application/vnd.kubernetes.protobuf' },
        // The test bed's certificate is its own.
        createConnection: () => tls.connect({ socket: raw, rejectUnauthorized: false }),
      },
    );
    this.#requests.push(request);
    request.on('error', () => undefined);
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`a watch of ${path} got ${response.statusCode}`);
    response.on('data', (part: Buffer) => {
      this.bodyOctets += part.length;
    });
    response.on('error', () => undefined);
  }
}
