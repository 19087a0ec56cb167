import type { Fate } from '#netfilter/packet.ts';
import { addressAndPort } from '#proxy/model/address.ts';
import type { PacketFlow } from './packet-case.ts';

/**
 * '' where a traced packet fares as the flow says, else what is different. Endpoints have to be the same set, with equal chances that
 * add up to 1; a packet that comes back to where it came from is masqueraded whatever the flow says, or the reply would not return.
 */
export const fateMatches = (fate: Fate, { packet, expected }: PacketFlow): string => {
  if (fate.kind !== expected.kind) return `is ${fateText(fate)}, not ${expectedText(expected)}`;
  if (fate.kind !== 'delivered' || expected.kind !== 'delivered') return '';
  const found = fate.to.map(({ address, port }) => addressAndPort(address, port)).sort();
  const wanted = [...expected.to].sort();
  if (found.join(' ') !== wanted.join(' ')) return `goes to ${found.join(' ')}, not to ${wanted.join(' ')}`;
  for (const { address, port, isMasqueraded, chance } of fate.to) {
    const endpoint = addressAndPort(address, port);
    if (isMasqueraded !== (expected.isMasqueraded || address === packet.from))
      return `is ${isMasqueraded ? '' : 'not '}masqueraded to ${endpoint}`;
    if (Math.abs(chance - 1 / fate.to.length) > 1e-6) return `goes to ${endpoint} with a chance of ${chance}`;
  }
  return '';
};

const fateText = (fate: Fate): string =>
  fate.kind === 'delivered'
    ? `delivered to ${fate.to.map(({ address, port }) => addressAndPort(address, port)).join(' ')}`
    : fate.kind;

const expectedText = (expected: PacketFlow['expected']): string =>
  expected.kind === 'delivered' ? `delivered to ${expected.to.join(' ')}` : expected.kind;
