import type { SecureContext } from 'node:tls';
import type { Clock } from '#upstream/clock.ts';
import { endpointText } from '#upstream/endpoint.ts';
import type { OpenLink } from '#upstream/udp-link.ts';
import { DEFAULT_UPSTREAM_OPTIONS, Upstream, type UpstreamOptions } from '#upstream/upstream.ts';
import type { Durations, ForwardMetrics } from './metrics.ts';
import type { ForwardOptions } from './options.ts';
import { hostResolver, type ResolveHost } from './resolve-host.ts';
import { distinctAddresses, readTarget, type Target } from './targets.ts';
import { secureContextFromFiles } from './tls-files.ts';
import { addressesOfFile, resolvedAddress, type ToEntry } from './to.ts';

/** An upstream with what is counted of its exchanges. */
export interface Site {
  readonly upstream: Upstream;
  readonly durations: Durations;
}

/** The targets of all TOs, host names resolved. Rejects in CoreDNS's words. */
export const resolveTargets = async (
  options: ForwardOptions,
  clock: Clock,
  resolve: ResolveHost = hostResolver(options.resolvers, clock),
): Promise<Target[]> => {
  const addresses: string[] = [];
  for (const { entry } of options.to) addresses.push(...(await addressesOf(entry, resolve)));
  const targets: Target[] = [];
  for (const address of distinctAddresses(addresses)) {
    const target = readTarget(address, options.tlsServerName);
    if ('message' in target) throw new Error(target.message);
    targets.push(target);
  }
  return targets;
};

const addressesOf = async (entry: ToEntry, resolve: ResolveHost): Promise<readonly string[]> => {
  if (entry.kind === 'static') return entry.addresses;
  if (entry.kind === 'missing') return lateAddresses(entry.file);
  if (entry.kind === 'fault') return [];
  const { host } = entry;
  try {
    return (await resolve(host.hostname)).map((ip) => resolvedAddress(ip, host));
  } catch (cause) {
    throw new Error(`failed to resolve ${JSON.stringify(host.hostname)}: ${(cause as Error).message}`, { cause });
  }
};

/** Nameservers of a file that was not there at first; none while it still is not. */
const lateAddresses = (file: string): readonly string[] => {
  const found = addressesOfFile(file);
  return found === null || found instanceof Error ? [] : found;
};

/** Targets of the resolv.conf files that were missing when the Corefile was read. */
export const lateTargets = (options: ForwardOptions): Target[] => {
  const addresses = options.to.flatMap(({ entry }) => (entry.kind === 'missing' ? lateAddresses(entry.file) : []));
  const targets = distinctAddresses(addresses).map((address) => readTarget(address, options.tlsServerName));
  return targets.filter((target): target is Target => !('message' in target));
};

/** Makes an upstream of each target. Opens nothing. */
export const makeSites = (
  targets: readonly Target[],
  options: ForwardOptions,
  {
    metrics,
    clock,
    probeTimeoutMs,
    openLink,
  }: {
    readonly metrics: ForwardMetrics;
    readonly clock: Clock;
    readonly probeTimeoutMs: number;
    readonly openLink: OpenLink;
  },
): Site[] => {
  let context: SecureContext | null = options.secureContext;
  return targets.map((target) => {
    if (target.isTls) context ??= secureContextFromFiles([]);
    const serverName = options.tlsServerName || target.serverName;
    const tls = target.isTls ? { context: context as SecureContext, serverName } : null;
    const endpoint = { host: target.host, port: target.port, tls, sourceAddress: options.sourceAddress };
    const to = endpointText(endpoint);
    const upstream = new Upstream(
      endpoint,
      upstreamOptions(options, probeTimeoutMs),
      metrics.upstream(to),
      clock,
      openLink,
    );
    return { upstream, durations: metrics.durations(to) };
  });
};

const upstreamOptions = (options: ForwardOptions, probeTimeoutMs: number): UpstreamOptions => ({
  expireMs: options.expireMs,
  maxAgeMs: options.maxAgeMs,
  maxIdleConnections: options.maxIdleConnections,
  readTimeoutMs: options.readTimeoutMs,
  maxConnections: DEFAULT_UPSTREAM_OPTIONS.maxConnections,
  isUdpFallback: options.isUdpFallback,
  health: {
    intervalMs: options.healthCheckMs,
    timeoutMs: probeTimeoutMs,
    domain: options.healthCheckDomain,
    isRecursionDesired: options.isHealthCheckRecursive,
    // With another way left, one that does without TCP is not down.
    isTcp: options.isTcpForced && !options.isUdpFallback,
  },
});
