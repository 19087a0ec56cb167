import net, { type AddressInfo, type Socket } from 'node:net';

/** A TCP relay to a port on 127.0.0.1 that can be cut. */
export class FaultProxy {
  readonly #pairs = new Set<Socket>();
  readonly #server: net.Server;
  #isCut = false;

  constructor(targetPort: number) {
    this.#server = net.createServer((client) => {
      if (this.#isCut) return void client.resetAndDestroy();
      const target = net.connect(targetPort, '127.0.0.1');
      for (const [one, other] of [
        [client, target],
        [target, client],
      ] as const) {
        this.#pairs.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.#pairs.delete(one);
          other.destroy();
        });
      }
    });
  }

  /** Listens; gives its address. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resets every connection, and every new one until `mend`. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#pairs) socket.resetAndDestroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
