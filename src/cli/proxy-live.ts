import type { Run } from '#netfilter/run.ts';
import type { ProxyMode } from '#proxy/rule-backend.ts';
import { ProxyFault } from './proxy-fault.ts';
import type { FamilyScene } from './proxy-scene.ts';

/** A part of the kernel's rules (a chain, a map) that is not as it should be, in lines that begin with `+` and `-`. */
export interface LiveChange {
  readonly head: string;
  readonly lines: readonly string[];
}

/** What a kernel has, compared with what it should have. */
export interface LiveDifference {
  readonly changes: readonly LiveChange[];
  /** What the tool would be told; '' where nothing is to be done. */
  readonly text: string;
}

/** Compares the rules of one family in the kernel with those that are wanted. Rejects with CommandError where they can't be read. */
export const liveDifference = async (mode: ProxyMode, family: FamilyScene, run: Run): Promise<LiveDifference> => {
  switch (mode) {
    case 'nftables':
      return (await import('./proxy-live-nftables.ts')).nftablesDifference(family, run);
    case 'iptables':
      return (await import('./proxy-live-iptables.ts')).iptablesDifference(family, run);
    case 'ipvs':
      throw new ProxyFault(['in ipvs mode the kernel is not read: name two manifest directories']);
  }
};
