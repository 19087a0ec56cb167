import { createSocket } from 'node:dgram';
import { outcomeOfError, QUESTION } from './flows.ts';
import { parseAnswer } from './listeners.ts';
import type { Flow, Outcome } from './orders.ts';
import type { NamespaceSockets } from './system-calls.ts';

/** One UDP flow that lasts: the kernel sends all of it where it has sent the first datagram. */
export class DatagramFlow {
  readonly #sockets: NamespaceSockets;
  readonly #fd: number;
  #heard: (outcome: Outcome) => void = () => undefined;

  constructor(sockets: NamespaceSockets, flow: Flow) {
    this.#sockets = sockets;
    this.#fd = sockets.connected(flow);
    const socket = createSocket({ type: flow.from.includes(':') ? 'udp6' : 'udp4' });
    socket.on('message', (message) => this.#heard({ kind: 'answered', by: parseAnswer(message.toString()) }));
    socket.on('error', (error) => this.#heard(outcomeOfError(error)));
    socket.bind({ fd: this.#fd });
  }

  ask(silenceMs: number): Promise<Outcome> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve({ kind: 'silent' }), silenceMs);
      this.#heard = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      this.#sockets.send(this.#fd, QUESTION);
    });
  }
}
