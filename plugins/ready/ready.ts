import { claimEndpoint, type OpenEndpoint } from '#http-endpoint/claim.ts';
import type { EndpointReply } from '#http-endpoint/endpoint.ts';
import type { BlockInfo, Lease, Services } from '#plugin/index.ts';
import { type Readiness, ReadyBoard } from './board.ts';
import type { ReadyOptions } from './options.ts';

/** The /ready endpoint of one server block. */
export class Ready {
  readonly #options: ReadyOptions;
  readonly #block: BlockInfo;
  readonly #services: Services;
  #board: Lease<ReadyBoard> | null = null;
  #open: OpenEndpoint | null = null;
  #undo: (() => void)[] = [];
  #isStopping = false;

  constructor(options: ReadyOptions, block: BlockInfo, services: Services) {
    this.#options = options;
    this.#block = block;
    this.#services = services;
  }

  async start(): Promise<void> {
    const { shared, isLenient, log, sharedPorts: ports } = this.#services;
    const { address, isContinuous } = this.#options;
    const ownLog = log.plugin('ready');
    this.#board = shared.claim('ready/board', () => new ReadyBoard());
    this.#undo.push(this.#board.value.add(this.#readiness(), isContinuous));
    const warn = (message: string): void => ownLog.warning(message);
    this.#open = await claimEndpoint({ shared, address, isLenient, warn, ports });
    if (this.#open === null) return;
    const board = this.#board.value;
    const answer = (): EndpointReply => {
      if (this.#isStopping) return { status: 503, body: 'Shutting down' };
      const waiting = board.notReady().join(',');
      if (waiting === '') return { status: 200, body: 'OK' };
      ownLog.info(`Plugins not ready: "${waiting}"`);
      return { status: 503, body: waiting };
    };
    this.#undo.push(this.#open.endpoint.serve('/ready', answer));
  }

  /** The sockets are open: CoreDNS says that it is ready up to 0.1 s before. */
  serving(): void {
    if (this.#board !== null) this.#board.value.hasServed = true;
  }

  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    await this.#open?.release();
    for (const undo of this.#undo.splice(0)) undo();
    await this.#board?.release();
  }

  #readiness(): Readiness[] {
    return [...this.#block.instances].flatMap(([name, instance]) =>
      instance.isReady === undefined ? [] : { name, isReady: () => instance.isReady?.() ?? true },
    );
  }
}
