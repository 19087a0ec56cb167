import { asList, asObject, asText } from './json.ts';
import { projectLabels, projectMeta } from './meta.ts';

export interface NodeAddress {
  /** InternalIP, ExternalIP, Hostname, ... */
  readonly type: string;
  readonly address: string;
}

/** A Node, cut down to what is used. */
export interface Node {
  readonly kind: 'Node';
  readonly namespace: '';
  readonly name: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  /** In the order of the API: the first InternalIP of a family is the node's primary one. */
  readonly addresses: readonly NodeAddress[];
  readonly podCIDRs: readonly string[];
  /** It is being deleted, or the cluster autoscaler has marked it for that. */
  readonly isLeaving: boolean;
}

/** The taint that the cluster autoscaler sets before it removes a node. */
const TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler';

/** A Node from its JSON or YAML form; null where it has no name. */
export const projectNode = (raw: unknown): Node | null => {
  const meta = projectMeta(raw);
  if (meta === null) return null;
  const { podCIDR, podCIDRs, taints } = asObject(asObject(raw).spec);
  const { deletionTimestamp, labels } = meta.raw;
  const cidrs = asList(podCIDRs).filter((cidr): cidr is string => typeof cidr === 'string' && cidr !== '');
  if (cidrs.length === 0 && asText(podCIDR) !== '') cidrs.push(asText(podCIDR));
  return {
    kind: 'Node',
    namespace: '',
    name: meta.name,
    resourceVersion: meta.resourceVersion,
    labels: projectLabels(labels),
    addresses: asList(asObject(asObject(raw).status).addresses).map((item) => {
      const { type, address } = asObject(item);
      return { type: asText(type), address: asText(address) };
    }),
    podCIDRs: cidrs,
    isLeaving:
      (deletionTimestamp !== undefined && deletionTimestamp !== null) ||
      asList(taints).some((taint) => asText(asObject(taint).key) === TO_BE_DELETED),
  };
};
