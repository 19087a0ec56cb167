/** What the load is started with. */
export interface LoadStart {
  readonly port: number;
  /** Queries a second; 0: as fast as it is answered. */
  readonly rate: number;
  /** Of its watermarks. */
  readonly shared: SharedArrayBuffer;
  /** Not 0: end. */
  readonly stop: Int32Array;
  /** Replies judged so far. */
  readonly judged: Int32Array;
}

/** What it says at its end. */
export interface LoadReport {
  /** Replies that must not have been, at most ten of them. */
  readonly faults: readonly string[];
  /** Replies that were right once, and later than was to be expected. */
  readonly late: number;
  /** Queries without a reply. */
  readonly lost: number;
}
