import type { RealServer, VirtualServer } from './virtual-server.ts';

/**
 * Real servers that a new connection may get, with their chances. Schedulers that hash (sh, dh, mh, ...) always give one client the same one; as
 * nothing here knows the kernel's tables, each has the chance that it is that one.
 */
export const candidates = ({
  realServers,
  scheduler,
}: VirtualServer): readonly { readonly real: RealServer; readonly chance: number }[] => {
  const willing = realServers.filter(({ weight }) => weight > 0);
  const isWeighted = scheduler !== 'rr' && scheduler !== 'lc';
  const shareOf = ({ weight }: RealServer): number => (isWeighted ? weight : 1);
  const total = willing.reduce((sum, real) => sum + shareOf(real), 0);
  return willing.map((real) => ({ real, chance: shareOf(real) / total }));
};
