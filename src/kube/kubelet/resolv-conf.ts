import { asList, asObject, asText, type RawObject } from '../objects/json.ts';
import { fitLimits, KUBELET_LIMITS, type KubeletEvent, type ResolvConfLimits } from './limits.ts';
import type { ResolvConf } from './parse-resolv-conf.ts';

/** What a node gives to its Pods. */
export interface NodeDns {
  /** kubelet's clusterDNS. */
  readonly clusterDns: readonly string[];
  /** kubelet's clusterDomain, '' for none. */
  readonly clusterDomain: string;
  /** The node's own resolv.conf; null where it has none. */
  readonly host: ResolvConf | null;
  /** Which loopback addresses stand in for a missing resolv.conf; IPv4 unless given. */
  readonly nodeIps?: readonly string[];
  readonly limits?: ResolvConfLimits;
}

/** What kubelet makes of a Pod's DNS settings. */
export interface PodResolvConf {
  readonly conf: ResolvConf;
  readonly events: readonly KubeletEvent[];
}

/** The resolv.conf that kubelet writes for a Pod, given in the API's form. */
export const podResolvConf = (pod: RawObject, node: NodeDns): PodResolvConf => {
  const spec = asObject(pod.spec);
  const namespace = asText(asObject(pod.metadata).namespace);
  const { policy, events } = effectivePolicy(pod, node);
  const base = withoutLimits(policy, namespace, node);
  const fitted = fitLimits(mergeDnsConfig(base, asObject(spec.dnsConfig)), node.limits ?? KUBELET_LIMITS);
  return { conf: fitted.conf, events: [...events, ...fitted.events] };
};

/** In the order in which container runtimes write it; what is empty has no line. */
export const formatResolvConf = ({ searches, nameservers, options }: ResolvConf): string =>
  [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}\n`] : []),
    ...nameservers.map((address) => `nameserver ${address}\n`),
    ...(options.length > 0 ? [`options ${options.join(' ')}\n`] : []),
  ].join('');

type Policy = 'Host' | 'Cluster' | 'None';

const effectivePolicy = (pod: RawObject, node: NodeDns): { policy: Policy; events: readonly KubeletEvent[] } => {
  const spec = asObject(pod.spec);
  const dnsPolicy = asText(spec.dnsPolicy) || 'ClusterFirst';
  if (dnsPolicy === 'None') return { policy: 'None', events: [] };
  // A Pod on the host's network is taken for a part of the node unless it says ClusterFirstWithHostNet.
  const isHost = dnsPolicy === 'Default' || (dnsPolicy === 'ClusterFirst' && spec.hostNetwork === true);
  if (isHost) return { policy: 'Host', events: [] };
  if (node.clusterDns.length > 0) return { policy: 'Cluster', events: [] };
  const message = `pod: "${asText(asObject(pod.metadata).namespace)}/${asText(asObject(pod.metadata).name)}". kubelet does not have ClusterDNS IP configured and cannot create Pod using "${dnsPolicy}" policy. Falling back to "Default" policy.`;
  return { policy: 'Host', events: [{ reason: 'MissingClusterDNS', message }] };
};

const NOTHING: ResolvConf = { nameservers: [], searches: [], options: [] };

const withoutLimits = (policy: Policy, namespace: string, node: NodeDns): ResolvConf => {
  switch (policy) {
    case 'None':
      return NOTHING;
    case 'Host':
      return node.host ?? { nameservers: loopbacks(node.nodeIps ?? []), searches: ['.'], options: [] };
    case 'Cluster':
      return {
        nameservers: node.clusterDns,
        searches: unique([...clusterSearches(namespace, node.clusterDomain), ...(node.host?.searches ?? [])]),
        // The node's options are not inherited.
        options: ['ndots:5'],
      };
  }
};

const clusterSearches = (namespace: string, domain: string): string[] =>
  domain === '' ? [] : [`${namespace}.svc.${domain}`, `svc.${domain}`, domain];

const loopbacks = (nodeIps: readonly string[]): string[] =>
  nodeIps.length === 0 ? ['127.0.0.1'] : unique(nodeIps.map((ip) => (ip.includes(':') ? '::1' : '127.0.0.1')));

/** `dnsConfig` adds servers and domains, and adds or replaces options by name. */
const mergeDnsConfig = (base: ResolvConf, config: RawObject): ResolvConf => ({
  nameservers: unique([...base.nameservers, ...texts(config.nameservers)]),
  searches: unique([...base.searches, ...texts(config.searches)]),
  options: mergeOptions(base.options, asList(config.options)),
});

const mergeOptions = (base: readonly string[], added: readonly unknown[]): string[] => {
  const byName = new Map(base.map((option) => [option.split(':', 1)[0] ?? '', option]));
  for (const item of added) {
    const { name, value } = asObject(item);
    // The API wants text, and people write numbers.
    const hasValue = (typeof value === 'string' && value !== '') || typeof value === 'number';
    const text = hasValue ? `:${value}` : '';
    if (typeof name === 'string' && name !== '') byName.set(name, `${name}${text}`);
  }
  return [...byName.values()];
};

const texts = (value: unknown): string[] => asList(value).filter((item) => typeof item === 'string');
const unique = (list: readonly string[]): string[] => [...new Set(list)];
