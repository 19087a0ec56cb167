import { createSocket } from 'node:dgram';
import { connect, isIPv6, type Socket } from 'node:net';
import { decodeMessage, WireFault } from '#dns/decode.ts';
import { textFromName } from '#dns/name.ts';
import { recordToText } from '#dns/record-text.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { encodeQuery, framed } from '#test/dns-client.ts';
import type { Stream } from './orders.ts';

const PORT = 53;

/** A client that never asks twice. */
export interface Asker {
  /** Gives what came: an address, an RCODE, or in small letters how the query was lost. */
  ask(name: string, lostMs: number): Promise<string>;
  close(): void;
}

export const askerOf = ({ address, transport }: Stream): Asker => {
  if (transport === 'kept') return new KeptConnection(address);
  const once = transport === 'udp' ? askUdp : askTcp;
  return { ask: (name, lostMs) => once(address, name, lostMs), close: () => undefined };
};

/** By a connected socket: an answer from another address is none, and ICMP is heard. */
const askUdp = (address: string, name: string, lostMs: number): Promise<string> =>
  new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const query = encodeQuery(name, 'A');
    const finish = (outcome: string): void => {
      stopTimer();
      socket.removeAllListeners('message');
      socket.close();
      resolve(outcome);
    };
    const stopTimer = afterReading(lostMs, () => finish('lost'));
    socket.once('error', (error) => finish(codeOf(error)));
    socket.on('message', (reply) => {
      const outcome = outcomeOf(reply, query.readUInt16BE(0), name);
      if (outcome !== null) finish(outcome);
    });
    socket.connect(PORT, address, () => socket.send(query));
  });

const askTcp = async (address: string, name: string, lostMs: number): Promise<string> => {
  const connection = new KeptConnection(address);
  const outcome = await connection.ask(name, lostMs);
  connection.close();
  return outcome;
};

interface Waiting {
  readonly name: string;
  readonly finish: (outcome: string) => void;
}

/** Opened at the first query, and at the next one after it was lost. */
class KeptConnection implements Asker {
  readonly #address: string;
  #socket: Socket | null = null;
  #waiting = new Map<number, Waiting>();
  #lastId = Math.floor(Math.random() * 0xffff);

  constructor(address: string) {
    this.#address = address;
  }

  ask(name: string, lostMs: number): Promise<string> {
    const socket = this.#socket ?? this.#open();
    const waiting = this.#waiting;
    return new Promise((resolve) => {
      this.#lastId = (this.#lastId + 1) & 0xffff;
      const id = this.#lastId;
      const finish = (outcome: string): void => {
        stopTimer();
        waiting.delete(id);
        resolve(outcome);
      };
      const stopTimer = afterReading(lostMs, () => {
        finish('lost');
        // A connection without answers is given up, as resolvers do.
        socket.destroy();
      });
      waiting.set(id, { name, finish });
      socket.write(framed(encodeQuery(name, 'A', { id })));
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Socket {
    const socket = connect({ host: this.#address, port: PORT, noDelay: true });
    const waiting = new Map<number, Waiting>();
    this.#waiting = waiting;
    this.#socket = socket;
    let pending = Buffer.alloc(0);
    let how = 'closed';
    const gone = (): void => {
      if (this.#socket === socket) this.#socket = null;
    };
    socket.on('data', (part) => {
      pending = Buffer.concat([pending, part]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const reply = pending.subarray(2, end);
        pending = pending.subarray(end);
        const id = reply.readUInt16BE(0);
        const asked = waiting.get(id);
        const outcome = asked === undefined ? null : outcomeOf(reply, id, asked.name);
        if (outcome !== null) asked?.finish(outcome);
      }
    });
    socket.on('error', (error) => {
      how = codeOf(error);
    });
    // The other side asks for no more; what is on its way is answered, or closed.
    socket.on('end', gone);
    socket.on('close', () => {
      gone();
      for (const { finish } of [...waiting.values()]) finish(how);
    });
    return socket;
  }
}

const codeOf = (error: NodeJS.ErrnoException): string => (error.code ?? error.message).toLowerCase();

/** null where it is the answer to something else. */
const outcomeOf = (reply: Buffer, id: number, name: string): string | null => {
  const message = decodeMessage(reply);
  if (message instanceof WireFault) return `not DNS: ${message.reason}`;
  const [asked] = message.questions;
  if (message.id !== id || asked === undefined || textFromName(asked.name) !== `${name}.`) return null;
  if (message.rcode !== 0) return rcodeName(message.rcode);
  const [first] = message.answer;
  return first === undefined ? 'NODATA' : (recordToText(first).split(' ').at(-1) ?? '');
};

/** Acts after so long, but behind what has come meanwhile: this process may have stood still. */
const afterReading = (ms: number, act: () => void): (() => void) => {
  let isStopped = false;
  const timer = setTimeout(() => setImmediate(() => setImmediate(() => isStopped || act())), ms);
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
};
