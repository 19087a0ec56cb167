import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { type Endpoint, TcpClient } from '#test/dns-client.ts';

/** A socket that several queries may be on their way at once through. */
interface Way {
  send(bytes: Buffer): void;
  /** Told of every reply from then on. */
  receive(reply: (bytes: Buffer) => void): void;
  close(): void;
}

const udp = async ({ address, port }: Endpoint, from: string): Promise<Way> => {
  const socket = createSocket(isIPv6(from) ? 'udp6' : 'udp4');
  await new Promise<void>((resolve) => socket.bind({ address: from }, resolve));
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, address, resolve);
  });
  return {
    send: (bytes) => socket.send(bytes),
    receive: (reply) => void socket.on('message', reply),
    close: () => void socket.close(),
  };
};

const tcp = async (endpoint: Endpoint): Promise<Way> => {
  const client = await TcpClient.open(endpoint);
  const read = async (reply: (bytes: Buffer) => void): Promise<void> => {
    for (let frame = await client.next(); frame !== null; frame = await client.next()) reply(frame);
  };
  return {
    send: (bytes) => client.send(bytes),
    receive: (reply) => void read(reply),
    close: () => client.close(),
  };
};

/**
 * Sends all the queries at once over a new socket, their IDs distinct, and gives their replies in the order of the queries. `from`: the
 * address that UDP queries come from.
 */
export const askMany = async (
  endpoint: Endpoint,
  transport: 'udp' | 'tcp',
  queries: readonly Buffer[],
  from = '127.0.0.1',
): Promise<Buffer[]> => {
  const way = await (transport === 'udp' ? udp(endpoint, from) : tcp(endpoint));
  const replies = new Map<number, Buffer>();
  const all = new Promise<void>((resolve) => {
    way.receive((reply) => {
      replies.set(reply.readUInt16BE(0), reply);
      if (replies.size === queries.length) resolve();
    });
  });
  for (const query of queries) way.send(query);
  await all;
  way.close();
  return queries.map((query) => {
    const reply = replies.get(query.readUInt16BE(0));
    if (reply === undefined) throw new Error('a reply has an ID that no query had');
    return reply;
  });
};
