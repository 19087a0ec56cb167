import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Answer, Listener } from './orders.ts';
import type { NamespaceSockets } from './system-calls.ts';

/** The line that a listener answers with, and the values in it. */
export const answerLine = (answer: Answer): string =>
  `${answer.namespace} ${answer.address} ${answer.port} ${answer.peer}\n`;

export const parseAnswer = (line: string): Answer => {
  const [namespace = '', address = '', port = '', peer = ''] = line.trimEnd().split(' ');
  return { namespace, address, port: Number(port), peer };
};

/** Sockets that answer, each opened once and kept until the thread ends. */
export class Listeners {
  readonly #sockets: NamespaceSockets;
  readonly #open = new Set<string>();

  constructor(sockets: NamespaceSockets) {
    this.#sockets = sockets;
  }

  listen(listener: Listener): void {
    const key = Object.values(listener).join(' ');
    if (this.#open.has(key)) return;
    const fd = this.#sockets.listener(listener);
    if (listener.protocol === 'tcp') serveTcp(fd, listener);
    else serveUdp(fd, listener);
    this.#open.add(key);
  }
}

/** Says who it is, and then sends back what it is sent. */
const serveTcp = (fd: number, { namespace, address, port }: Listener): void => {
  const server = createServer({ noDelay: true }, (socket) => {
    // A client that has its answer resets the connection.
    socket.on('error', () => undefined);
    const peer = socket.remoteAddress;
    if (peer === undefined) return void socket.destroy();
    socket.write(answerLine({ namespace, address, port, peer }));
    socket.pipe(socket);
  });
  server.listen({ fd });
};

const serveUdp = (fd: number, { namespace, address, port }: Listener): void => {
  const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4' });
  // The client of a datagram that it was about to answer is gone.
  socket.on('error', () => undefined);
  socket.on('message', (_, { address: peer, port: peerPort }) => {
    socket.send(answerLine({ namespace, address, port, peer }), peerPort, peer);
  });
  socket.bind({ fd });
};
