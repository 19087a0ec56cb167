import { createSocket } from 'node:dgram';
import { FLAG } from '#dns/decode.ts';
import { encodeMessage } from '#dns/encode.ts';
import type { WireName } from '#dns/name.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';

export interface ProbeTarget {
  /** The address that is listened on; '' or an unspecified one is asked over loopback. */
  readonly host: string;
  readonly port: number;
  readonly name: WireName;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 2000;
const UNSPECIFIED: Readonly<Record<string, string>> = { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '::1' };

/** Sends one HINFO query over UDP and says whether there was a reply, whatever it says. Never rejects. */
export const askItself = ({ host, port, name, signal, timeoutMs = TIMEOUT_MS }: ProbeTarget): Promise<boolean> => {
  const address = UNSPECIFIED[host] ?? host;
  const id = Math.floor(Math.random() * 0x1_0000);
  const message = encodeMessage(
    {
      id,
      flags: FLAG.RD,
      opcode: 0,
      rcode: 0,
      question: { name, type: RR_TYPE.HINFO, class: CLASS.IN },
      answer: [],
      authority: [],
      additional: [],
      opt: null,
    },
    512,
  );
  const octets = Buffer.from(message);
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const end = (isAnswered: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', fail);
      socket.removeAllListeners();
      socket.close();
      resolve(isAnswered);
    };
    const fail = (): void => end(false);
    const timer = setTimeout(fail, timeoutMs);
    if (signal.aborted) return end(false);
    signal.addEventListener('abort', fail);
    socket.once('error', fail);
    socket.on('message', (reply) => {
      if (reply.length >= 2 && reply.readUInt16BE(0) === id) end(true);
    });
    socket.connect(port, address, (error?: Error) => {
      if (error) return end(false);
      socket.send(octets);
    });
  });
};
