import type { Service } from '../objects/service.ts';
import type { ReadyAddress } from './service-entry.ts';

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((text, i) => text === b[i]));

interface PortLike {
  readonly name: string;
  readonly protocol: string;
  readonly port: number | null;
}

/** True where both lists say the same ports in the same order. */
export const samePorts = (a: readonly PortLike[], b: readonly PortLike[]): boolean =>
  a === b ||
  (a.length === b.length &&
    a.every((port, i) => {
      const other = b[i] as PortLike;
      return port.name === other.name && port.port === other.port && port.protocol === other.protocol;
    }));

/** Which zones' records differ: those of the cluster (`internal`), and those of external addresses (`external`). */
export interface ServiceDifference {
  readonly internal: boolean;
  readonly external: boolean;
}

/** How a Service's records change between two versions; null stands for not there. Ports are in both kinds of zone. */
export const serviceDifference = (old: Service | null, now: Service | null): ServiceDifference => {
  const only = old ?? now;
  if (old === null || now === null)
    return { internal: only !== null, external: only !== null && hasExternalAddress(only) };
  if (!samePorts(old.ports, now.ports)) return { internal: true, external: true };
  return {
    internal:
      old.externalName !== now.externalName || old.type !== now.type || !sameTexts(old.clusterIPs, now.clusterIPs),
    external: !sameTexts(old.externalIPs, now.externalIPs) || !sameIngress(old.ingress, now.ingress),
  };
};

const hasExternalAddress = ({ externalIPs, ingress }: Service): boolean => externalIPs.length > 0 || ingress.length > 0;

/** True where the load balancer has the same addresses, or host names where it has no address. */
const sameIngress = (a: Service['ingress'], b: Service['ingress']): boolean =>
  a === b || sameTexts(a.map(ingressText), b.map(ingressText));

const ingressText = ({ ip, hostname }: Service['ingress'][number]): string => ip || hostname;

const sameNames = (a: ReadyAddress, b: ReadyAddress): boolean =>
  a.hostname === b.hostname && a.targetName === b.targetName;

/** True where both lists give the same records. */
export const sameReadyAddresses = (a: readonly ReadyAddress[], b: readonly ReadyAddress[]): boolean =>
  a.length === b.length &&
  a.every((address, i) => address.text === b[i]?.text && sameNames(address, b[i] as ReadyAddress));

/** Names at each address, in order: one address may stand several times in a slice, under several host names. */
const byText = (addresses: readonly ReadyAddress[]): Map<string, ReadyAddress[]> => {
  const groups = new Map<string, ReadyAddress[]>();
  for (const address of addresses) {
    const group = groups.get(address.text);
    if (group === undefined) groups.set(address.text, [address]);
    else group.push(address);
  }
  return groups;
};

/** Texts of addresses that are in one list only, or whose names differ: their reverse records change. */
export const changedAddresses = (old: readonly ReadyAddress[], now: readonly ReadyAddress[]): string[] => {
  const before = byText(old);
  const changed: string[] = [];
  for (const [text, group] of byText(now)) {
    const was = before.get(text);
    before.delete(text);
    if (was === undefined || !sameReadyAddresses(was, group)) changed.push(text);
  }
  for (const text of before.keys()) changed.push(text);
  return changed;
};
