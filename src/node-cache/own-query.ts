import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import type { LocalAddress } from './settings.ts';

const WAIT_MS = 900;

/**
 * Asks the cache of this process on its own addresses, over UDP and from a new port, as a client would. What is asked for is a server status request
 * (opcode 2, RFC 1035, section 4.1.1), which every server answers by itself (NOTIMP): it needs no upstream, and is counted and logged by no plugin. It is a
 * header alone: by its length the rules know it, and let it through to the cache whether that is taken to be alive or not. (By a source of 127.0.0.1 they could
 * not: kubelet and kube-proxy drop what comes to that from elsewhere and is no reply that conntrack knows.) Gives the addresses that answered; waits for at
 * most 0.9 s.
 */
export const answeringAddresses = async (
  addresses: readonly LocalAddress[],
  port: number,
): Promise<readonly LocalAddress[]> => {
  const families = [4, 6] as const;
  const answered = await Promise.all(
    families.map((family) =>
      ask(
        family,
        addresses.filter((each) => each.family === family),
        port,
      ),
    ),
  );
  const all = new Set(answered.flat());
  return addresses.filter((each) => all.has(each));
};

const ask = (family: 4 | 6, addresses: readonly LocalAddress[], port: number): Promise<readonly LocalAddress[]> => {
  if (addresses.length === 0) return Promise.resolve([]);
  const query = statusRequest();
  const waiting = new Map(addresses.map((each) => [each.address, each]));
  const answered: LocalAddress[] = [];
  return new Promise((resolve) => {
    const socket: Socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    const end = (): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answered);
    };
    const timer = setTimeout(end, WAIT_MS);
    socket.on('message', (bytes, { address }) => {
      const found = waiting.get(address);
      if (found === undefined || bytes.length < 2 || bytes.readUInt16BE(0) !== query.readUInt16BE(0)) return;
      waiting.delete(address);
      answered.push(found);
      if (waiting.size === 0) end();
    });
    // A refusal (ICMP) of one address; the others may still answer.
    socket.on('error', () => undefined);
    for (const { address } of addresses) socket.send(query, port, address, () => undefined);
  });
};

/** A header alone: ID 2 | opcode 2 in the flags 2 | no records 8. */
const statusRequest = (): Buffer => Buffer.concat([randomBytes(2), Buffer.from([0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0])]);
