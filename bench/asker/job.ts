/** What one run of the asker is to do; its one argument, as JSON. */
export interface AskerJob {
  readonly port: number;
  /** dnsperf's form: NAME TYPE, a line each; asked in turn, and from the start again. */
  readonly queryFile: string;
  /** Queries a second. */
  readonly rate: number;
  /** For how long it asks after WARM_UP_MS, at the most; it also ends when its standard input does. */
  readonly seconds: number;
  readonly isTcp: boolean;
  /** EDNS UDP size; 0: no OPT. */
  readonly udpSize: number;
  /** Sockets or connections to spread the queries over. */
  readonly clients: number;
}

/** What it prints, as JSON. Times are microseconds. */
export interface AskerReport {
  /** Counts include the warm-up, times do not. */
  readonly asked: number;
  readonly answered: number;
  /** From when a query was due to when its reply was there; one without a reply counts as LOST_AFTER_MS. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** How much later than it was due a query left, p99.9: what of the above may be the asker's own doing. */
  readonly late999: number;
  /** Replies by RCODE number. */
  readonly rcodes: readonly number[];
  readonly truncated: number;
  readonly withAnswer: number;
}

/** A query that is not answered by then is lost. */
export const LOST_AFTER_MS = 1000;

/** So long the asker's own code is being compiled, and it asks late. */
export const WARM_UP_MS = 300;
