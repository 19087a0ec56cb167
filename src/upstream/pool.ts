/** What a pool needs of a connection. */
export interface Poolable {
  /** When it is too old, however busy it is. */
  readonly oldAtMs: number;
  usedAtMs: number;
  close(): void;
}

/** How long idle connections are kept, and how many. 0 is no limit for `maxIdle`. */
export interface PoolLimits {
  readonly expireMs: number;
  readonly maxIdle: number;
}

/** Idle connections of one upstream, the one that was idle longest first (as CoreDNS: it spreads the source ports). */
export class IdlePool<T extends Poolable> {
  readonly #limits: PoolLimits;
  #idle: T[] = [];

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#idle.length;
  }

  /** Takes a connection out, or null. Those that are too old are closed on the way. */
  take(now: number): T | null {
    for (;;) {
      const connection = this.#idle.shift();
      if (connection === undefined) return null;
      if (this.#isFresh(connection, now)) return connection;
      connection.close();
    }
  }

  /** Takes a connection in. False where there are enough, or it is too old: the caller closes it then. */
  give(connection: T, now: number): boolean {
    if (this.#limits.maxIdle > 0 && this.#idle.length >= this.#limits.maxIdle) return false;
    if (now > connection.oldAtMs) return false;
    connection.usedAtMs = now;
    this.#idle.push(connection);
    return true;
  }

  /** Forgets a connection that went away by itself. */
  drop(connection: T): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** Closes what is too old. */
  sweep(now: number): void {
    const old = this.#idle.filter((connection) => !this.#isFresh(connection, now));
    if (old.length === 0) return;
    this.#idle = this.#idle.filter((connection) => this.#isFresh(connection, now));
    for (const connection of old) connection.close();
  }

  close(): void {
    const all = this.#idle;
    this.#idle = [];
    for (const connection of all) connection.close();
  }

  #isFresh({ oldAtMs, usedAtMs }: T, now: number): boolean {
    return now - usedAtMs <= this.#limits.expireMs && now <= oldAtMs;
  }
}
