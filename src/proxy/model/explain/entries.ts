import type { ServicePort, ServicePorts } from '../service-port.ts';

export type EntryKind = 'cluster IP' | 'external IP' | 'load balancer' | 'node port';

/** A place where a Service's port takes traffic. */
export interface Entry {
  readonly port: ServicePort;
  readonly kind: EntryKind;
  /** '' for a node port. */
  readonly address: string;
}

/** All entries of a port. */
export const entriesOfPort = (port: ServicePort): readonly Entry[] => [
  { port, kind: 'cluster IP', address: port.clusterIP },
  ...port.externalIPs.map((address): Entry => ({ port, kind: 'external IP', address })),
  ...port.loadBalancerIPs.map((address): Entry => ({ port, kind: 'load balancer', address })),
  ...(port.nodePort === 0 ? [] : [{ port, kind: 'node port', address: '' } as const]),
];

/** Entries at an address, whatever their port; node ports are not looked at. */
export const entriesAt = (ports: ServicePorts, address: string): readonly Entry[] =>
  [...ports.values()].flatMap((port) => entriesOfPort(port).filter((entry) => entry.address === address)).sort(byKey);

/** The entries of a node port. */
export const entriesOfNodePort = (ports: ServicePorts, number: number): readonly Entry[] =>
  [...ports.values()]
    .filter(({ nodePort }) => nodePort === number)
    .map((port): Entry => ({ port, kind: 'node port', address: '' }))
    .sort(byKey);

const byKey = (a: Entry, b: Entry): number => (a.port.key < b.port.key ? -1 : 1);
