/** Asks for names that change, as fast as it is answered, and judges every reply: the program of a worker, bundled by run.ts. */
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
/** Polls in vain after which what is still missing counts as lost. */
const PATIENCE = 50;
const MOST_FAULTS = 10;

const VARIANTS: readonly QueryOptions[] = [{}, { udpSize: REPLY_OCTETS }, { udpSize: REPLY_OCTETS, isDnssecOk: true }];
const TEMPLATES = VARIANTS.flatMap((variant) =>
  QUESTIONS.map(({ name, type, object }) => ({ object, bytes: encodeQuery(name, type, variant) })),
);
const QUERY_OCTETS = 128;

const { port, shared, stop, judged } = workerData as LoadStart;
const watermarks = new Watermarks(shared);
const faults: string[] = [];
let next = 0;

/** One socket with its queries on their way, by ID. */
class Asker {
  readonly socket: UdpSocket;
  waiting = 0;
  readonly #libc: Libc;
  readonly #queries = new Uint8Array(WINDOW * QUERY_OCTETS);
  readonly #replies = new Uint8Array(WINDOW * REPLY_OCTETS);
  readonly #server = socketAddress('127.0.0.1', port, 4);
  readonly #out: MessageHeaders;
  readonly #in: MessageHeaders;
  readonly #queriesAt: number;
  /** Object asked for plus one, 0 where the ID is not in use; and the version seen before the query was sent. */
  readonly #objects = new Uint8Array(IDS);
  readonly #least = new Int32Array(IDS);
  #id = 0;

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

  /** Sends as many queries as may be on their way. */
  ask(): void {
    const count = WINDOW - this.waiting;
    for (let i = 0; i < count; i++) {
      const { object, bytes } = TEMPLATES[next++ % TEMPLATES.length] as (typeof TEMPLATES)[number];
      const at = i * QUERY_OCTETS;
      const id = this.#id++ % IDS;
      this.#queries.set(bytes, at);
      this.#queries[at] = id >> 8;
      this.#queries[at + 1] = id & 255;
      this.#out.setData(i, this.#queriesAt + at, bytes.length);
      this.#objects[id] = object + 1;
      this.#least[id] = watermarks.seen(object);
    }
    for (let sent = 0; sent < count; )
      sent += checked(
        this.#libc,
        'sendmmsg',
        this.#libc.sendmmsg(this.socket.fd, this.#out.addressOf(sent), count - sent, MSG_NOSIGNAL),
      );
    this.waiting += count;
  }

  /** Judges the replies that are there. */
  receive(): void {
    const count = this.#libc.recvmmsg(this.socket.fd, this.#in.address, WINDOW, MSG_DONTWAIT, 0);
    for (let i = 0; i < count; i++) {
      const at = i * REPLY_OCTETS;
      const reply = this.#replies.subarray(at, at + this.#in.length(i));
      const id = ((reply[0] as number) << 8) | (reply[1] as number);
      const object = (this.#objects[id] as number) - 1;
      this.#objects[id] = 0;
      const fault =
        object < 0
          ? 'a reply to nothing, or a second one'
          : watermarks.judge(object, this.#least[id] as number, versionIn(reply));
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
let patience = PATIENCE;
for (;;) {
  const isStopping = Atomics.load(stop, 0) !== 0;
  if (!isStopping) for (const asker of askers) asker.ask();
  else if (patience === 0 || askers.every(({ waiting }) => waiting === 0)) break;
  patience = poll.wait(POLL_MS) > 0 ? PATIENCE : patience - 1;
  for (const asker of askers) asker.receive();
}
const lost = askers.reduce((sum, { waiting }) => sum + waiting, 0);
for (const { socket } of askers) socket.close();
parentPort?.postMessage({ faults, lost } satisfies LoadReport);
