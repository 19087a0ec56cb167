import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { Generations, type Services, SharedResources, systemClock } from '#plugin/index.ts';
import { PLUGINS } from '#plugins/index.ts';
import { type Configuration, configure } from '#server/configuration.ts';
import { REVISION, VERSION } from './version.ts';

/** Services for a configuration that is only read: what it logs goes nowhere and nothing may be started. */
const idleServices = (): Services => ({
  metrics: new Metrics(),
  log: new Log({ write: () => undefined, flush: async () => undefined }),
  generations: new Generations(),
  shared: new SharedResources(),
  clock: systemClock,
  random: Math.random,
  manifestDirectories: [],
  isLenient: false,
  version: VERSION,
  revision: REVISION,
  configuration: { file: null, read: async () => '' },
  reload: async () => null,
  fatal: () => undefined,
});

/** Reads a Corefile as the server would and starts nothing; what is wrong is in `faults`. */
export const dryRun = (corefile: { readonly file: string; readonly text: string }, defaultPort = 53): Configuration =>
  configure({
    plugins: PLUGINS,
    services: idleServices(),
    events: { dropped: () => undefined, panic: () => undefined },
    defaultPort,
    defaultHosts: [''],
    memoryOctets: 0,
    ...corefile,
  });
