import ipaddr from 'ipaddr.js';
import { mayBeOfOneRange } from '../../cluster-ip-range.ts';
import type { NodeCacheSettings } from '../../settings.ts';
import type { Family } from './names.ts';

/**
 * Where queries to an address go while no cache answers. `service`: it is a cluster IP, and kube-proxy knows; `fallback`: to another one, which takes its
 * place; `nowhere`: to the cache all the same.
 */
export type Elsewhere = 'service' | 'fallback' | 'nowhere';

/** What the permanent table of one family is about. */
export interface Plan {
  readonly family: Family;
  readonly addresses: readonly PlannedAddress[];
  readonly dnsPort: number;
  readonly healthPort: number;
  readonly fallback: string | null;
  /** Whether the kernel has conntrack zones. Without, `markBit` of the connection's mark tells its flows, for one address. */
  readonly hasZones: boolean;
  readonly markBit: number;
}

export interface PlannedAddress {
  readonly address: string;
  readonly elsewhere: Elsewhere;
}

/** null where no address is of this family. */
export const planFor = (
  { addresses, dnsPort, healthPort, fallback, markBit }: NodeCacheSettings,
  family: Family,
  hasZones: boolean,
): Plan | null => {
  const own = addresses.filter((each) => each.family === family);
  if (own.length === 0) return null;
  let rewritten = 0;
  const planned = own.map(({ address }): PlannedAddress => {
    const elsewhere = elsewhereOf(address, fallback[family]);
    const isOneTooMany = elsewhere === 'fallback' && ++rewritten > 1 && !hasZones;
    return { address, elsewhere: isOneTooMany ? 'nowhere' : elsewhere };
  });
  return { family, addresses: planned, dnsPort, healthPort, fallback: fallback[family], hasZones, markBit };
};

/** A cluster IP of another range is taken for a made-up address, and loses nothing: the fallback has the same endpoints. */
const elsewhereOf = (address: string, fallback: string | null): Elsewhere => {
  const parsed = ipaddr.parse(address);
  const isLinkLocal = parsed.range() === 'linkLocal';
  // Clients of such an address have one themselves, and the kernel forwards nothing from there.
  if (isLinkLocal && parsed.kind() === 'ipv6') return 'nowhere';
  if (fallback === null) return isLinkLocal ? 'nowhere' : 'service';
  return isLinkLocal || !mayBeOfOneRange(address, fallback) ? 'fallback' : 'service';
};
