import { faultsText } from '#corefile/diagnostics.ts';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { Generations, type Services, SharedResources, systemClock } from '#plugin/index.ts';
import { PLUGINS } from '#plugins/index.ts';
import { configure } from '#server/configuration.ts';
import { fileFault, findCorefile } from './corefile-text.ts';
import { UsageError } from './flags.ts';
import type { CliIo } from './io.ts';
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

/** `cluster-dns check FILE`: prints every fault of a Corefile and starts nothing. Gives 0 where there is none, else 1. */
export const runCheck = async (args: readonly string[], io: CliIo): Promise<number> => {
  const [file, ...more] = args;
  if (file === undefined || more.length > 0) throw new UsageError('usage: cluster-dns check FILE');
  try {
    const corefile = await findCorefile(file, 53);
    const { faults, sources } = configure({
      plugins: PLUGINS,
      services: idleServices(),
      events: { dropped: () => undefined, panic: () => undefined },
      defaultPort: 53,
      defaultHosts: [''],
      file: corefile.name,
      text: await corefile.read(),
    });
    if (faults.warnings.length > 0) io.stderr(faultsText(faults.warnings, sources));
    if (faults.list.length > 0) {
      io.stderr(faultsText(faults.list, sources));
      return 1;
    }
    io.stdout(`${corefile.name}: OK\n`);
    return 0;
  } catch (error) {
    io.stderr(`loading Corefile: ${fileFault(file, error as NodeJS.ErrnoException)}\n`);
    return 1;
  }
};
