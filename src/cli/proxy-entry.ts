import type { Packet } from '#netfilter/packet.ts';
import type { ServicePort, ServicePorts } from '#proxy/model/service-port.ts';

export type EntryKind = 'cluster IP' | 'external IP' | 'load balancer' | 'node port';

/** A place where a Service takes traffic. */
export interface Entry {
  readonly service: ServicePort;
  readonly kind: EntryKind;
}

/** The entry of an address and port; undefined where no Service has it. Node ports are not looked at. */
export const addressEntry = (
  services: ServicePorts,
  { to, port, protocol }: Pick<Packet, 'to' | 'port' | 'protocol'>,
): Entry | undefined => {
  for (const service of services.values()) {
    if (service.port !== port || service.protocol !== protocol) continue;
    const kind = kindOf(service, to);
    if (kind !== null) return { service, kind };
  }
  return undefined;
};

/** The Service that has a node port. */
export const nodePortEntry = (
  services: ServicePorts,
  { port, protocol }: Pick<Packet, 'port' | 'protocol'>,
): Entry | undefined => {
  for (const service of services.values())
    if (service.nodePort === port && service.protocol === protocol) return { service, kind: 'node port' };
  return undefined;
};

/** All ports of Services that have this address, whatever their number and protocol. */
export const entriesAtAddress = (services: ServicePorts, address: string): Entry[] =>
  [...services.values()].flatMap((service) => {
    const kind = kindOf(service, address);
    return kind === null ? [] : [{ service, kind }];
  });

const kindOf = ({ clusterIP, externalIPs, loadBalancerIPs }: ServicePort, address: string): EntryKind | null => {
  if (clusterIP === address) return 'cluster IP';
  if (loadBalancerIPs.includes(address)) return 'load balancer';
  return externalIPs.includes(address) ? 'external IP' : null;
};
