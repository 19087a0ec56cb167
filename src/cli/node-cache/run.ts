import { HttpEndpoint } from '#http-endpoint/endpoint.ts';
import { metricsReply } from '#http-endpoint/metrics-reply.ts';
import { loadLibc, NoLibc } from '#libc/libc.ts';
import { SharedPorts } from '#libc/shared-ports.ts';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { declareProcess } from '#metrics/process-metrics.ts';
import { declareRuntime } from '#metrics/runtime-metrics.ts';
import { runCommand } from '#netfilter/run.ts';
import { ConfigKeeper } from '#node-cache/config/config-keeper.ts';
import { nodeCacheUsage } from '#node-cache/config/flags.ts';
import { readNodeCacheFlags } from '#node-cache/config/read-flags.ts';
import type { Link } from '#node-cache/link/link.ts';
import { NodeCacheMetrics } from '#node-cache/metrics.ts';
import { NodeCache } from '#node-cache/node-cache.ts';
import type { Bypass } from '#node-cache/rules/bypass.ts';
import type { NodeCacheSettings } from '#node-cache/settings.ts';
import { bannerText } from '../banner.ts';
import { openDnsProcess } from '../dns-process.ts';
import { dryRun } from '../dry-run.ts';
import type { CliIo } from '../io.ts';
import { openLog } from '../open-log.ts';
import { writePidfile } from '../pidfile.ts';
import { pluginList } from '../plugin-list.ts';
import { VERSION, versionText } from '../version.ts';
import { missingForNode } from './needs.ts';

/** `cluster-dns node-cache`: serves until a signal ends it, 0 then, 1 where it does not start. */
export const runNodeCache = async (args: readonly string[], io: CliIo): Promise<number> => {
  if (args[0] === 'cleanup') return (await import('./cleanup.ts')).runNodeCacheCleanup(args.slice(1), io);
  const command = readNodeCacheFlags(args, process.env);
  if ('ask' in command) {
    io.stdout({ help: nodeCacheUsage, version: versionText(), plugins: pluginList() }[command.ask]);
    return 0;
  }
  const faults = 'faults' in command ? command.faults : missingForNode(command.settings);
  for (const fault of faults) io.stderr(`node-cache: ${fault}\n`);
  if ('faults' in command || faults.length > 0) return 1;
  return serve(command.settings, command.warnings, io);
};

const serve = async (settings: NodeCacheSettings, warnings: readonly string[], io: CliIo): Promise<number> => {
  const { sink, log } = await openLog(settings.logFormat);
  const nodeLog = new Log(sink, 'node-cache');
  nodeLog.info(`cluster-dns ${VERSION}`);
  for (const warning of warnings) nodeLog.warning(warning);
  const setupMetrics = new Metrics();
  const metrics = new NodeCacheMetrics(setupMetrics);
  const sharedPorts = await openSharedPorts(nodeLog);
  const endpoint = await openMetrics(settings, setupMetrics, sharedPorts, nodeLog);
  const configuration = new ConfigKeeper(settings, {
    log: nodeLog,
    onFault: () => metrics.error('configmap'),
    check: (text) => {
      const { faults, sources } = dryRun({ file: settings.corefile, text }, settings.dnsPort);
      return { faults: faults.list, sources };
    },
  });
  const node = new NodeCache({
    settings,
    link: await openLink(settings, nodeLog),
    bypass: await openBypass(settings, nodeLog),
    metrics,
    log: nodeLog,
  });
  const dns = openDnsProcess({
    sink,
    log,
    corefile: { file: settings.corefile, name: settings.corefile, read: () => configuration.read() },
    defaultPort: settings.dnsPort,
    manifestDirectories: [],
    udpListener: settings.udpListener,
    sharedPorts,
    retiring: () => node.drain(),
  });
  const start = async (): Promise<number | null> => {
    try {
      const serve = async (link: Promise<void>): Promise<void> => {
        await configuration.write();
        await link;
        await dns.server.start((listening) => {
          if (!settings.quiet) log.plain(bannerText(listening));
        });
      };
      // A rollout waits for it. A file that can't be written is a start that fails, and taken back like any other.
      await node.start(serve, () => writePidfile(settings.pidfile));
      configuration.watch(() => {
        metrics.corefileUpdated();
        return dns.server.reload();
      });
      if (!settings.quiet) log.plain(versionText());
      return null;
    } catch (error) {
      await log.flush();
      io.stderr(`node-cache: ${(error as Error).message}\n`);
      return 1;
    }
  };
  return dns.run(start, async () => {
    await node.stop();
    await configuration.close();
    await endpoint?.close();
  });
};

/** The instance that comes after this one has its ports before this one leaves them. */
const openSharedPorts = async (log: Log): Promise<SharedPorts | undefined> => {
  try {
    return new SharedPorts(await loadLibc());
  } catch (error) {
    if (!(error instanceof NoLibc)) throw error;
    log.warning(`another instance can't take over without a gap: ${error.message}`);
    return undefined;
  }
};

/** The metrics of the set-up. A port that can't be had is told and no more, as in node-cache. */
const openMetrics = async (
  { metricsAddress }: NodeCacheSettings,
  metrics: Metrics,
  sharedPorts: SharedPorts | undefined,
  log: Log,
): Promise<HttpEndpoint | null> => {
  declareProcess(metrics);
  await declareRuntime(metrics);
  const endpoint = new HttpEndpoint(metricsAddress, null, sharedPorts);
  endpoint.serve('/metrics', (request) => metricsReply(metrics, request));
  try {
    await endpoint.open();
    return endpoint;
  } catch (error) {
    log.error(`no metrics of the set-up: ${(error as Error).message}`);
    return null;
  }
};

const openLink = async (settings: NodeCacheSettings, log: Log): Promise<Link | null> =>
  settings.interfaceName === ''
    ? null
    : (await import('#node-cache/link/ip-link.ts')).openIpLink(settings, { run: runCommand, log });

const openBypass = async (settings: NodeCacheSettings, log: Log): Promise<Bypass | null> => {
  const environment = { run: runCommand, log };
  switch (settings.rules) {
    case 'none':
      return null;
    case 'iptables':
      return (await import('#node-cache/rules/iptables/index.ts')).openIptablesBypass(settings, environment);
    case 'nftables': {
      const { openNftablesBypass } = await import('#node-cache/rules/nftables/index.ts');
      const { ForeignPolicy, withForeignPolicy } = await import('#node-cache/rules/foreign-policy.ts');
      return withForeignPolicy(openNftablesBypass(settings, environment), new ForeignPolicy(settings, environment));
    }
  }
};
