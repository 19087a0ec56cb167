import { asList, asObject } from './json.ts';
import { projectMeta } from './meta.ts';

/** A ServiceCIDR: ranges that ClusterIPs come from. */
export interface ServiceCidr {
  readonly kind: 'ServiceCIDR';
  readonly namespace: '';
  readonly name: string;
  readonly resourceVersion: string;
  readonly cidrs: readonly string[];
}

/** A ServiceCIDR from its JSON or YAML form; null where it has no name. */
export const projectServiceCidr = (raw: unknown): ServiceCidr | null => {
  const meta = projectMeta(raw);
  if (meta === null) return null;
  const { cidrs } = asObject(asObject(raw).spec);
  return {
    kind: 'ServiceCIDR',
    namespace: '',
    name: meta.name,
    resourceVersion: meta.resourceVersion,
    cidrs: asList(cidrs).filter((cidr): cidr is string => typeof cidr === 'string' && cidr !== ''),
  };
};
