import { rmSync, statSync, writeFileSync } from 'node:fs';
import { Log, type LogSink } from '#log/log.ts';
import { declareAlways } from '#metrics/always.ts';
import { Metrics } from '#metrics/metrics.ts';
import { Generations, type Services, SharedResources, systemClock } from '#plugin/index.ts';
import { PLUGINS } from '#plugins/index.ts';
import { dnsEvents } from '#server/dns-events.ts';
import { DnsServer } from '#server/lifecycle.ts';
import { bannerText } from './banner.ts';
import { type CorefileText, fileFault, findCorefile } from './corefile-text.ts';
import { readServeFlags, type ServeFlags } from './flags.ts';
import type { CliIo } from './io.ts';
import { onSignals } from './signals.ts';
import { tryText } from './try-text.ts';
import { REVISION, VERSION, versionText } from './version.ts';

/** With a directory of manifests the server is for this machine alone, unless `bind` says otherwise. */
const LOOPBACK = ['127.0.0.1', '::1'];
const EVERYWHERE = [''];

/** Runs the server until it is told to stop. Gives the exit code. Rejects with UsageError. */
export const runServe = async (args: readonly string[], io: CliIo): Promise<number> => {
  const flags = readServeFlags(args);
  if (flags.version) {
    io.stdout(versionText());
    return 0;
  }
  if (flags.listPlugins) {
    io.stdout(pluginList());
    return 0;
  }
  const missing = flags.manifests.find((directory) => !statSync(directory, { throwIfNoEntry: false })?.isDirectory());
  if (missing !== undefined) {
    io.stderr(`-manifests: ${missing} is not a directory\n`);
    return 1;
  }
  let corefile: CorefileText;
  try {
    corefile = await findCorefile(flags.conf, flags.port);
  } catch (error) {
    io.stderr(`loading Corefile: ${fileFault(flags.conf || 'Corefile', error as NodeJS.ErrnoException)}\n`);
    return 1;
  }
  return serve(flags, corefile, io);
};

const pluginList = (): string => {
  const names = PLUGINS.filter((plugin) => !('unbuilt' in plugin)).map(({ name }) => name);
  return names
    .sort()
    .map((name) => `${name}\n`)
    .join('');
};

const serve = async (flags: ServeFlags, corefile: CorefileText, io: CliIo): Promise<number> => {
  const sink: LogSink =
    flags.logFormat === 'json'
      ? await (await import('#log/json-sink.ts')).createJsonSink()
      : (await import('#log/text-sink.ts')).createTextSink();
  const log = new Log(sink);
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
    manifestDirectories: flags.manifests,
    isLenient: flags.manifests.length > 0,
    isDgramOnly: flags.udpListener === 'dgram',
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
    plugins: PLUGINS,
    services,
    events,
    defaultPort: flags.port,
    defaultHosts: services.isLenient ? LOOPBACK : EVERYWHERE,
    fileName: corefile.name,
    udp: { mode: flags.udpListener, threadScript: new URL('./listener-thread.js', import.meta.url) },
  });
  const untie = onSignals(server, log, finish);
  // Work in the background that failed without anyone waiting for it is a plugin's crash like any other: counted, logged, survived.
  process.on('unhandledRejection', (reason) => {
    events.panic();
    log.error(
      `Recovered from panic in background: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`,
    );
  });
  // A start that waits for a cluster may be ended, too.
  const started = start(server, flags, log, io);
  const exitCode = (await Promise.race([started, finished])) ?? (await finished);
  await server.stop(false);
  await sink.flush();
  // To the last: untied, a second signal would kill it, and another exit code be seen.
  untie();
  return exitCode;
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

/** Starts the server and tells where it is; gives the exit code where it does not start. */
const start = async (server: DnsServer, flags: ServeFlags, log: Log, io: CliIo): Promise<number | null> => {
  try {
    // The zones come before what plugins say of their serving (reload's SHA512), the version after it: CoreDNS's order.
    const configuration = await server.start((listening) => {
      if (!flags.quiet) log.plain(bannerText(listening));
    });
    if (flags.pidfile !== '') {
      writeFileSync(flags.pidfile, `${process.pid}\n`);
      process.once('exit', () => rmSync(flags.pidfile, { force: true }));
    }
    if (flags.quiet) return null;
    log.plain(versionText());
    if (flags.manifests.length > 0) {
      const place = server.listening[0] ?? { host: '127.0.0.1', port: flags.port };
      log.plain(await tryText(flags.manifests, configuration.corefile, place));
    }
    return null;
  } catch (error) {
    await log.flush();
    io.stderr(`${(error as Error).message}\n`);
    return 1;
  }
};
