/** What the probe of a server's event loop is asked: what it has seen, and, with `begin`, to begin anew then. */
export type LoopQuestion = 'begin' | 'tell';

/** Delays of an event loop, ms. */
export interface LoopDelays {
  readonly looks: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}
