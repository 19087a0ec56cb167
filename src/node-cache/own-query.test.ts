import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { answeringAddresses } from './own-query.ts';
import type { LocalAddress } from './settings.ts';

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

/** Answers on an address with what `reply` makes of a query; gives the port. */
const answering = async (address: string, reply: (query: Buffer) => Buffer | null, port = 0): Promise<number> => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  sockets.push(socket);
  socket.on('message', (query, from) => {
    const bytes = reply(query);
    if (bytes !== null) socket.send(bytes, from.port, from.address);
  });
  socket.bind(port, address);
  await once(socket, 'listening');
  return socket.address().port;
};

const four = (address: string): LocalAddress => ({ address, family: 4 });
const six: LocalAddress = { address: '::1', family: 6 };
const echo = (query: Buffer): Buffer => Buffer.from(query);

describe("the process's own query", () => {
  it('finds the addresses that answer, of both families', async () => {
    const port = await answering('127.0.0.9', echo);
    await answering('::1', echo, port);
    expect(await answeringAddresses([four('127.0.0.9'), six], port)).toEqual([four('127.0.0.9'), six]);
  });

  it('leaves out an address that is silent, and one where nobody listens', async () => {
    const port = await answering('127.0.0.9', echo);
    await answering('127.0.0.10', () => null, port);
    const all = [four('127.0.0.10'), four('127.0.0.9'), four('127.0.0.11')];
    expect(await answeringAddresses(all, port)).toEqual([four('127.0.0.9')]);
  });

  it('does not take a reply with another ID for its own', async () => {
    const port = await answering('127.0.0.9', (query) => {
      const other = Buffer.from(query);
      other.writeUInt16BE(query.readUInt16BE(0) ^ 1, 0);
      return other;
    });
    expect(await answeringAddresses([four('127.0.0.9')], port)).toEqual([]);
  });

  it('asks for a server status by a header alone, as the rules know it', async () => {
    const seen: Buffer[] = [];
    const port = await answering('127.0.0.9', (query) => {
      seen.push(query);
      return query;
    });
    await answeringAddresses([four('127.0.0.9')], port);
    expect(seen.map((query) => [query.length, (query[2] as number) >> 3])).toEqual([[12, 2]]);
  });
});
