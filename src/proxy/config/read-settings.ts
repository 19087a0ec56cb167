import { isIP } from 'node:net';
import type { ProxyMode } from '../rule-backend.ts';
import { FIELD_CHECKS, splitCidrs } from './field-checks.ts';
import { type CommandFlag, FIELDS, type Field, type FieldValue } from './fields.ts';
import { readConfigurationFile } from './read-file.ts';
import { type Given, type ProxyFlags, readFlags } from './read-flags.ts';
import type { DetectLocalMode, ProxySettings } from './settings.ts';

/** What a command line, and the file that it names, configure. */
export interface ReadSettings {
  /** Use it only where there are no faults. */
  readonly settings: ProxySettings;
  /** Every value by the path of its field, for `--write-config-to`. */
  readonly values: ReadonlyMap<string, FieldValue>;
  readonly flags: ProxyFlags;
  /** All that is wrong, one line each. */
  readonly faults: readonly string[];
  /** What is taken and does nothing, one line each. */
  readonly warnings: readonly string[];
}

/** Reads kube-proxy's flags, and those of the command besides, and the file of `--config`. */
export const readSettings = (args: readonly string[], own: readonly CommandFlag[] = []): ReadSettings => {
  const flags = readFlags(args, own);
  const faults = [...flags.faults];
  const warnings: string[] = [];
  const file = flags.command.get('config')?.at(-1) ?? '';
  let given = flags.fields;
  if (file !== '') {
    const configuration = readConfigurationFile(file);
    faults.push(...configuration.faults);
    given = withFile(configuration.fields, flags.fields, warnings);
  }
  for (const field of FIELDS) judge(field, given.get(field.path), faults, warnings);
  const values = new Map(FIELDS.map((field) => [field.path, given.get(field.path)?.value ?? field.default]));
  const whereOf = (path: string): string => given.get(path)?.where() ?? path;
  faults.push(...judgeTogether(values, whereOf));
  return {
    settings: settingsOf(values, new Set(given.keys())),
    values,
    flags,
    faults: once(faults),
    warnings: once(warnings),
  };
};

/** A flag that sets two fields is wrong once. */
const once = (lines: readonly string[]): readonly string[] => [...new Set(lines)];

/** kube-proxy's rule: with a file, only some flags count. */
const withFile = (
  inFile: ReadonlyMap<string, Given>,
  inFlags: ReadonlyMap<string, Given>,
  warnings: string[],
): ReadonlyMap<string, Given> => {
  const given = new Map(inFile);
  const ignored = new Set<string>();
  for (const { path, flag, outranksFile } of FIELDS) {
    const value = inFlags.get(path);
    if (value === undefined) continue;
    if (outranksFile) given.set(path, value);
    else ignored.add(`--${flag}`);
  }
  if (ignored.size > 0) warnings.push(`with --config these flags do not count: ${[...ignored].join(', ')}`);
  return given;
};

const judge = (field: Field, given: Given | undefined, faults: string[], warnings: string[]): void => {
  if (given === undefined) return;
  const { value, where } = given;
  const fault = FIELD_CHECKS.get(field.path)?.(value) ?? null;
  if (fault !== null) faults.push(`${where()}: ${fault}`);
  if (JSON.stringify(value) === JSON.stringify(field.default)) return;
  if (field.refused !== undefined) faults.push(`${where()}: ${field.refused}`);
  if (field.unused !== undefined) warnings.push(`${where()}: ${field.unused}`);
  if (field.type === 'gates')
    warnings.push(`${where()}: there are no feature gates here: ${Object.keys(value).join(', ')}`);
};

/** What is wrong between fields. */
const judgeTogether = (
  values: ReadonlyMap<string, FieldValue>,
  whereOf: (path: string) => string,
): readonly string[] => {
  const faults: string[] = [];
  const section = modeOf(values);
  if (Number(values.get(`${section}.minSyncPeriod`)) > Number(values.get(`${section}.syncPeriod`)))
    faults.push(`${whereOf(`${section}.minSyncPeriod`)}: must not be more than syncPeriod`);
  const detectMode = values.get('detectLocalMode');
  if (detectMode === 'BridgeInterface' && values.get('detectLocal.bridgeInterface') === '')
    faults.push(`${whereOf('detectLocalMode')}: BridgeInterface needs --pod-bridge-interface`);
  if (detectMode === 'InterfaceNamePrefix' && values.get('detectLocal.interfaceNamePrefix') === '')
    faults.push(`${whereOf('detectLocalMode')}: InterfaceNamePrefix needs --pod-interface-name-prefix`);
  return faults;
};

