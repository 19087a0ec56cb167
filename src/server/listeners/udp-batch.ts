import { UdpSocket } from '#libc/udp-socket.ts';
import type { Generations, Services } from '#plugin/index.ts';
import type { RepeatableReply } from '../answer-memory/repeatable-reply.ts';
import type { ReplySink, ServerGroup } from '../server-group.ts';
import { LimitKeeper } from '../source-limit/limit-keeper.ts';
import { BatchPeer } from './batch/batch-peer.ts';
import type { BatchThreads, HandedQueries } from './batch/batch-threads.ts';
import type { ListenerThread } from './batch/listener-thread.ts';
import type { HandedQuery } from './batch/query-ring.ts';
import { ReplyQueue } from './batch/reply-queue.ts';
import { addressText, type ListenAddress, type Listener, listenError } from './listener.ts';

const RECEIVE_BUFFER_OCTETS = 4 * 1024 * 1024;
/** A datagram that was on its way into a socket while new ones were turned away has arrived by then. */
const SETTLES_MS = 50;

/** What a UDP listener needs of the process. */
export type UdpServices = Pick<Services, 'metrics' | 'clock' | 'generations'>;

/**
 * UDP by batches: one socket a thread, each answering what it remembers; the rest comes here. The sockets belong to this listener and
 * outlive threads and configurations.
 */
export class UdpBatchListener implements Listener, HandedQueries {
  readonly #threads: BatchThreads;
  readonly #address: ListenAddress;
  readonly #generations: Generations;
  readonly #limit: LimitKeeper;
  /** Moves when another configuration is served, so that what threads remember of the last one is forgotten. */
  readonly #slot: number;
  readonly #sockets: UdpSocket[] = [];
  readonly #number: number;
  readonly #replies: ReplyQueue;
  #drops = 0;
  #isRetired = false;
  #isClosed = false;
  #group: ServerGroup | null = null;

  private constructor(address: ListenAddress, threads: BatchThreads, { generations, metrics, clock }: UdpServices) {
    this.#address = address;
    this.#threads = threads;
    this.#generations = generations;
    this.#limit = new LimitKeeper({ metrics, clock });
    this.#slot = generations.slotOf(`listener/${addressText(address)}`);
    try {
      for (const _thread of threads.threads) this.#open();
    } catch (error) {
      for (const socket of this.#sockets) socket.close();
      throw error;
    }
    const { fd } = this.#sockets[0] as UdpSocket;
    this.#replies = new ReplyQueue(threads.libc, fd, (failures) => threads.metrics.sendFailures.add(failures));
    this.#number = threads.register(this);
  }

  /** Binds a socket for every thread; throws the reason where it can't. Nothing is read before `serve`. */
  static open(address: ListenAddress, threads: BatchThreads, services: UdpServices): UdpBatchListener {
    return new UdpBatchListener(address, threads, services);
  }

  get port(): number {
    return (this.#sockets[0] as UdpSocket).port;
  }

  get drops(): number {
    return this.#drops + this.#sockets.reduce((sum, socket) => sum + socket.drops, 0);
  }

  serve(group: ServerGroup): void {
    const isFirst = this.#group === null;
    this.#group = group;
    this.#generations.bump(this.#slot);
    const isOtherLimit = this.#limit.change(group.sourceLimit, group.label);
    for (const thread of this.#threads.threads) {
      if (isFirst) this.#hand(thread);
      else if (isOtherLimit) thread.limit(this.#number, this.#limit.current);
    }
  }

  handle(query: HandedQuery, thread: ListenerThread): void {
    const group = this.#group;
    if (group === null) {
      thread.queries.done();
      return;
    }
    const peer = new BatchPeer(query, this.#address.host, this.port);
    group.handle(query.message, peer, 'udp', new BatchSink(this, group, query, thread));
  }

  flush(): void {
    this.#replies.flush();
  }

  reply(query: HandedQuery, message: Buffer): void {
    if (!this.#isClosed) this.#replies.add(query, message);
  }

  /** Has a thread remember a reply, unless its configuration has gone since. */
  teach(thread: ListenerThread, group: ServerGroup, reply: RepeatableReply): void {
    if (group !== this.#group) return;
    const slots = [...reply.slots, this.#slot];
    const seen = [...reply.seen, this.#generations.at(this.#slot)];
    thread.replies.teach(this.#number, { ...reply, slots, seen });
  }

  addThread(thread: ListenerThread): void {
    this.#open();
    if (this.#group !== null) this.#hand(thread);
  }

  async keepThreads(count: number): Promise<void> {
    const going = this.#sockets.slice(count);
    if (going.length === 0) return;
    // Not by a program that chooses (SO_ATTACH_REUSEPORT_CBPF): it would choose among the sockets of another instance, too.
    for (const socket of going) socket.refuse();
    await new Promise((resolve) => setTimeout(resolve, SETTLES_MS));
    await Promise.all(this.#threads.threads.slice(count).map((thread) => thread.remove(this.#number)));
    for (const socket of going) this.#close(socket);
    this.#sockets.length = count;
  }

  async retire(): Promise<void> {
    if (this.#isRetired) return;
    this.#isRetired = true;
    for (const socket of this.#sockets) socket.refuse();
    await new Promise((resolve) => setTimeout(resolve, SETTLES_MS));
    await this.#empty();
  }

  async close(): Promise<void> {
    if (!this.#isRetired) await this.#empty();
    this.flush();
    // From here on its sockets' numbers may belong to others.
    this.#isClosed = true;
    this.#threads.forget(this.#number);
    for (const socket of this.#sockets) this.#close(socket);
  }

  /** Has the threads read what there is and let go of the sockets, and handles what they hand over. */
  async #empty(): Promise<void> {
    if (this.#group !== null) await Promise.all(this.#threads.threads.map((thread) => thread.remove(this.#number)));
    this.#threads.drainAll();
  }

  #open(): void {
    const { host } = this.#address;
    const port = this.#sockets[0]?.port ?? this.#address.port;
    try {
      this.#sockets.push(
        UdpSocket.open(this.#threads.libc, { host, port, receiveBufferOctets: RECEIVE_BUFFER_OCTETS }),
      );
    } catch (error) {
      throw listenError('udp', { host, port }, error);
    }
  }

  #close(socket: UdpSocket): void {
    this.#drops += socket.drops;
    socket.close();
  }

  #hand(thread: ListenerThread): void {
    const { fd } = this.#sockets[thread.number - 1] as UdpSocket;
    const memoryOctets = this.#group?.memoryOctets ?? 0;
    thread.add({ number: this.#number, fd, memoryOctets, limit: this.#limit.current });
  }
}

/** Where the reply to one handed query goes. */
class BatchSink implements ReplySink {
  readonly #listener: UdpBatchListener;
  readonly #group: ServerGroup;
  readonly #query: HandedQuery;
  readonly #thread: ListenerThread;

  constructor(listener: UdpBatchListener, group: ServerGroup, query: HandedQuery, thread: ListenerThread) {
    this.#listener = listener;
    this.#group = group;
    this.#query = query;
    this.#thread = thread;
  }

  send(message: Buffer): void {
    this.#listener.reply(this.#query, message);
    this.#thread.queries.done();
  }

  none(): void {
    this.#thread.queries.done();
  }

  remember(reply: RepeatableReply): void {
    this.#listener.teach(this.#thread, this.#group, reply);
  }
}
