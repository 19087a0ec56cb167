/** What a load process is told, and tells: plain values, as they cross to it. */

/** `udp`, `tcp`: each query by a socket of its own. `kept`: over one connection, opened again when it is lost. */
export type Transport = 'udp' | 'tcp' | 'kept';

/** Queries at a steady rate of one client. */
export interface Stream {
  readonly address: string;
  readonly transport: Transport;
  readonly perSecond: number;
  /** Asked in turn, for an A record. In place of `{n}` stands a number that no other query has. */
  readonly names: readonly string[];
}

/** What became of one query. */
export interface Fate {
  /** Place of its stream in the order. */
  readonly stream: number;
  readonly name: string;
  /** ms of the machine's monotonic clock. */
  readonly sentMs: number;
  readonly tookMs: number;
  /** The address that was answered, or an RCODE; `lost` or how it was lost in small letters. */
  readonly outcome: string;
}

export type Order =
  | { readonly kind: 'start'; readonly id: number; readonly streams: readonly Stream[]; readonly lostMs: number }
  /** Asks no more, waits until all is answered or lost, and tells. */
  | { readonly kind: 'stop'; readonly id: number };

export interface Told {
  readonly id: number;
  readonly fates: readonly Fate[];
}

/** ms of the machine's monotonic clock, the same in all its processes. */
export const machineMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;
