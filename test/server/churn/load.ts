/** Asks for names that change, at a rate or as fast as it is answered, and judges every reply: the program of a worker, bundled by run.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { MSG_DONTWAIT, MSG_NOSIGNAL } from '#libc/constants.ts';
import { checked } from '#libc/errno.ts';
import { type Libc, loadLibc } from '#libc/libc.ts';
import { MessageHeaders } from '#libc/message-headers.ts';
import { PollSet } from '#libc/poll-set.ts';
import { socketAddress } from '#libc/socket-address.ts';
import { UdpSocket } from '#libc/udp-socket.ts';
import { encodeQuery, type QueryOptions } from '#test/dns-client.ts';
import { QUESTIONS, versionIn } from './changing.ts';
import type { LoadReport, LoadStart } from './load-start.ts';
import { Watermarks } from './watermarks.ts';

/** Sockets, so that the kernel gives every listener thread some. */
const SOCKETS = 8;
/** Queries of a socket that are on their way: all of them fit in the smallest receive buffer. */
const WINDOW = 24;
const IDS = 65_536;
const REPLY_OCTETS = 1232;
const POLL_MS = 100;
const UNASKED = 'a reply to nothing, or a second one';
const LOST_AFTER_MS = 5000;
/** Polls in vain after which what is still missing counts as lost. */
const PATIENCE = 50;
const MOST_FAULTS = 10;

const VARIANTS: readonly QueryOptions[] = [{}, { udpSize: REPLY_OCTETS }, { udpSize: REPLY_OCTETS, isDnssecOk: true }];
const TEMPLATES = VARIANTS.flatMap((variant) =>
  QUESTIONS.map(({ name, type, object }) => ({ name, type, object, bytes: encodeQuery(name, type, variant) })),
);
const QUERY_OCTETS = 128;

const { port, rate, shared, stop, judged } = workerData as LoadStart;
const watermarks = new Watermarks(shared);
const faults: string[] = [];
let late = 0;
let next = 0;

