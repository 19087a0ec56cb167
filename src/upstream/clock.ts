/** What this room needs of time. */
export interface Clock {
  /** Monotonic ms. */
  monotonicMs(): number;
}
