/** A listener thread: the program of a worker. It takes queries from its sockets, answers those it remembers, and hands the others over. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { MessageView } from '#dns/message-view.ts';
import { type Libc, loadLibc } from '#libc/libc.ts';
import { CONTROL_OCTETS, SOCKADDR_OCTETS } from '#libc/message-headers.ts';
import { turnAround } from '#libc/packet-info.ts';
import { PollSet } from '#libc/poll-set.ts';
import { addressStart, isIPv4Peer } from '#libc/socket-address.ts';
import { WakeEvent } from '#libc/wake-event.ts';
import { Generations } from '#plugin/generations.ts';
import { AnswerMemory } from '../../answer-memory/memory.ts';
import { type SharedLimit, SourceLimiter } from '../../source-limit/source-limiter.ts';
import { TRUNCATED_OCTETS } from '../../source-limit/truncated-reply.ts';
import { QueryRing } from './query-ring.ts';
import { BATCH, Receiver } from './receiver.ts';
import { MAX_TAUGHT_OCTETS, ReplyRing } from './reply-ring.ts';
import { Sender } from './sender.ts';
import {
  COUNT,
  type CountName,
  type ThreadCommand,
  type ThreadReport,
  type ThreadSocket,
  type ThreadStart,
} from './thread-start.ts';

/** A thread looks whether it is to end at least this often, whatever becomes of its eventfd. */
const POLL_LIMIT_MS = 1000;
/** Full batches taken from one socket before the others are looked at. */
const TURNS = 16;
/** Times so many that empty a socket: more than its receive buffer holds. */
const EMPTYING_ROUNDS = 16;
const ONE = Uint8Array.of(1);

interface Served extends ThreadSocket {
  readonly memory: AnswerMemory | null;
  limiter: SourceLimiter | null;
}

class ListenerThread {
  readonly #libc: Libc;
  readonly #start: ThreadStart;
  readonly #wake: WakeEvent;
  readonly #queries: QueryRing;
  readonly #replies: ReplyRing;
  readonly #receiver: Receiver;
  readonly #sender: Sender;
  readonly #view: MessageView;
  readonly #generations: Generations;
  #poll: PollSet;
  /** What to add to this thread's `performance.now()` to have main's. */
  readonly #clockOffsetMs: number;
  #sockets: Served[] = [];

  constructor(libc: Libc, start: ThreadStart) {
    this.#libc = libc;
    this.#start = start;
    this.#wake = new WakeEvent(libc, start.wakeFd);
    this.#queries = new QueryRing(start.queries);
    this.#replies = new ReplyRing(start.replies);
    this.#receiver = new Receiver(libc);
    this.#sender = new Sender(libc, BATCH, BATCH * MAX_TAUGHT_OCTETS);
    this.#view = new MessageView(start.hashSeed);
    this.#generations = new Generations(16, start.generations);
    const machineMs = Number(process.hrtime.bigint()) / 1e6;
    this.#clockOffsetMs = start.clockZeroMs + machineMs - performance.now();
    for (const socket of start.sockets) this.#add(socket);
    this.#poll = this.#pollSet();
  }

  run(): void {
    const { stop } = this.#start;
    while (Atomics.load(stop, 0) === 0) {
      if (this.#poll.wait(POLL_LIMIT_MS) <= 0) continue;
      this.#learn();
      const sockets = this.#sockets;
      for (let i = 0; i < sockets.length; i++) if (this.#poll.isReady(i + 1)) this.#serve(sockets[i] as Served);
      if (this.#poll.isReady(0)) this.#obey();
    }
  }

  /** The eventfd is the first. */
  #pollSet(): PollSet {
    return new PollSet(this.#libc, [this.#start.wakeFd, ...this.#sockets.map(({ fd }) => fd)]);
  }

  #add(socket: ThreadSocket): void {
    const { sheet } = this.#start;
    const memory =
      socket.memoryOctets > 0
        ? new AnswerMemory({
            generations: this.#generations,
            random: Math.random,
            maxOctets: socket.memoryOctets,
            sheet,
          })
        : null;
    this.#sockets.push({ ...socket, memory, limiter: this.#limiterOf(socket.limit) });
  }

  #limiterOf(limit: SharedLimit | null): SourceLimiter | null {
    return limit === null ? null : new SourceLimiter(limit, this.#start.sheet);
  }

  #obey(): void {
    this.#wake.clear();
    if (parentPort === null) return;
    for (let next = receiveMessageOnPort(parentPort); next !== undefined; next = receiveMessageOnPort(parentPort)) {
      const command = next.message as ThreadCommand;
      if (command.kind === 'add') this.#add(command.socket);
      else if (command.kind === 'remove') this.#remove(command.socket);
      else
        for (const socket of this.#sockets)
          if (socket.number === command.socket) socket.limiter = this.#limiterOf(command.limit);
    }
    this.#poll = this.#pollSet();
  }

  #remove(number: number): void {
    for (const socket of this.#sockets) {
      // What still comes in while it is read must not keep it from being let go.
      for (let rounds = EMPTYING_ROUNDS; socket.number === number && rounds > 0; rounds--)
        if (!this.#serve(socket)) break;
    }
    this.#sockets = this.#sockets.filter((socket) => socket.number !== number);
    report({ kind: 'removed', socket: number });
  }

  /** Takes over the replies that main has found to be repeatable. */
  #learn(): void {
    const hasLearnt = this.#replies.take((address, records, start) => {
      for (const { number, memory } of this.#sockets) if (number === address) memory?.remember(records, start);
    });
    if (hasLearnt) this.#start.counts[COUNT.memoryOctets] = this.#memoryOctets();
  }

