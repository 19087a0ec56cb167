import type { SecureContext } from 'node:tls';
import type { Faults, Occurrence, Token } from '#corefile/tree.ts';
import { type Name, ROOT, textFromName } from '#dns/name.ts';
import { zonesFromText } from '#plugin/index.ts';
import type { PolicyName } from '#upstream/policy.ts';
import { DEFAULT_UPSTREAM_OPTIONS } from '#upstream/upstream.ts';
import { durationText } from './go-values.ts';
import { readOption } from './option-table.ts';
import { OptionWords } from './option-words.ts';
import { distinctAddresses, readTarget, type Target } from './targets.ts';
import { readTo, type ToEntry } from './to.ts';

/** Most TOs that one directive takes. */
export const MAX_TOS = 15;

export interface ForwardOptions {
  from: Name;
  /** The TOs in the order of the Corefile, host names not resolved. */
  to: { readonly entry: ToEntry; readonly token: Token }[];
  /** Upstreams that need no resolving. */
  targets: readonly Target[];
  except: Name[];
  isTcpForced: boolean;
  isUdpPreferred: boolean;
  isUdpFallback: boolean;
  expireMs: number;
  maxAgeMs: number;
  maxIdleConnections: number;
  readTimeoutMs: number;
  /** How long a query may take in all; null for CoreDNS's limit, which is no exact one. */
  timeoutMs: number | null;
  maxFails: number;
  /** Null for twice the number of upstreams, 0 for no cap. */
  maxConnectAttempts: number | null;
  healthCheckMs: number;
  healthCheckDomain: Name;
  isHealthCheckRecursive: boolean;
  /** 0 for no limit. */
  maxConcurrent: number;
  /** As it was written, for the message; '' where it was not. */
  maxConcurrentText: string;
  /** Null where no `tls` line is given. */
  secureContext: SecureContext | null;
  tlsServerName: string;
  policy: PolicyName;
  next: number[];
  isNextOnNodata: boolean;
  failover: number[];
  isFailfast: boolean;
  sourceAddress: string | null;
  resolvers: readonly string[];
}

export const OPTION_NAMES = [
  'except',
  'force_tcp',
  'prefer_udp',
  'udp_fallback',
  'expire',
  'max_age',
  'max_idle_conns',
  'read_timeout',
  'timeout',
  'max_fails',
  'max_connect_attempts',
  'health_check',
  'max_concurrent',
  'tls',
  'tls_servername',
  'policy',
  'next',
  'next_on_nodata',
  'failover',
  'failfast_all_unhealthy_upstreams',
  'doh_method',
  'resolver',
  'source_address',
] as const;

const defaults = (): ForwardOptions => ({
  from: ROOT,
  to: [],
  targets: [],
  except: [],
  isTcpForced: false,
  isUdpPreferred: false,
  isUdpFallback: false,
  expireMs: DEFAULT_UPSTREAM_OPTIONS.expireMs,
  maxAgeMs: DEFAULT_UPSTREAM_OPTIONS.maxAgeMs,
  maxIdleConnections: DEFAULT_UPSTREAM_OPTIONS.maxIdleConnections,
  readTimeoutMs: DEFAULT_UPSTREAM_OPTIONS.readTimeoutMs,
  timeoutMs: null,
  maxFails: 2,
  maxConnectAttempts: null,
  healthCheckMs: DEFAULT_UPSTREAM_OPTIONS.health.intervalMs,
  healthCheckDomain: ROOT,
  isHealthCheckRecursive: true,
  maxConcurrent: 0,
  maxConcurrentText: '',
  secureContext: null,
  tlsServerName: '',
  policy: 'random',
  next: [],
  isNextOnNodata: false,
  failover: [],
  isFailfast: false,
  sourceAddress: null,
  resolvers: [],
});

/** Reads `forward FROM TO... { ... }` as it stands once. With `isLenient` a missing resolv.conf is a warning. */
export const readOptions = (occurrence: Occurrence, faults: Faults, isLenient: boolean): ForwardOptions => {
  const options = defaults();
  const [from, ...to] = occurrence.args;
  if (from === undefined) {
    faults.argument(occurrence.name);
    return options;
  }
  readFrom(from, options, faults);
  if (to.length === 0) faults.argument(from);
  const words = new OptionWords(occurrence.body ?? []);
  while (words.next() !== null) if (!readOption(words, options, faults)) words.rest();
  if (options.maxAgeMs > 0 && options.maxAgeMs < options.expireMs)
    faults.add(
      `max_age (${durationText(options.maxAgeMs)}) must not be less than expire (${durationText(options.expireMs)})`,
      occurrence.name,
    );
  readTos(to, options, faults, isLenient);
  return options;
};

const readFrom = (token: Token, options: ForwardOptions, faults: Faults): void => {
  const zones = zonesFromText(token.text);
  const [first] = zones;
  if (first === undefined) {
    faults.add(`unable to normalize '${token.text}'`, token);
    return;
  }
  options.from = first;
  if (zones.length > 1)
    faults.warn(
      `Unsupported CIDR notation: '${token.text}' expands to multiple zones. Using only '${textFromName(first)}'.`,
      token,
    );
};

const readTos = (tokens: readonly Token[], options: ForwardOptions, faults: Faults, isLenient: boolean): void => {
  if (tokens.length === 0) return;
  const faultsBefore = faults.list.length;
  for (const token of tokens) {
    const entry = readOneTo(token, faults, isLenient);
    if (entry !== null) options.to.push({ entry, token });
  }
  if (options.to.length > MAX_TOS)
    faults.add(`more than ${MAX_TOS} TOs configured: ${options.to.length}`, options.to[MAX_TOS]?.token ?? null);
  const known = options.to.flatMap(({ entry, token }) =>
    entry.kind === 'static' ? entry.addresses.map((address) => ({ address, token })) : [],
  );
  const tokenOf = new Map([...known].reverse().map(({ address, token }) => [address, token]));
  const targets: Target[] = [];
  for (const address of distinctAddresses(known.map((one) => one.address))) {
    const target = readTarget(address, options.tlsServerName);
    if ('message' in target) faults.add(target.message, tokenOf.get(address) ?? null, target.hint);
    else targets.push(target);
  }
  options.targets = targets;
  const first = tokens[0] as Token;
  const isNothingToCome = options.to.every(({ entry }) => entry.kind === 'static');
  if (known.length === 0 && isNothingToCome && faults.list.length === faultsBefore)
    faults.add('no valid upstream addresses found', first);
};

/** Null where it was refused, or is a file with no nameserver, which CoreDNS passes over. */
const readOneTo = (token: Token, faults: Faults, isLenient: boolean): ToEntry | null => {
  const { text } = token;
  if (text.startsWith('https://') && text.slice('https://'.length).includes('/')) {
    const message = 'paths are not allowed in HTTPS upstream addresses (the /dns-query path is used by default)';
    faults.add(`${message}: ${text}`, token);
    return null;
  }
  const entry = readTo(text);
  if (entry.kind === 'fault') {
    faults.add(entry.message, token);
    return null;
  }
  if (entry.kind === 'missing') {
    if (isLenient) faults.warn(`${entry.file} cannot be read: forward answers SERVFAIL until it is there`, token);
    else
      faults.add(
        `failed to resolve "${entry.file}": lookup ${entry.file}: no such host`,
        token,
        'there is no such file',
      );
  }
  if (entry.kind === 'host' && entry.host.transport === 'https') {
    const target = readTarget(text, '');
    if ('message' in target) faults.add(target.message, token, target.hint);
  }
  return entry.kind === 'static' && entry.addresses.length === 0 ? null : entry;
};
