import { useBindCapability } from '#libc/bind-capability.ts';
import type { Log, LogSink } from '#log/log.ts';
import { declareAlways } from '#metrics/always.ts';
import { Metrics } from '#metrics/metrics.ts';
import { Generations, type Services, type SharedPorts, SharedResources, systemClock } from '#plugin/index.ts';
import { PLUGINS } from '#plugins/index.ts';
import { dnsEvents } from '#server/dns-events.ts';
import { DnsServer, type ServerOptions } from '#server/lifecycle.ts';
import type { CorefileText } from './corefile-text.ts';
import { onSignals } from './signals.ts';
import { REVISION, VERSION } from './version.ts';

/** With a directory of manifests the server is for this machine alone, unless `bind` says otherwise. */
const LOOPBACK = ['127.0.0.1', '::1'];
const EVERYWHERE = [''];

export interface DnsProcessOptions extends Pick<ServerOptions, 'defaultPort' | 'retiring'> {
  readonly sink: LogSink;
  readonly log: Log;
  readonly corefile: CorefileText;
  readonly manifestDirectories: readonly string[];
  readonly udpListener: 'auto' | 'batch' | 'dgram';
  /** Where another instance may have the ports, too. */
  readonly sharedPorts?: SharedPorts | undefined;
}

/** A DNS server as the one thing that a process does. */
export interface DnsProcess {
  readonly server: DnsServer;
  readonly metrics: Metrics;
  /**
   * Starts, and waits for the end. `start` gives null where it serves, else the exit code. Then, whatever it was, the server is stopped and `end`
   * done. Gives the exit code.
   */
  run(start: () => Promise<number | null>, end?: () => Promise<void>): Promise<number>;
}

/** Puts the server and what belongs to its process together; nothing is open or started before `run`. */
export const openDnsProcess = (options: DnsProcessOptions): DnsProcess => {
  const { sink, log, corefile, manifestDirectories, udpListener, sharedPorts, ...serverOptions } = options;
  let finish: (exitCode: number) => void = () => undefined;
  const finished = new Promise<number>((resolve) => {
    finish = resolve;
  });
  const metrics = new Metrics();
  declareAlways(metrics);
  followLog(metrics, sink);
  const services: Services = {
    metrics,
    log,
    generations: new Generations(),
    shared: new SharedResources(),
    clock: systemClock,
    random: Math.random,
    manifestDirectories,
    isLenient: manifestDirectories.length > 0,
    isDgramOnly: udpListener === 'dgram',
    ...(sharedPorts === undefined ? {} : { sharedPorts }),
    version: VERSION,
    revision: REVISION,
    configuration: { file: corefile.file, read: corefile.read },
    reload: () => server.reload(),
    fatal: (message) => {
      log.fatal(message);
      finish(1);
    },
  };
  const events = dnsEvents(metrics);
  const server = new DnsServer({
    ...serverOptions,
    plugins: PLUGINS,
    services,
    events,
    defaultHosts: services.isLenient ? LOOPBACK : EVERYWHERE,
    fileName: corefile.name,
    udp: { mode: udpListener, threadScript: new URL('./listener-thread.js', import.meta.url) },
  });
  const run: DnsProcess['run'] = async (start, end) => {
    const untie = onSignals(server, log, finish);
    // Work in the background that failed without anyone waiting for it is a plugin's crash like any other: counted, logged, survived.
    process.on('unhandledRejection', (reason) => {
      events.panic();
      log.error(
        `Recovered from panic in background: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`,
      );
    });
    // A start that waits for a cluster may be ended, too.
    const exitCode = (await Promise.race([bindable(log).then(start), finished])) ?? (await finished);
    await server.stop(false);
    await end?.();
    await sink.flush();
    // To the last: untied, a second signal would kill it, and another exit code be seen.
    untie();
    return exitCode;
  };
  return { server, metrics, run };
};

/** Without the right to low ports the start goes on: it may need none, or not the right, and what can't be opened is named. */
const bindable = async (log: Log): Promise<void> => {
  try {
    await useBindCapability();
  } catch (error) {
    log.warning(`CAP_NET_BIND_SERVICE is permitted and can't be taken into use: ${(error as Error).message}`);
  }
};

const followLog = (metrics: Metrics, sink: LogSink): void => {
  metrics
    .observedCounter({
      name: 'cluster_dns_log_dropped_lines_total',
      help: 'Log lines dropped because nobody read them.',
    })
    .at()
    .follow(() => sink.levels?.().dropped ?? 0);
  metrics
    .gauge({ name: 'cluster_dns_log_pending_bytes', help: 'Log lines that wait to be written, about.' })
    .at()
    .follow(() => sink.levels?.().pending ?? 0);
};
