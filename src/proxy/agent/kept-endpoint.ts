import { HttpEndpoint } from '#http-endpoint/endpoint.ts';
import type { Clock } from '#kube/api/clock.ts';
import type { Trouble } from '#log/trouble.ts';

export interface KeptEndpointOptions {
  /** `HOST:PORT`. */
  readonly address: string;
  /** What it is, for messages: `healthz`. */
  readonly title: string;
  readonly clock: Clock;
  readonly trouble: Trouble;
  /** Hands out its handlers. */
  readonly serve: (endpoint: HttpEndpoint) => void;
}

/** kube-proxy's pause. */
const RETRY_MS = 5000;

/** An HTTP server that is opened again and again until its port is free. */
export class KeptEndpoint {
  readonly #options: KeptEndpointOptions;
  #endpoint: HttpEndpoint | null = null;
  #isClosed = false;
  #callOff = (): void => undefined;

  constructor(options: KeptEndpointOptions) {
    this.#options = options;
  }

  /** The port that it listens on; 0 where it does not. */
  get port(): number {
    return this.#endpoint?.port ?? 0;
  }

  /** Opens it; where that fails the trouble is told, and gives false. It is then tried again by itself. */
  async open(): Promise<boolean> {
    const { address, title, clock, trouble, serve } = this.#options;
    const endpoint = new HttpEndpoint(address);
    serve(endpoint);
    try {
      await endpoint.open();
    } catch (error) {
      trouble.tell(`${title}: ${(error as Error).message}`);
      if (!this.#isClosed) this.#callOff = clock.deadline(RETRY_MS, () => void this.open());
      return false;
    }
    trouble.isOver();
    if (this.#isClosed) await endpoint.close();
    else this.#endpoint = endpoint;
    return true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#callOff();
    await this.#endpoint?.close();
  }
}
