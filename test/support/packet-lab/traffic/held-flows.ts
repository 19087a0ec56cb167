import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseAnswer } from './listeners.ts';
import type { Answer, Flow, Held, HoldOrder } from './orders.ts';
import type { NamespaceSockets } from './system-calls.ts';

/** Between an echo and the next word. */
const PAUSE_MS = 2;
const WORD = 'x';

/** Long-lived TCP connections to one Service, each of them sending all the time. */
export class HeldFlows {
  readonly #connections: readonly HeldConnection[];

  constructor(sockets: NamespaceSockets, { flow, count }: HoldOrder) {
    this.#connections = Array.from({ length: count }, () => new HeldConnection(sockets, flow));
  }

  /** Resolves once each has had an echo, or is broken. */
  async ready(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.echoed()));
  }

  /** After one more echo of each that lives; what is not echoed in the time counts as broken. */
  async held(withinMs: number): Promise<readonly Held[]> {
    const timer = delay(withinMs, 'late' as const);
    await Promise.all(
      this.#connections.map(async (connection) => {
        if ((await Promise.race([connection.echoed(), timer])) === 'late')
          connection.break(`no echo in ${withinMs} ms`);
      }),
    );
    return this.#connections.map((connection) => connection.state);
  }

  release(): void {
    for (const connection of this.#connections) connection.break('released');
  }
}

class HeldConnection {
  readonly #socket: Socket;
  #by: Answer | null = null;
  #echoes = 0;
  #brokenBy = '';
  #waiting: (() => void)[] = [];

  constructor(sockets: NamespaceSockets, flow: Flow) {
    this.#socket = new Socket({ fd: sockets.connected(flow) });
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (text: string) => this.#heard(text));
    this.#socket.on('error', (error) => this.break((error as NodeJS.ErrnoException).code ?? String(error)));
    this.#socket.on('end', () => this.break('ended'));
  }

  get state(): Held {
    return { by: this.#by, echoes: this.#echoes, brokenBy: this.#brokenBy };
  }

  /** Resolves with the next echo of a word that has yet to be sent, or at once where it is broken. */
  async echoed(): Promise<void> {
    // What is on its way now was sent before.
    for (let n = 0; n < 2 && this.#brokenBy === ''; n++)
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  break(why: string): void {
    if (this.#brokenBy !== '') return;
    this.#brokenBy = why;
    this.#socket.destroy();
    this.#wake();
  }

  #heard(text: string): void {
    if (this.#by === null) this.#by = parseAnswer(text);
    else this.#echoes++;
    this.#wake();
    setTimeout(() => {
      if (this.#brokenBy === '') this.#socket.write(WORD);
    }, PAUSE_MS);
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
