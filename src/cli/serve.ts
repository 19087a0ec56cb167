import { statSync } from 'node:fs';
import { loadLibc, NoLibc } from '#libc/libc.ts';
import { SharedPorts } from '#libc/shared-ports.ts';
import type { Log } from '#log/log.ts';
import type { DnsServer } from '#server/lifecycle.ts';
import { bannerText } from './banner.ts';
import { type CorefileText, fileFault, findCorefile } from './corefile-text.ts';
import { openDnsProcess } from './dns-process.ts';
import { readServeFlags, type ServeFlags } from './flags.ts';
import type { CliIo } from './io.ts';
import { openLog } from './open-log.ts';
import { writePidfile } from './pidfile.ts';
import { pluginList } from './plugin-list.ts';
import { tryText } from './try-text.ts';
import { versionText } from './version.ts';

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
  try {
    const sharedPorts = flags.reusePort ? new SharedPorts(await loadLibc()) : undefined;
    return await serve(flags, corefile, sharedPorts, io);
  } catch (error) {
    if (!(error instanceof NoLibc)) throw error;
    io.stderr(`-reuse-port: ${error.message}\n`);
    return 1;
  }
};

const serve = async (
  flags: ServeFlags,
  corefile: CorefileText,
  sharedPorts: SharedPorts | undefined,
  io: CliIo,
): Promise<number> => {
  const { sink, log } = await openLog(flags.logFormat);
  const dns = openDnsProcess({
    sink,
    log,
    corefile,
    defaultPort: flags.port,
    manifestDirectories: flags.manifests,
    udpListener: flags.udpListener,
    sharedPorts,
  });
  return dns.run(() => start(dns.server, flags, log, io));
};

/** Starts the server and tells where it is; gives the exit code where it does not start. */
const start = async (server: DnsServer, flags: ServeFlags, log: Log, io: CliIo): Promise<number | null> => {
  try {
    // The zones come before what plugins say of their serving (reload's SHA512), the version after it: CoreDNS's order.
    const configuration = await server.start((listening) => {
      if (!flags.quiet) log.plain(bannerText(listening));
    });
    writePidfile(flags.pidfile);
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
