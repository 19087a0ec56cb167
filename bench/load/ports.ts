import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/**
 * The first of so many ports in a row that nobody has, neither TCP nor UDP, on any address. The bench takes no fixed ones: a test bed that runs already
 * would answer in place of its own, and be written to.
 */
export const freePorts = async (from: number, count: number): Promise<number> => {
  for (let first = from; first + count < 32_768; first += count) {
    const ports = Array.from({ length: count }, (_, i) => first + i);
    const areFree = await Promise.all(ports.flatMap((port) => [isTcpFree(port), isUdpFree(port)]));
    if (areFree.every(Boolean)) return first;
  }
  throw new Error(`no ${count} free ports in a row above ${from}`);
};

const isTcpFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });

const isUdpFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind(port, () => socket.close(() => resolve(true)));
  });
