import { createSocket } from 'node:dgram';
import { decodeMessage, WireFault } from '#dns/decode.ts';
import { textFromName } from '#dns/name.ts';
import { recordToText } from '#dns/record-text.ts';
import { type Endpoint, encodeQuery, TcpClient } from '#test/dns-client.ts';

/** A question and the answer that is right, as text without TTLs. */
export interface Known {
  readonly name: string;
  readonly type: string;
  readonly rcode: number;
  readonly answer: readonly string[];
}

const PER_SECOND = 2000;
const TICK_MS = 5;
/** Queries without a reply yet. Fewer than a socket's buffer holds: what is lost, the server lost. */
const MAX_OUTSTANDING = 100;

interface Transport {
  send(bytes: Buffer): void;
  close(): void;
}

/** Asks steadily over one socket or connection, and keeps account of every query by its id. */
export class SteadyLoad {
  readonly #questions: readonly Known[];
  readonly #templates: readonly Buffer[];
  readonly #outstanding = new Map<number, number>();
  /** What went wrong, told once each; empty is right. */
  readonly faults = new Set<string>();
  sent = 0;
  answered = 0;
  #transport: Transport | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isOver = false;

  private constructor(questions: readonly Known[]) {
    this.#questions = questions;
    this.#templates = questions.map(({ name, type }) => encodeQuery(name, type, { udpSize: 1232 }));
  }

  static async udp({ address, port }: Endpoint, questions: readonly Known[]): Promise<SteadyLoad> {
    const load = new SteadyLoad(questions);
    const socket = createSocket('udp4');
    socket.on('message', (bytes) => load.#reply(bytes));
    socket.on('error', (error) => load.faults.add(error.message));
    await new Promise<void>((resolve) => socket.connect(port, address, resolve));
    load.#transport = { send: (bytes) => socket.send(bytes), close: () => void socket.close() };
    return load;
  }

  static async tcp(endpoint: Endpoint, questions: readonly Known[]): Promise<SteadyLoad> {
    const load = new SteadyLoad(questions);
    const client = await TcpClient.open(endpoint);
    const read = async (): Promise<void> => {
      for (let frame = await client.next(); frame !== null; frame = await client.next()) load.#reply(frame);
      if (!load.#isOver) load.faults.add('the connection was closed');
    };
    void read();
    load.#transport = client;
    return load;
  }

  /** Asks from now on. */
  start(): this {
    let due = 0;
    let lastMs = performance.now();
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      due = Math.min(due + ((nowMs - lastMs) * PER_SECOND) / 1000, MAX_OUTSTANDING);
      lastMs = nowMs;
      for (; due >= 1 && this.#outstanding.size < MAX_OUTSTANDING; due--) this.#ask();
    }, TICK_MS);
    return this;
  }

  /** Asks no more; the queries on their way may still be answered. */
  pause(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  get outstanding(): number {
    return this.#outstanding.size;
  }

  close(): void {
    this.pause();
    this.#isOver = true;
    this.#transport?.close();
  }

  #ask(): void {
    const id = this.sent & 0xffff;
    const index = this.sent % this.#templates.length;
    const query = Buffer.from(this.#templates[index] as Buffer);
    query.writeUInt16BE(id, 0);
    this.#outstanding.set(id, index);
    this.sent++;
    this.#transport?.send(query);
  }

  #reply(bytes: Buffer): void {
    const id = bytes.readUInt16BE(0);
    const index = this.#outstanding.get(id);
    if (index === undefined) return void this.faults.add('a reply to nothing, or a second one');
    this.#outstanding.delete(id);
    this.answered++;
    const fault = faultOf(bytes, this.#questions[index] as Known);
    if (fault !== '') this.faults.add(fault);
  }
}

const faultOf = (bytes: Buffer, { name, type, rcode, answer }: Known): string => {
  const message = decodeMessage(bytes);
  if (message instanceof WireFault) return `${name} ${type}: ${message.reason}`;
  const asked = message.questions[0];
  if (asked === undefined || textFromName(asked.name) !== name) return `${name} ${type}: a reply to another question`;
  if (message.rcode !== rcode) return `${name} ${type}: rcode ${message.rcode}`;
  const found = message.answer.map((record) => recordToText(record).replace(/ \d+/, '')).sort();
  return found.join('\n') === answer.join('\n') ? '' : `${name} ${type}: ${found.join(', ')}`;
};
