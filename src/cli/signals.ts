import type { Log } from '#log/log.ts';
import type { DnsServer } from '#server/lifecycle.ts';

/**
 * Ties CoreDNS's signals to the server: TERM and INT end it after lameduck (a second INT by force), QUIT at once, USR1 reloads; HUP and
 * USR2 are ignored. To be tied before the start: most of these would kill a process that does not listen to them. `finish` is given the
 * exit code. Gives a function that unties them.
 */
export const onSignals = (server: DnsServer, log: Log, finish: (exitCode: number) => void): (() => void) => {
  let isStopping = false;
  let interrupts = 0;
  const stop = (line: string): void => {
    log.info(line);
    if (isStopping) return;
    isStopping = true;
    void server.stop(true).then(() => finish(0));
  };
  const interrupt = (): void => {
    interrupts++;
    if (interrupts === 1) stop('SIGINT: Shutting down');
    else void quit(log, 'SIGINT: Force quit', 2);
  };
  const handlers: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ['SIGTERM', () => stop('SIGTERM: Shutting down servers then terminating')],
    ['SIGINT', interrupt],
    ['SIGQUIT', () => void quit(log, 'SIGQUIT: Quitting process immediately', 0)],
    ['SIGUSR1', () => void reload(server, log)],
    ['SIGUSR2', () => undefined],
    ['SIGHUP', () => undefined],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
};

const quit = async (log: Log, line: string, exitCode: number): Promise<void> => {
  log.info(line);
  await log.flush();
  process.exit(exitCode);
};

const reload = async (server: DnsServer, log: Log): Promise<void> => {
  log.info('SIGUSR1: Reloading');
  const fault = await server.reload();
  if (fault !== null) log.error(`SIGUSR1: ${fault.message}`);
};
