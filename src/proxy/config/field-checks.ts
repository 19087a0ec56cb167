import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { FieldValue } from './fields.ts';

/** What is wrong with the value of a field, in words; null where nothing is. */
export type FieldCheck = (value: FieldValue) => string | null;

const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'sh', 'dh', 'sed', 'nq', 'mh', 'fo', 'ovf', 'twos'];
/** A name of an interface has at most 15 octets. */
const MAX_INTERFACE = 15;

const oneOf =
  (...known: readonly string[]): FieldCheck =>
  (value) =>
    value === '' || known.includes(String(value)) ? null : `must be one of ${known.join(', ')}, not "${value}"`;

const between =
  (least: number, most: number): FieldCheck =>
  (value) =>
    Number(value) >= least && Number(value) <= most ? null : `must be from ${least} to ${most}, not ${value}`;

const notNegative: FieldCheck = (value) => (Number(value) >= 0 ? null : 'must not be negative');
const positive: FieldCheck = (value) => (Number(value) > 0 ? null : 'must be more than 0');

const mode: FieldCheck = (value) => {
  if (value === 'userspace') return 'userspace is gone since Kubernetes 1.26: use nftables or iptables';
  if (value === 'kernelspace') return 'kernelspace is for Windows nodes: use nftables, iptables or ipvs';
  return oneOf('nftables', 'iptables', 'ipvs')(value);
};

const address: FieldCheck = (value) =>
  value === '' || isIP(String(value)) !== 0 ? null : `"${value}" is no IP address`;

/** A port may be missing: it is then that of the default. */
const endpoint: FieldCheck = (value) => {
  const text = String(value);
  if (text === '' || isIP(text) !== 0) return null;
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) return `"${text}" is not of the form IP:PORT`;
  if (host !== '' && isIP(host) === 0) return `"${host}" is no IP address`;
  return Number(port) >= 1 && Number(port) <= 65_535 ? null : `${port} is no port (1 to 65535)`;
};

const range = (text: string): string | null =>
  ipaddr.isValidCIDR(text) ? null : `"${text}" is no range of addresses such as 10.244.0.0/16`;

const firstFault = (texts: readonly string[]): string | null =>
  texts.map(range).find((fault) => fault !== null) ?? null;

const clusterCidr: FieldCheck = (value) => {
  const ranges = splitCidrs(String(value));
  const fault = firstFault(ranges);
  if (fault !== null) return fault;
  if (ranges.length > 2) return `has ${ranges.length} ranges, but there are only two families`;
  const [first = '', second] = ranges;
  return second !== undefined && first.includes(':') === second.includes(':')
    ? 'has two ranges of one family: give one for IPv4 and one for IPv6'
    : null;
};

const nodePortAddresses: FieldCheck = (value) => {
  const texts = value as readonly string[];
  if (!texts.includes('primary')) return firstFault(texts);
  return texts.length === 1 ? null : 'has ranges beside primary: give either';
};

const interfaceName: FieldCheck = (value) =>
  Buffer.byteLength(String(value)) <= MAX_INTERFACE && !/[\s/]/.test(String(value))
    ? null
    : `"${value}" is no name of an interface`;

/** Blanks around ranges do not count. */
export const splitCidrs = (text: string): readonly string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** Checks of single fields by path. */
export const FIELD_CHECKS: ReadonlyMap<string, FieldCheck> = new Map([
  ['logging.format', oneOf('text', 'json')],
  ['logging.verbosity', notNegative],
  ['bindAddress', address],
  ['healthzBindAddress', endpoint],
  ['metricsBindAddress', endpoint],
  ['mode', mode],
  ['iptables.masqueradeBit', between(0, 31)],
  ['iptables.syncPeriod', positive],
  ['iptables.minSyncPeriod', notNegative],
  ['ipvs.syncPeriod', positive],
  ['ipvs.minSyncPeriod', notNegative],
  ['ipvs.scheduler', oneOf(...SCHEDULERS)],
  ['ipvs.excludeCIDRs', (value) => firstFault(value as readonly string[])],
  ['ipvs.tcpTimeout', notNegative],
  ['ipvs.tcpFinTimeout', notNegative],
  ['ipvs.udpTimeout', notNegative],
  ['nftables.masqueradeBit', between(0, 31)],
  ['nftables.syncPeriod', positive],
  ['nftables.minSyncPeriod', notNegative],
  ['detectLocalMode', oneOf('ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix')],
  ['detectLocal.bridgeInterface', interfaceName],
  ['detectLocal.interfaceNamePrefix', interfaceName],
  ['clusterCIDR', clusterCidr],
  ['nodePortAddresses', nodePortAddresses],
  ['oomScoreAdj', between(-1000, 1000)],
  ['conntrack.maxPerCore', notNegative],
  ['conntrack.min', notNegative],
  ['conntrack.tcpEstablishedTimeout', notNegative],
  ['conntrack.tcpCloseWaitTimeout', notNegative],
  ['conntrack.udpTimeout', notNegative],
  ['conntrack.udpStreamTimeout', notNegative],
] satisfies readonly (readonly [string, FieldCheck])[]);
