import { RCODE } from '#dns/registry/rcodes.ts';
import type { Answer } from '#plugin/index.ts';
import type { StoreName } from './metrics.ts';
import { isPackedAuthentic, packReply, unpackReply } from './packed-reply.ts';

/** What an item is made from. */
export interface ItemFields {
  /** The store it is kept in. */
  readonly store: StoreName;
  readonly key: string;
  /** All of its records have the TTL of `ttlSeconds`. */
  readonly reply: Answer;
  readonly ttlSeconds: number;
  readonly storedAtMs: number;
  /** Generation slots that the reply stands on, and the generations they had before the data was read. */
  readonly slots: readonly number[];
  readonly seen: readonly number[];
  /** True where the reply answers its question (asked for by `prefer_positive`). */
  readonly isAnswering: boolean;
  /** The answer that this item took the place of without being one (`prefer_positive`). */
  readonly lastKnownGood: Item | null;
}

/**
 * What an item takes beside the characters of its reply and its key, about: the object, its times, its key and reply as texts, its
 * dependencies, its places in the map and the list of its store (bench/micro/cache-memory.ts).
 */
const ITEM_OCTETS = 310;
/** What a list of dependencies takes, and each of them. */
const SLOTS_OCTETS = 64;
const SLOT_OCTETS = 16;

/** A reply as it is kept, with what is known of its use. */
export class Item {
  readonly store: StoreName;
  readonly key: string;
  readonly ttlSeconds: number;
  readonly storedAtMs: number;
  readonly slots: readonly number[];
  readonly seen: readonly number[];
  readonly isAnswering: boolean;
  readonly lastKnownGood: Item | null;
  readonly isServerFailure: boolean;
  /** Memory that it takes, about. */
  readonly octets: number;
  readonly #packed: string;
  /** Its place in the list of its store. */
  place = -1;
  /** True once it, or the one it took the place of, was found to answer from: the name is asked for more than once. */
  isUsed = false;
  /** Hits with no gap longer than `prefetch` says, and when the last was. */
  hits = 0;
  lastHitMs = Number.NEGATIVE_INFINITY;
  /** True once a hit may have been remembered: others may follow that are not seen here, so no gap is one for certain. */
  isRepeated = false;
  /** True while a refresh is under way: there is one at a time. */
  #isRefreshing = false;
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(fields: ItemFields) {
    this.store = fields.store;
    this.key = fields.key;
    this.ttlSeconds = fields.ttlSeconds;
    this.storedAtMs = fields.storedAtMs;
    this.slots = fields.slots.length === 0 ? NO_SLOTS : fields.slots;
    this.seen = fields.slots.length === 0 ? NO_SLOTS : fields.seen;
    this.isAnswering = fields.isAnswering;
    this.lastKnownGood = fields.lastKnownGood;
    this.isServerFailure = fields.reply.rcode === RCODE.SERVFAIL;
    this.#packed = packReply(fields.reply);
    this.octets =
      ITEM_OCTETS +
      this.#packed.length +
      fields.key.length +
      (fields.slots.length === 0 ? 0 : SLOTS_OCTETS + SLOT_OCTETS * fields.slots.length) +
      (fields.lastKnownGood?.octets ?? 0);
  }

  /** Whole seconds since it was stored. */
  ageAt(nowMs: number): number {
    return Math.floor((nowMs - this.storedAtMs) / 1000);
  }

  /** Whole seconds left; 0 or less once it has expired. */
  ttlAt(nowMs: number): number {
    return this.ttlSeconds - this.ageAt(nowMs);
  }

  /**
   * The reply with this TTL on every record. AA is always set, as some resolvers drop a reply without it (CoreDNS:
   * plugin/cache/item.go); AD is set only for who asked for it (RFC 6840, section 5.8).
   */
  replyWith(ttl: number, wantsAuthenticated: boolean): Answer {
    return unpackReply(this.#packed, ttl, wantsAuthenticated && isPackedAuthentic(this.#packed));
  }

  /** Counts a hit for `prefetch`. */
  noteHit(nowMs: number, gapMs: number): void {
    this.hits = !this.isRepeated && this.lastHitMs < nowMs - gapMs ? 1 : this.hits + 1;
    this.lastHitMs = nowMs;
  }

  /** Claims the refresh; false where one is under way or the pause after a failure is not over. */
  beginRefresh(nowMs: number): boolean {
    if (this.#isRefreshing || nowMs < this.#retryAtMs) return false;
    this.#isRefreshing = true;
    return true;
  }

  /** Gives the claim back. After a failure the next one waits `pauseMs`. */
  endRefresh(nowMs: number, pauseMs: number, isRefreshed: boolean): void {
    this.#retryAtMs = isRefreshed || pauseMs === 0 ? Number.NEGATIVE_INFINITY : nowMs + pauseMs;
    this.#isRefreshing = false;
  }
}

const NO_SLOTS: readonly number[] = Object.freeze([]);
