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

const USUAL_PER_SECOND = 2000;
const TICK_MS = 5;
/** Queries without a reply yet. Fewer than a socket's buffer holds: what is lost, the server lost. */
const MAX_OUTSTANDING = 100;

/** A query without a reply yet. */
interface Outstanding {
  /** Its place among all, from 0. */
  readonly number: number;
  readonly sentMs: number;
}

interface Transport {
  send(bytes: Buffer): void;
  close(): void;
}

/** Asks steadily over one socket or connection, and keeps account of every query by its id. */
export class SteadyLoad {
  readonly #questions: readonly Known[];
  readonly #templates: readonly Buffer[];
  readonly #outstanding = new Map<number, Outstanding>();
  readonly #perSecond: number;
  /** What went wrong, told once each; empty is right. */
  readonly faults = new Set<string>();
  sent = 0;
  answered = 0;
  #transport: Transport | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isOver = false;
  #lastAnswered = -1;
  #isEndExpected = false;
  #endedMs: number | null = null;

  private constructor(questions: readonly Known[], perSecond: number) {
    this.#questions = questions;
    this.#perSecond = perSecond;
    this.#templates = questions.map(({ name, type }) => encodeQuery(name, type, { udpSize: 1232 }));
  }

  static async udp(
    { address, port }: Endpoint,
    questions: readonly Known[],
    perSecond = USUAL_PER_SECOND,
  ): Promise<SteadyLoad> {
    const load = new SteadyLoad(questions, perSecond);
    const socket = createSocket('udp4');
    socket.on('message', (bytes) => load.#reply(bytes));
    socket.on('error', (error) => load.#ended(error.message));
    await new Promise<void>((resolve) => socket.connect(port, address, resolve));
    load.#transport = { send: (bytes) => socket.send(bytes), close: () => void socket.close() };
    return load;
  }

  static async tcp(endpoint: Endpoint, questions: readonly Known[], perSecond = USUAL_PER_SECOND): Promise<SteadyLoad> {
    const load = new SteadyLoad(questions, perSecond);
    const client = await TcpClient.open(endpoint);
    // What counts as sent has left: a query is not kept back until another one is acknowledged.
    client.socket.setNoDelay(true);
    client.socket.on('end', () => load.#ended('the connection was closed'));
    client.socket.on('error', (error) => load.faults.add(error.message));
    const read = async (): Promise<void> => {
      for (let frame = await client.next(); frame !== null; frame = await client.next()) load.#reply(frame);
      load.#ended('the connection was closed');
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
      due = Math.min(due + ((nowMs - lastMs) * this.#perSecond) / 1000, MAX_OUTSTANDING);
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

  /** Of these, how many were sent before this moment of `performance.now()`. */
  outstandingSince(beforeMs: number): number {
    return [...this.#outstanding.values()].filter(({ sentMs }) => sentMs < beforeMs).length;
  }

  /** Queries without a reply that were sent before one that has its own. */
  get passedOver(): number {
    return [...this.#outstanding.values()].filter(({ number }) => number < this.#lastAnswered).length;
  }

  /** From now on the server may refuse to be asked or end the connection: then this asks no more. */
  expectEnd(): void {
    this.#isEndExpected = true;
  }

  /** The moment at which the server was found to have ended, or null. */
  get endedMs(): number | null {
    return this.#endedMs;
  }

  close(): void {
    if (this.#isOver) return;
    this.pause();
    this.#isOver = true;
    this.#transport?.close();
  }

  #ended(how: string): void {
    if (this.#isOver) return;
    if (!this.#isEndExpected) this.faults.add(how);
    this.#endedMs ??= performance.now();
    this.pause();
  }

  #ask(): void {
    const id = this.sent & 0xffff;
    const query = Buffer.from(this.#templates[this.sent % this.#templates.length] as Buffer);
    query.writeUInt16BE(id, 0);
    this.#outstanding.set(id, { number: this.sent, sentMs: performance.now() });
    this.sent++;
    this.#transport?.send(query);
  }

  #reply(bytes: Buffer): void {
    const id = bytes.readUInt16BE(0);
    const query = this.#outstanding.get(id);
    if (query === undefined) return void this.faults.add('a reply to nothing, or a second one');
    this.#outstanding.delete(id);
    this.#lastAnswered = Math.max(this.#lastAnswered, query.number);
    this.answered++;
    const fault = faultOf(bytes, this.#questions[query.number % this.#questions.length] as Known);
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
