import { MessageView } from '#dns/message-view.ts';
import { foldName, type Name } from '#dns/name.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import {
  type Answer,
  type BlockInfo,
  failure,
  type Next,
  type Peer,
  Provenance,
  Query,
  type Reply,
  type ServerHandle,
  type Services,
  type SourceLimit,
  type Transport,
} from '#plugin/index.ts';
import { acceptMessage, badVersion, isOddClass } from './accept.ts';
import { AnswerMemory } from './answer-memory/memory.ts';
import { recordOf } from './answer-memory/record.ts';
import { type RepeatableReply, repeatableReply } from './answer-memory/repeatable-reply.ts';
import { encodeReply, replyLimit } from './respond.ts';
import { route } from './route.ts';

/** A server block ready to answer; `chain` is null where it has no plugins that do. */
export interface Site {
  readonly zone: Name;
  readonly chain: Next | null;
  readonly block: BlockInfo;
}

/** Where a reply goes. */
export interface ReplySink {
  send(message: Buffer): void;
  /** There is no reply to this query. */
  none(): void;
  /** Takes a reply that may be repeated, after it was sent, where it is remembered elsewhere than in the group's own memory. */
  remember?(reply: RepeatableReply): void;
}

/** What the server tells about queries that no plugin answered for. */
export interface CoreEvents {
  /** A query that was refused or that broke a plugin. `zone` is `dropped`. */
  dropped(query: Query, reply: Answer): void;
  panic(): void;
}

/** Queries that are waited for together. */
interface Wave {
  inFlight: number;
  ended: (() => void) | null;
}

const MAX_LOOKUP_DEPTH = 16;
/** Its number among the threads that count (src/metrics/cells.ts). */
const MAIN_THREAD = 0;
/** Octets of remembered replies for each listening address and thread, where nothing else is said. */
export const MEMORY_OCTETS = 16 * 1024 * 1024;

/** What a group needs besides its zones. */
export interface GroupOptions {
  readonly services: Services;
  readonly events: CoreEvents;
  /** 0: nothing is remembered. */
  readonly memoryOctets: number;
  /** Seed of all question hashes of the process: 32 unpredictable bits. */
  readonly hashSeed: number;
}

/** All that is served on one listening address: its zones, and the memory of its replies. CoreDNS: `dnsserver.Server`. */
export class ServerGroup implements ServerHandle {
  readonly label: string;
  /** What its sources get over UDP, null where there is no limit. */
  readonly sourceLimit: SourceLimit | null;
  /** What TCP and dgram repeat from; made with the first reply for it, as with batches there may never be one. */
  memory: AnswerMemory | null = null;
  /** What each of the memories of its replies may take, here and in listener threads. */
  readonly memoryOctets: number;
  readonly #zones: ReadonlyMap<Name, Site>;
  readonly #services: Services;
  readonly #events: CoreEvents;
  readonly #view: MessageView;
  readonly #takesAnyClass: boolean;
  readonly #isDebug: boolean;
  readonly #isStackLogged: boolean;
  /** Queries on their way; another one from each `drain` on. */
  #wave: Wave = { inFlight: 0, ended: null };

  constructor(label: string, sites: readonly Site[], { services, events, memoryOctets, hashSeed }: GroupOptions) {
    this.label = label;
    this.#zones = new Map(sites.map((site) => [site.zone, site]));
    this.#services = services;
    this.#events = events;
    this.#view = new MessageView(hashSeed);
    const names = new Set(sites.flatMap(({ block }) => block.pluginNames));
    this.#takesAnyClass = names.has('chaos') || names.has('forward');
    this.#isStackLogged = sites.some(({ block }) => block.settings.isStackLogged);
    this.#isDebug = sites.some(({ block }) => block.settings.isDebug);
    this.sourceLimit = sites.find(({ block }) => block.settings.sourceLimit)?.block.settings.sourceLimit?.limit ?? null;
    this.memoryOctets = names.has('view') ? 0 : memoryOctets;
  }

  /** A remembered reply, counted and patched, or null: then `handle` it. */
  recall(bytes: Buffer, isIPv6: boolean, isTcp: boolean): Buffer | null {
    const view = this.#view;
    const { memory } = this;
    if (memory === null || !view.read(bytes, bytes.length, isIPv6, isTcp)) return null;
    const nowMs = this.#services.clock.monotonicMs();
    const found = memory.find(view, nowMs);
    if (found < 0) return null;
    const message = Buffer.allocUnsafe(memory.lengthAt(found));
    memory.write(found, view, nowMs, message, 0);
    return message;
  }

