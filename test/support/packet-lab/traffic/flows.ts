import { createSocket } from 'node:dgram';
import { Socket } from 'node:net';
import { parseAnswer } from './listeners.ts';
import type { Attempt, Flow, Outcome } from './orders.ts';
import type { NamespaceSockets } from './system-calls.ts';

/** The machine's monotonic clock, which all threads read alike. */
export const nowMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;

const SILENT: Outcome = { kind: 'silent' };
const REFUSED: Outcome = { kind: 'refused' };

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

export const outcomeOfError = (error: unknown): Outcome => {
  const code = codeOf(error);
  return code === 'ECONNREFUSED' ? REFUSED : { kind: 'failed', code };
};

/** Sends, at once, the first packet of a new flow and waits for the answer until it is called silent; then the flow is given up. */
export const attempt = async (
  sockets: NamespaceSockets,
  flow: Flow,
  silenceMs: number,
  isSilent?: Promise<void>,
): Promise<Attempt> => {
  const startedMs = nowMs();
  const outcome = await (flow.protocol === 'tcp' ? tryTcp : tryUdp)(sockets, flow, silenceMs, isSilent);
  return { startedMs, outcome };
};

type Try = (sockets: NamespaceSockets, flow: Flow, silenceMs: number, isSilent?: Promise<void>) => Promise<Outcome>;

const tryTcp: Try = (sockets, flow, silenceMs, isSilent) =>
  new Promise((resolve) => {
    let socket: Socket;
    try {
      socket = new Socket({ fd: sockets.connected(flow) });
    } catch (error) {
      return resolve(outcomeOfError(error));
    }
    let text = '';
    const timer = setTimeout(() => end(SILENT), silenceMs);
    const end = (outcome: Outcome): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    void isSilent?.then(() => end(SILENT));
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      text += part;
      if (text.endsWith('\n')) end({ kind: 'answered', by: parseAnswer(text) });
    });
    socket.on('error', (error) => end(outcomeOfError(error)));
    socket.on('end', () => end({ kind: 'failed', code: 'ended without an answer' }));
  });

export const QUESTION = Buffer.from('who?');

const tryUdp: Try = (sockets, flow, silenceMs, isSilent) =>
  new Promise((resolve) => {
    const socket = createSocket({ type: flow.from.includes(':') ? 'udp6' : 'udp4' });
    const timer = setTimeout(() => end(SILENT), silenceMs);
    let isOver = false;
    const end = (outcome: Outcome): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    };
    void isSilent?.then(() => end(SILENT));
    socket.on('message', (message) => end({ kind: 'answered', by: parseAnswer(message.toString()) }));
    socket.on('error', (error) => end(outcomeOfError(error)));
    try {
      const fd = sockets.connected(flow);
      socket.bind({ fd }, () => undefined);
      sockets.send(fd, QUESTION);
    } catch (error) {
      // So a rule of the output hook that drops it is told of; and one that rejects it, which the ICMP message then tells.
      if (codeOf(error) !== 'EPERM') end(outcomeOfError(error));
    }
  });
