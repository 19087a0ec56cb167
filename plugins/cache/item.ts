import { RCODE } from '#dns/registry/rcodes.ts';
import { Answer } from '#plugin/index.ts';
import type { StoreName } from './metrics.ts';
import { withTtl } from './ttl.ts';

/** What an item is made from. */
export interface ItemFields {
  /** The store it is kept in. */
  readonly store: StoreName;
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

/** What a record takes beside the octets of its owner and its RDATA, about: two objects, and a copy with the TTL of the last hit. */
const RECORD_OCTETS = 250;
/** What an item takes beside its records, about. */
const ITEM_OCTETS = 700;

/** A reply as it is kept, with what is known of its use. */
export class Item {
  readonly store: StoreName;
  readonly ttlSeconds: number;
  readonly storedAtMs: number;
  readonly slots: readonly number[];
  readonly seen: readonly number[];
  readonly isAnswering: boolean;
  readonly lastKnownGood: Item | null;
  readonly isServerFailure: boolean;
  /** Memory that it takes, about. */
  readonly octets: number;
  readonly #reply: Answer;
  /** The reply of this second, as made last; hits within one second share it. */
  #plain: Answer | null = null;
  #authenticated: Answer | null = null;
  #lastTtl = -1;
  /** Where its store notes its key. */
  place = -1;
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
    this.ttlSeconds = fields.ttlSeconds;
    this.storedAtMs = fields.storedAtMs;
    this.slots = fields.slots;
    this.seen = fields.seen;
    this.isAnswering = fields.isAnswering;
    this.lastKnownGood = fields.lastKnownGood;
    this.isServerFailure = fields.reply.rcode === RCODE.SERVFAIL;
    this.#reply = fields.reply;
    this.octets = octetsOf(fields.reply) + (fields.lastKnownGood?.octets ?? 0);
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
    if (ttl !== this.#lastTtl) {
      this.#lastTtl = ttl;
      this.#plain = this.#authenticated = null;
    }
    if (wantsAuthenticated && this.#reply.isAuthenticData) {
      this.#authenticated ??= this.#make(ttl, true);
      return this.#authenticated;
    }
    this.#plain ??= this.#make(ttl, false);
    return this.#plain;
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

  #make(ttl: number, isAuthenticData: boolean): Answer {
    const { rcode, isRecursionAvailable, answer, authority, additional } = this.#reply;
    return new Answer({
      rcode,
      isAuthoritative: true,
      isRecursionAvailable,
      isAuthenticData,
      answer: withTtl(answer, ttl),
      authority: withTtl(authority, ttl),
      additional: withTtl(additional, ttl),
    });
  }
}

const octetsOf = ({ answer, authority, additional }: Answer): number => {
  let octets = ITEM_OCTETS;
  for (const section of [answer, authority, additional])
    for (const { owner, rdata } of section) octets += RECORD_OCTETS + owner.length + rdata.length;
  return octets;
};