  #memoryOctets(): number {
    let octets = 0;
    for (const { memory } of this.#sockets) octets += memory?.octets ?? 0;
    return octets;
  }

  #nowMs(): number {
    const { clock } = this.#start;
    return clock === null ? performance.now() + this.#clockOffsetMs : (clock[0] as number);
  }

  /** Answers what waits in a socket; true where it stopped before it had seen the end. */
  #serve(socket: Served): boolean {
    const { counts } = this.#start;
    const handedBefore = counts[COUNT.handed] as number;
    let isMore = true;
    for (let turn = 0; turn < TURNS && isMore; turn++) {
      const count = this.#receiver.receive(socket.fd);
      if (count > 0) this.#answer(socket, count);
      isMore = count === BATCH;
    }
    if (counts[COUNT.handed] !== handedBefore && this.#queries.signal()) this.#libc.write(this.#start.mainFd, ONE, 1);
    return isMore;
  }

  #answer(socket: Served, count: number): void {
    const { memory, limiter } = socket;
    const receiver = this.#receiver;
    const { headers, names, controls, slots } = receiver;
    const sender = this.#sender;
    const view = this.#view;
    const nowMs = this.#nowMs();
    let slipped = 0;
    let limited = 0;
    limiter?.begin(nowMs);
    this.#queries.begin(nowMs);
    for (let i = 0; i < count; i++) {
      const octets = headers.length(i);
      const bytes = slots[i] as Uint8Array;
      const controlOctets = headers.controlOctets(i);
      if (controlOctets > 0) turnAround(controls, i * CONTROL_OCTETS, controlOctets);
      const isIPv6 = !isIPv4Peer(names, i * SOCKADDR_OCTETS);
      if (limiter !== null && !limiter.admits(names, addressStart(names, i * SOCKADDR_OCTETS), isIPv6 ? 16 : 4)) {
        const start = sender.room(TRUNCATED_OCTETS);
        const length = limiter.refuse(bytes, octets, sender.octets, start);
        if (length > 0) {
          sender.add(length, receiver.nameAddress(i), headers.nameOctets(i), receiver.controlAddress(i), controlOctets);
          slipped++;
        }
        limited++;
        continue;
      }
      if (memory !== null && !receiver.isCut(i)) {
        const found = view.read(bytes, octets, isIPv6, false) ? memory.find(view, nowMs) : -1;
        if (found >= 0) {
          const length = memory.lengthAt(found);
          memory.write(found, view, nowMs, sender.octets, sender.room(length));
          sender.add(length, receiver.nameAddress(i), headers.nameOctets(i), receiver.controlAddress(i), controlOctets);
          continue;
        }
      }
      const isHanded = this.#queries.hand(socket.number, i, bytes, octets, receiver, headers);
      this.#count(isHanded ? 'handed' : 'dropped', 1);
    }
    const answered = sender.count;
    const failures = answered > 0 ? sender.flush(socket.fd) : 0;
    receiver.rearm(count);
    this.#count('received', count);
    this.#count('remembered', answered - slipped);
    this.#count('limited', limited);
    this.#count('batches', 1);
    this.#count('sendFailures', failures);
  }

  #count(what: CountName, more: number): void {
    const { counts } = this.#start;
    counts[COUNT[what]] = (counts[COUNT[what]] as number) + more;
  }
}

const report = (what: ThreadReport): void => parentPort?.postMessage(what);

const thread = new ListenerThread(await loadLibc(), workerData as ThreadStart);
report({ kind: 'ready' });
thread.run();