  /** Answers a message through the plugins. The sink is given each reply once, now or later, or never for a message without one. */
  handle(bytes: Buffer, peer: Peer, transport: Transport, sink: ReplySink): void {
    const accepted = acceptMessage(bytes);
    if (accepted.kind === 'rejected') {
      if (accepted.reply === null) sink.none();
      else sink.send(accepted.reply);
      return;
    }
    const { request } = accepted;
    const { generations, clock } = this.#services;
    const query = new Query(
      {
        request,
        peer,
        transport,
        server: this,
        provenance: new Provenance(generations),
        receivedAtMs: clock.monotonicMs(),
      },
      {
        name: foldName(request.question.name),
        type: request.question.type,
        class: request.question.class,
        zone: '' as Name,
        depth: 0,
      },
    );
    if (!this.#takesAnyClass && isOddClass(request)) {
      this.#refuse(query, RCODE.REFUSED, sink);
      return;
    }
    if (request.edns !== null && request.edns.version !== 0) {
      sink.send(badVersion(request));
      return;
    }
    const reply = this.serve(query);
    if (!(reply instanceof Promise)) {
      this.#finish(bytes, query, reply, sink);
      return;
    }
    void this.#finishLater(bytes, query, reply, sink);
  }

  /** Routes to a server block and runs its chain. A plugin that throws makes SERVFAIL, never a rejection. */
  serve(query: Query): Reply | Promise<Reply> {
    if (query.depth > MAX_LOOKUP_DEPTH)
      return failure(RCODE.SERVFAIL, new Error(`internal look-ups nest deeper than ${MAX_LOOKUP_DEPTH}`));
    const site = route(this.#zones, query.name, query.type);
    if (site === null || site.chain === null) {
      const reply = failure(RCODE.REFUSED);
      query.provenance.forbid();
      this.#events.dropped(query, reply);
      return reply;
    }
    query.zone = site.zone;
    try {
      const reply = site.chain(query);
      return reply instanceof Promise ? reply.catch((error: unknown) => this.#panicked(query, error)) : reply;
    } catch (error) {
      return this.#panicked(query, error);
    }
  }

  /** Resolves once the queries that are on their way now have their replies, or after `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    const wave = this.#wave;
    if (wave.inFlight === 0) return;
    // Later ones are not waited for, as there may be later ones for ever.
    this.#wave = { inFlight: 0, ended: null };
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      wave.ended = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #finishLater(bytes: Buffer, query: Query, reply: Promise<Reply>, sink: ReplySink): Promise<void> {
    const wave = this.#wave;
    wave.inFlight++;
    try {
      this.#finish(bytes, query, await reply, sink);
    } finally {
      if (--wave.inFlight === 0) wave.ended?.();
    }
  }

  #finish(bytes: Buffer, query: Query, reply: Reply, sink: ReplySink): void {
    if (reply.kind === 'drop') {
      sink.none();
      return;
    }
    if (reply.kind === 'transfer') {
      this.#refuse(query, RCODE.REFUSED, sink);
      return;
    }
    const message = encodeReply(query.request, reply, replyLimit(query.request, query.transport));
    sink.send(message);
    if (query.provenance.isRepeatable && !reply.isBare) this.#remember(bytes, query, message, sink);
  }

  #remember(bytes: Buffer, query: Query, message: Buffer, sink: ReplySink): void {
    const isCut = ((message[2] as number) & 0x02) !== 0;
    if (this.memoryOctets === 0 || isCut) return;
    if (!this.#view.read(bytes, bytes.length, query.peer.family === 6, query.transport !== 'udp')) return;
    const reply = repeatableReply(this.#view, message, query.provenance, query.udpSizeLimit);
    if (reply === null) return;
    if (sink.remember !== undefined) {
      sink.remember(reply);
      return;
    }
    this.memory ??= this.#makeMemory();
    this.memory.remember(recordOf(reply), 0);
  }

  #makeMemory(): AnswerMemory {
    const { generations, random, metrics } = this.#services;
    const sheet = metrics.cells.sheet(MAIN_THREAD);
    return new AnswerMemory({ generations, random, maxOctets: this.memoryOctets, sheet });
  }

  #refuse(query: Query, rcode: number, sink: ReplySink): void {
    const reply = failure(rcode);
    this.#events.dropped(query, reply);
    sink.send(encodeReply(query.request, reply, replyLimit(query.request, query.transport)));
  }

  #panicked(query: Query, error: unknown): Reply {
    if (this.#isDebug) {
      setImmediate(() => {
        throw error;
      });
    }
    const text = error instanceof Error ? (this.#isStackLogged && error.stack) || error.message : String(error);
    this.#services.log.error(`Recovered from panic in server: "${this.label}" ${text}`);
    this.#events.panic();
    query.provenance.forbid();
    const reply = failure(RCODE.SERVFAIL);
    this.#events.dropped(query, reply);
    return reply;
  }
}