/** One socket with its queries on their way, by ID. */
class Asker {
  readonly socket: UdpSocket;
  waiting = 0;
  /** Queries that were given up. */
  lost = 0;
  readonly #libc: Libc;
  readonly #queries = new Uint8Array(WINDOW * QUERY_OCTETS);
  readonly #replies = new Uint8Array(WINDOW * REPLY_OCTETS);
  readonly #server = socketAddress('127.0.0.1', port, 4);
  readonly #out: MessageHeaders;
  readonly #in: MessageHeaders;
  readonly #queriesAt: number;
  /** Index of the template plus one, 0 where the ID is not in use; and the version seen before the query was sent. */
  readonly #templates = new Uint8Array(IDS);
  readonly #least = new Int32Array(IDS);
  readonly #due = new Int32Array(IDS);
  readonly #sentMs = new Float64Array(IDS);
  #id = 0;
  /** All before it are answered or given up. */
  #oldest = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.socket = UdpSocket.open(libc, { host: '127.0.0.1', port: 0, receiveBufferOctets: 1024 * 1024 });
    this.#out = new MessageHeaders(libc, WINDOW);
    this.#in = new MessageHeaders(libc, WINDOW);
    this.#queriesAt = libc.addressOf(this.#queries);
    const serverAt = libc.addressOf(this.#server);
    const repliesAt = libc.addressOf(this.#replies);
    for (let i = 0; i < WINDOW; i++) {
      this.#out.setName(i, serverAt, this.#server.length);
      this.#in.setData(i, repliesAt + i * REPLY_OCTETS, REPLY_OCTETS);
    }
  }

  /** Sends so many queries, but no more than may be on their way; gives how many. */
  ask(wanted: number): number {
    const nowMs = performance.now();
    this.#giveUp(nowMs);
    const count = Math.min(wanted, WINDOW - this.waiting);
    for (let i = 0; i < count; i++) {
      const template = next++ % TEMPLATES.length;
      const { object, bytes } = TEMPLATES[template] as (typeof TEMPLATES)[number];
      const at = i * QUERY_OCTETS;
      const id = this.#id++ % IDS;
      this.#queries.set(bytes, at);
      this.#queries[at] = id >> 8;
      this.#queries[at + 1] = id & 255;
      this.#out.setData(i, this.#queriesAt + at, bytes.length);
      this.#templates[id] = template + 1;
      this.#sentMs[id] = nowMs;
      this.#least[id] = watermarks.seen(object);
      this.#due[id] = watermarks.due(object);
    }
    for (let sent = 0; sent < count; )
      sent += checked(
        this.#libc,
        'sendmmsg',
        this.#libc.sendmmsg(this.socket.fd, this.#out.addressOf(sent), count - sent, MSG_NOSIGNAL),
      );
    this.waiting += count;
    return count;
  }

  #judge({ name, type, object }: (typeof TEMPLATES)[number], id: number, reply: Uint8Array): string {
    const version = versionIn(reply);
    const fault = watermarks.judge(object, this.#least[id] as number, version);
    if (fault === '' && watermarks.isLate(object, this.#due[id] as number, version)) late++;
    return fault === '' ? '' : `${name} ${type}: ${fault}`;
  }

  /** A query that is not answered must not keep its place for ever. */
  #giveUp(nowMs: number): void {
    for (; this.#oldest < this.#id; this.#oldest++) {
      const id = this.#oldest % IDS;
      if (this.#templates[id] === 0) continue;
      if (nowMs - (this.#sentMs[id] as number) < LOST_AFTER_MS) return;
      this.#templates[id] = 0;
      this.lost++;
      this.waiting--;
    }
  }

  /** Judges the replies that are there. */
  receive(): void {
    const count = this.#libc.recvmmsg(this.socket.fd, this.#in.address, WINDOW, MSG_DONTWAIT, 0);
    for (let i = 0; i < count; i++) {
      const at = i * REPLY_OCTETS;
      const reply = this.#replies.subarray(at, at + this.#in.length(i));
      const id = ((reply[0] as number) << 8) | (reply[1] as number);
      const template = TEMPLATES[(this.#templates[id] as number) - 1];
      this.#templates[id] = 0;
      const fault = template === undefined ? UNASKED : this.#judge(template, id, reply);
      if (fault !== '' && faults.length < MOST_FAULTS) faults.push(fault);
    }
    if (count <= 0) return;
    this.waiting -= count;
    Atomics.add(judged, 0, count);
  }
}

const libc = await loadLibc();
const askers = Array.from({ length: SOCKETS }, () => new Asker(libc));
const poll = new PollSet(
  libc,
  askers.map(({ socket }) => socket.fd),
);
/** At a rate: so often it looks how many queries are due. */
const TICK_MS = 2;
let patience = PATIENCE;
let lastMs = performance.now();
let due = 0;

/** Sends what is due, spread over the sockets. */
const askDue = (): void => {
  const nowMs = performance.now();
  due = Math.min(due + ((nowMs - lastMs) * rate) / 1000, SOCKETS * WINDOW);
  lastMs = nowMs;
  const share = Math.ceil(due / SOCKETS);
  for (const asker of askers) due -= asker.ask(Math.max(0, Math.min(share, Math.floor(due))));
};

for (;;) {
  const isStopping = Atomics.load(stop, 0) !== 0;
  if (!isStopping && rate > 0) askDue();
  else if (!isStopping) for (const asker of askers) asker.ask(WINDOW);
  else if (patience === 0 || askers.every(({ waiting }) => waiting === 0)) break;
  const isAnswered = poll.wait(rate > 0 && !isStopping ? TICK_MS : POLL_MS) > 0;
  patience = isAnswered || !isStopping ? PATIENCE : patience - 1;
  for (const asker of askers) asker.receive();
}
const unanswered = askers.reduce((sum, { waiting, lost }) => sum + waiting + lost, 0);
for (const { socket } of askers) socket.close();
parentPort?.postMessage({ faults, late, lost: unanswered } satisfies LoadReport);
