import { statSync, writeFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { systemClock } from '#kube/api/clock.ts';
import { connectionFault } from '#kube/api/connection-fault.ts';
import type { ApiConnection } from '#kube/api-source.ts';
import type { ClusterSource, SourceFilter } from '#kube/source.ts';
import type { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { declareProcess } from '#metrics/process-metrics.ts';
import { declareRuntime } from '#metrics/runtime-metrics.ts';
import { hasCommand, missingRights } from '#netfilter/needs.ts';
import { CommandError, runCommand, startAhead } from '#netfilter/run.ts';
import { applySettings, warnOf } from '#proxy/agent/apply-sysctls.ts';
import { ProxyAgent } from '#proxy/agent/proxy-agent.ts';
import { KERNEL_CHECKS, kernelSettings } from '#proxy/agent/sysctls.ts';
import { loadConntrack, missingTools, probe } from '#proxy/agent/tools.ts';
import { COMMON_FLAGS, type CommandFlag } from '#proxy/config/fields.ts';
import { type ReadSettings, readSettings } from '#proxy/config/read-settings.ts';
import type { ProxySettings } from '#proxy/config/settings.ts';
import { commandFlagsText, settingFlagsText } from '#proxy/config/usage.ts';
import { configurationOf, configurationText } from '#proxy/config/write-config.ts';
import type { RuleWriter, WriterEnvironment } from '#proxy/rule-backend.ts';
import type { IpFamily } from '#proxy/rule-options.ts';
import type { CliIo } from '../io.ts';
import { openLog } from '../open-log.ts';
import { VERSION, versionText } from '../version.ts';
import { loadBackend } from './backends.ts';
import { runProxyCleanup } from './cleanup.ts';
import { ProxyFault } from './fault.ts';
import { localAddresses } from './local-addresses.ts';

const FLAGS: readonly CommandFlag[] = [
  { name: 'cleanup', type: 'boolean', help: 'remove all Service rules of every mode from this node, and end' },
  { name: 'init-only', type: 'boolean', help: 'set what needs privileges (sysctls), and end' },
  { name: 'write-config-to', type: 'text', value: 'FILE', help: 'write the configuration to this file, and end' },
  { name: 'version', type: 'boolean', help: 'print the version' },
  { name: 'help', short: 'h', type: 'boolean', help: 'print this' },
];

const usage = (): string => `Usage: cluster-dns proxy run [flags]

Keeps the Service rules of this node, as kube-proxy does, from an API server or from manifests. Needs root.

${commandFlagsText([...COMMON_FLAGS, ...FLAGS])}
kube-proxy's flags:
${settingFlagsText()}`;

/** `cluster-dns proxy run`: runs until a signal ends it, 0 then, 1 where it does not start. Rejects with ProxyFault. */
export const runProxyRun = async (args: readonly string[], io: CliIo): Promise<number> => {
  const read = readSettings(args, FLAGS);
  const { flags, faults, values, settings, warnings } = read;
  const isOn = (name: string): boolean => flags.command.get(name)?.at(-1) === 'true';
  if (isOn('help')) {
    io.stdout(usage());
    return 0;
  }
  if (isOn('version')) {
    io.stdout(versionText());
    return 0;
  }
  const wrong = [...faults, ...argumentFaults(read)];
  if (wrong.length > 0) throw new ProxyFault(wrong);
  const file = flags.command.get('write-config-to')?.at(-1) ?? '';
  if (file !== '') {
    writeConfiguration(file, configurationText(values));
    return 0;
  }
  if (isOn('cleanup')) return runProxyCleanup([], io);
  const { sink, log } = await openLog(settings.logFormat, 'proxy');
  sink.setDebug?.(settings.verbosity >= 4);
  for (const warning of warnings) log.warning(warning);
  try {
    await prepare(settings, log);
    if (isOn('init-only')) return 0;
    return await runAgent(read, log);
  } finally {
    await sink.flush();
  }
};

const argumentFaults = ({ flags, settings }: ReadSettings): readonly string[] => {
  const faults = flags.positionals.map((text) => `${text}: there is no such argument`);
  const directories = flags.command.get('manifests') ?? [];
  const master = flags.command.get('master')?.at(-1) ?? '';
  for (const directory of directories)
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory())
      faults.push(`--manifests: ${directory} is not a directory`);
  // A kubeconfig may come from a file that is kube-proxy's, too: manifests go before it.
  if (directories.length > 0 && flags.fields.has('clientConnection.kubeconfig'))
    faults.push('--manifests and --kubeconfig are two clusters: give one of them');
  if (master !== '' && settings.kubeconfig !== '')
    faults.push('--master: the kubeconfig has an address, too: write it there, or leave --kubeconfig away');
  return faults;
};

const writeConfiguration = (file: string, text: string): void => {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new ProxyFault([`--write-config-to: ${(error as Error).message}`]);
  }
};

