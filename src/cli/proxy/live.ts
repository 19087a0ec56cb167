import type { Run } from '#netfilter/run.ts';
import type { ProxyMode } from '#proxy/rule-backend.ts';
import { ProxyFault } from './fault.ts';
import type { LiveDifference } from './live-difference.ts';
import type { FamilyScene } from './scene.ts';

/** Compares the rules of one family in the kernel with those that are wanted. Rejects with CommandError where they can't be read. */
export const liveDifference = async (mode: ProxyMode, family: FamilyScene, run: Run): Promise<LiveDifference> => {
  switch (mode) {
    case 'nftables':
      return (await import('./live-nftables.ts')).nftablesDifference(family, run);
    case 'iptables':
      return (await import('./live-iptables.ts')).iptablesDifference(family, run);
    case 'ipvs':
      throw new ProxyFault(['in ipvs mode the kernel is not read: name two manifest directories']);
  }
};
