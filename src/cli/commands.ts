import { UNBUILT_COMMANDS, USAGE, UsageError } from './flags.ts';
import type { CliIo } from './io.ts';

/**
 * Runs what the command line asks for and gives the exit code. Rejects with UsageError. Each subcommand is loaded when it is asked for: a
 * server does not carry the tools.
 */
export const runCommand = async (args: readonly string[], io: CliIo): Promise<number> => {
  const [command = '', ...rest] = args;
  switch (command) {
    case 'check':
      return (await import('./check.ts')).runCheck(rest, io);
    case 'manifests':
      return (await import('./manifests.ts')).runManifests(rest, io);
    case 'node-cache':
      return (await import('./node-cache/run.ts')).runNodeCache(rest, io);
    case 'pod':
      return (await import('./pod.ts')).runPod(rest, io);
    case 'proxy':
      return (await import('./proxy/proxy.ts')).runProxy(rest, io);
    case 'help':
      io.stdout(USAGE);
      return 0;
    default: {
      const wayOut = UNBUILT_COMMANDS.get(command);
      if (wayOut !== undefined) throw new UsageError(`cluster-dns ${command} is not built yet: ${wayOut}`, 1);
      return (await import('./serve.ts')).runServe(args, io);
    }
  }
};
