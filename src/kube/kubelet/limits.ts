import type { ResolvConf } from './parse-resolv-conf.ts';

/** What kubelet would tell as an event. */
export interface KubeletEvent {
  readonly reason: 'DNSConfigForming' | 'MissingClusterDNS';
  readonly message: string;
}

/** How much resolv.conf may hold. */
export interface ResolvConfLimits {
  readonly nameservers: number;
  readonly searchPaths: number;
  readonly searchCharacters: number;
}

/** The limits of kubelet since Kubernetes 1.28. */
export const KUBELET_LIMITS: ResolvConfLimits = { nameservers: 3, searchPaths: 32, searchCharacters: 2048 };

/** The longest DNS name in text. */
const MAX_PATH = 253;

/** A resolv.conf cut down to the limits, and an event for each one that was exceeded. */
export const fitLimits = (
  conf: ResolvConf,
  limits: ResolvConfLimits,
): { readonly conf: ResolvConf; readonly events: readonly KubeletEvent[] } => {
  const events: KubeletEvent[] = [];
  const nameservers = conf.nameservers.slice(0, limits.nameservers);
  if (nameservers.length < conf.nameservers.length)
    events.push(forming('Nameserver', 'nameservers', 'nameserver', nameservers));
  const searches = fitSearches(conf.searches, limits);
  if (searches.length < conf.searches.length) events.push(forming('Search Line', 'search paths', 'search', searches));
  return { conf: { nameservers, searches, options: conf.options }, events };
};

const fitSearches = (searches: readonly string[], limits: ResolvConfLimits): string[] => {
  const kept = searches.filter((path) => path.length <= MAX_PATH).slice(0, limits.searchPaths);
  while (kept.join(' ').length > limits.searchCharacters) kept.pop();
  return kept;
};

/** kubelet's own words: people search for them. */
const forming = (what: string, omitted: string, line: string, applied: readonly string[]): KubeletEvent => ({
  reason: 'DNSConfigForming',
  message: `${what} limits were exceeded, some ${omitted} have been omitted, the applied ${line} line is: ${applied.join(' ')}`,
});