const MODES: readonly string[] = ['nftables', 'iptables', 'ipvs'];
const modeOf = (values: ReadonlyMap<string, FieldValue>): ProxyMode => {
  const mode = String(values.get('mode'));
  return MODES.includes(mode) ? (mode as ProxyMode) : 'nftables';
};

const settingsOf = (values: ReadonlyMap<string, FieldValue>, given: ReadonlySet<string>): ProxySettings => {
  const text = (path: string): string => String(values.get(path));
  const number = (path: string): number => Number(values.get(path));
  const isOn = (path: string): boolean => values.get(path) === true;
  const texts = (path: string): readonly string[] => values.get(path) as readonly string[];
  const mode = modeOf(values);
  // IPVS has no fields of its own for what iptables does for it.
  const rules = mode === 'nftables' ? 'nftables' : 'iptables';
  const bindAddress = text('bindAddress');
  const isV6 = isIP(bindAddress) === 6;
  const endpoint = (path: string, ipv6Default: string): string => {
    const isDefault = !given.has(path) || text(path) === defaultOf(path);
    return listenAddress(isDefault && isV6 ? ipv6Default : text(path), defaultOf(path));
  };
  return {
    mode,
    isDefaultMode: text('mode') === '',
    hostnameOverride: text('hostnameOverride').trim().toLowerCase(),
    nodeAddress: bindAddress === '0.0.0.0' || bindAddress === '::' ? '' : bindAddress,
    healthzAddress: endpoint('healthzBindAddress', '[::]:10256'),
    metricsAddress: endpoint('metricsBindAddress', '[::1]:10249'),
    isBindHardFail: isOn('bindAddressHardFail'),
    kubeconfig: text('clientConnection.kubeconfig'),
    detectLocal: {
      mode: (text('detectLocalMode') || 'ClusterCIDR') as DetectLocalMode,
      bridgeInterface: text('detectLocal.bridgeInterface'),
      interfaceNamePrefix: text('detectLocal.interfaceNamePrefix'),
      clusterCidrs: splitCidrs(text('clusterCIDR')),
    },
    nodePortAddresses: texts('nodePortAddresses'),
    masqueradeBit: number(`${rules}.masqueradeBit`),
    masqueradeAll: isOn(`${rules}.masqueradeAll`),
    localhostNodePorts: isOn(`${rules}.localhostNodePorts`),
    syncPeriodMs: number(`${mode}.syncPeriod`),
    minSyncPeriodMs: number(`${mode}.minSyncPeriod`),
    ipvs: {
      scheduler: text('ipvs.scheduler') || 'rr',
      excludeCidrs: texts('ipvs.excludeCIDRs'),
      strictArp: isOn('ipvs.strictARP'),
      tcpTimeoutMs: number('ipvs.tcpTimeout'),
      tcpFinTimeoutMs: number('ipvs.tcpFinTimeout'),
      udpTimeoutMs: number('ipvs.udpTimeout'),
    },
    conntrack: {
      maxPerCore: number('conntrack.maxPerCore'),
      min: number('conntrack.min'),
      tcpBeLiberal: isOn('conntrack.tcpBeLiberal'),
      tcpEstablishedTimeoutMs: number('conntrack.tcpEstablishedTimeout'),
      tcpCloseWaitTimeoutMs: number('conntrack.tcpCloseWaitTimeout'),
      udpTimeoutMs: number('conntrack.udpTimeout'),
      udpStreamTimeoutMs: number('conntrack.udpStreamTimeout'),
    },
    oomScoreAdj: number('oomScoreAdj'),
    verbosity: number('logging.verbosity'),
    logFormat: text('logging.format') === 'json' ? 'json' : 'text',
  };
};

const defaultOf = (path: string): string => String(FIELDS.find((field) => field.path === path)?.default);

/** All addresses of both families are an empty host; a missing port is that of the default. */
const listenAddress = (text: string, fallback: string): string => {
  if (text === '') return '';
  const port = fallback.slice(fallback.lastIndexOf(':') + 1);
  const full = isIP(text) === 6 ? `[${text}]:${port}` : isIP(text) === 4 ? `${text}:${port}` : text;
  return full.replace(/^(0\.0\.0\.0|\[::\]):/, ':');
};
