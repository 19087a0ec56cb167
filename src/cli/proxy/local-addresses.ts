import { networkInterfaces } from 'node:os';

/** It has the addresses of Services in IPVS mode, which are no node's own. */
const IPVS_LINK = 'kube-ipvs0';

/** Addresses of all interfaces of this machine. */
export const localAddresses = (): readonly string[] =>
  Object.entries(networkInterfaces())
    .filter(([name]) => name !== IPVS_LINK)
    .flatMap(([, all]) => (all ?? []).map(({ address }) => address));
