import type { Server } from 'node:net';
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

/** A TCP port that another instance of this program may have, too. */
export interface SharedPort {
  /** Leads new connections to that instance, where there is one, and resolves once closing the server resets none. Never rejects. */
  leave(): Promise<void>;
}

/** Opens TCP ports so that another instance of this program may have them at the same time. */
export interface SharedPorts {
  /** Has a server listen. Rejects with the system's word as the error's `code`. */
  listen(server: Server, host: string, port: number): Promise<SharedPort>;
}

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
  /** Where ports are shared with another instance, which takes over from this one or the other way round: TCP ones are opened by this. */
  readonly sharedPorts?: SharedPorts;
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
