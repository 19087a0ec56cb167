import type { Log } from '#log/log.ts';
import type { DnsServer } from '#server/lifecycle.ts';

/**
 * Ties CoreDNS's signals to the server: TERM ends it after lameduck, INT at once (a second one by force), QUIT without any
 * clean-up, USR1 reloads; HUP and USR2 are ignored. `finish` is given the exit code. Gives a function that unties them.
 */
export const onSignals = (server: DnsServer, log: Log, finish: (exitCode: number) => void): (() => void) => {
  let isStopping = false;
  const stop = (line: string, isGraceful: boolean): void => {
    if (isStopping) return;
    isStopping = true;
    log.info(line);
    void server.stop(isGraceful).then(() => finish(0));
  };
  const handlers: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ['SIGTERM', () => stop('SIGTERM: Shutting down servers then terminating', true)],
    ['SIGINT', () => (isStopping ? process.exit(2) : stop('SIGINT: Shutting down', false))],
    ['SIGQUIT', () => void quit(log)],
    ['SIGUSR1', () => void reload(server, log)],
    ['SIGUSR2', () => undefined],
    ['SIGHUP', () => undefined],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
};

const quit = async (log: Log): Promise<void> => {
  log.info('SIGQUIT: Quitting process immediately');
  await log.flush();
  process.exit(0);
};

const reload = async (server: DnsServer, log: Log): Promise<void> => {
  log.info('SIGUSR1: Reloading');
  const fault = await server.reload();
  if (fault !== null) log.error(`SIGUSR1: ${fault.message}`);
};
