import type { Environment } from '#corefile/environment.ts';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { Generations, type Services, SharedResources, systemClock } from '#plugin/index.ts';
import { PLUGINS } from '#plugins/index.ts';
import { type Configuration, configure } from '#server/configuration.ts';
import { REVISION, VERSION } from './version.ts';

/** Services for a configuration that is only read: what it logs goes nowhere and nothing may be started. */
const idleServices = (isLenient: boolean): Services => ({
  metrics: new Metrics(),
  log: new Log({ write: () => undefined, flush: async () => undefined }),
  generations: new Generations(),
  shared: new SharedResources(),
  clock: systemClock,
  random: Math.random,
  manifestDirectories: [],
  isLenient,
  version: VERSION,
  revision: REVISION,
  configuration: { file: null, read: async () => '' },
  reload: async () => null,
  fatal: () => undefined,
});

export interface DryRunCorefile {
  readonly file: string;
  readonly text: string;
  readonly environment?: Partial<Environment>;
  /** With it a file of upstreams that is not here is a warning. */
  readonly isLenient?: boolean;
}

/** Reads a Corefile as the server would and starts nothing; what is wrong is in `faults`. */
export const dryRun = (corefile: DryRunCorefile, defaultPort = 53): Configuration =>
  configure({
    plugins: PLUGINS,
    services: idleServices(corefile.isLenient ?? false),
    events: { dropped: () => undefined, panic: () => undefined },
    defaultPort,
    defaultHosts: [''],
    memoryOctets: 0,
    ...corefile,
  });
