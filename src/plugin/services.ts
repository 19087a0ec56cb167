import type { Log } from '#log/log.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { Generations } from './generations.ts';
import type { SharedResources } from './shared.ts';

/** Time as plugins see it; a test gives its own. */
export interface Clock {
  /** Monotonic ms, as `performance.now()`. */
  monotonicMs(): number;
  /** ms since 1970, as `Date.now()`. */
  wallMs(): number;
}

export const systemClock: Clock = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };

/** What belongs to the process and outlives a configuration. */
export interface Services {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly generations: Generations;
  readonly shared: SharedResources;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Directories of `-manifests`; empty with a real cluster. */
  readonly manifestDirectories: readonly string[];
  /** With `-manifests`: a missing resolv.conf or a busy health, ready or metrics port is a warning. */
  readonly isLenient: boolean;
  /** True where UDP is to be done without system calls of our own (`-udp-listener dgram`). */
  readonly isDgramOnly?: boolean;
  /** Program name and version, for build_info, chaos and the User-Agent. */
  readonly version: string;
  /** Commit it was built from, '' where that is not known. */
  readonly revision: string;
  /** Reads the Corefile again; null where it came from standard input or is the built-in one. */
  readonly configuration: { readonly file: string | null; read(): Promise<string> };
  /** Asks for a reload with this reason; resolves to null where it worked, else to why not. The old configuration then goes on. */
  reload(): Promise<Error | null>;
  /** Ends the process with a last line on standard error (CoreDNS's `log.Fatalf`). */
  fatal(message: string): void;
}