/** What needs privileges, and says whether there are any. */
const prepare = async (settings: ProxySettings, log: Log): Promise<void> => {
  const missing = [missingRights(), missingTools(settings.mode)].filter((text) => text !== '');
  if (missing.length > 0) throw new ProxyFault(missing);
  try {
    writeFileSync('/proc/self/oom_score_adj', `${settings.oomScoreAdj}\n`);
  } catch (error) {
    log.warning(`oom_score_adj can't be set to ${settings.oomScoreAdj}: ${(error as Error).message}`);
  }
  await loadConntrack(runCommand);
  const faults = applySettings(kernelSettings(settings, availableParallelism()), log);
  if (faults.length > 0) throw new ProxyFault(faults);
  warnOf(KERNEL_CHECKS, log);
};

const runAgent = async (read: ReadSettings, log: Log): Promise<number> => {
  const { settings, values } = read;
  const nodeName = settings.hostnameOverride || hostname().trim().toLowerCase();
  const metrics = new Metrics();
  declareProcess(metrics);
  await declareRuntime(metrics);
  const source = await openSource(read, nodeName, metrics, log);
  const writers = await openWriters(settings, log);
  const hasConntrack = hasCommand('conntrack');
  if (!hasConntrack)
    log.warning('conntrack is not on the path, so stale UDP flows stay (Debian: apt-get install conntrack)');
  const agent = new ProxyAgent({
    settings,
    configuration: configurationOf(values),
    nodeName,
    writers,
    source,
    probes: await probe(settings.mode, runCommand),
    run: runCommand,
    hasConntrack,
    localAddresses,
    metrics,
    log,
    clock: systemClock,
    wallMs: Date.now,
  });
  const end = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  process.on('unhandledRejection', (reason) =>
    log.error(`in background: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`),
  );
  const isOurs = settings.isDefaultMode ? ' (the default here; --proxy-mode=iptables is that of kube-proxy)' : '';
  const families = [...writers.keys()].join(' and ');
  log.info(
    `cluster-dns ${VERSION} keeps the Services of node "${nodeName}" in ${settings.mode} mode${isOurs}, ${families}`,
  );
  try {
    await agent.start();
  } catch (error) {
    await agent.stop();
    throw new ProxyFault([(error as Error).message]);
  }
  log.info(`${await end}: ending; the rules stay`);
  await agent.stop();
  return 0;
};

/** Families whose rules can be kept. One that the machine does not have is left out, and the log says so. */
const openWriters = async (settings: ProxySettings, log: Log): Promise<ReadonlyMap<IpFamily, RuleWriter>> => {
  const backend = await loadBackend(settings.mode);
  const writers = new Map<IpFamily, RuleWriter>();
  const faults: CommandError[] = [];
  for (const family of ['IPv4', 'IPv6'] as const) {
    if (family === 'IPv6' && !hasIpv6()) {
      log.info('this machine has no IPv6: only IPv4 is served');
      continue;
    }
    const run = settings.mode === 'nftables' ? startAhead('nft', ['-f', '-']) : runCommand;
    const environment: WriterEnvironment = { family, run, log, now: () => performance.now() };
    try {
      writers.set(family, await backend.open(environment));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      faults.push(error);
      if (family === 'IPv6' && writers.size > 0) log.warning(`IPv6 is not served: ${error.message}`);
    }
  }
  if (writers.size === 0) throw new ProxyFault(faults.map(({ message }) => message));
  return writers;
};

const hasIpv6 = (): boolean => statSync('/proc/net/if_inet6', { throwIfNoEntry: false }) !== undefined;

const openSource = async (
  { settings, flags }: ReadSettings,
  nodeName: string,
  metrics: Metrics,
  log: Log,
): Promise<ClusterSource> => {
  const directories = flags.command.get('manifests') ?? [];
  const filter: SourceFilter = {
    hasNamespaces: false,
    // topologyKeys, which only manifests can have, go by labels of other Nodes.
    nodes: directories.length > 0 ? 'all' : { name: nodeName },
    hasServiceCidrs: true,
    hasPods: false,
    hasEndpointSlices: true,
    labelSelector: '!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless',
    namespaceLabelSelector: '',
  };
  if (directories.length > 0) {
    const { ManifestSource } = await import('#kube/manifest-source.ts');
    return new ManifestSource({ directories, filter, log });
  }
  const connection = connectionOf(settings, flags.command.get('master')?.at(-1) ?? '');
  const fault = await connectionFault(connection);
  if (fault !== null)
    throw new ProxyFault([`${fault} (--kubeconfig FILE, --master URL and --manifests DIR are other ways)`]);
  const { ApiSource } = await import('#kube/api-source.ts');
  const userAgent = `cluster-dns-proxy/${VERSION} (${process.platform}/${process.arch}/node${process.versions.node})`;
  const meanwhile = { stale: 'rules stay as they were then', unread: 'the rules that are there stay' };
  const told = { log, metrics, userAgent, meanwhile, metricPrefix: '' };
  return new ApiSource({ connection, filter, random: Math.random, ...told });
};

const connectionOf = ({ kubeconfig }: ProxySettings, master: string): ApiConnection => {
  if (kubeconfig !== '') return { kind: 'kubeconfig', file: kubeconfig };
  return master === '' ? { kind: 'in-cluster' } : { kind: 'endpoint', url: master };
};
