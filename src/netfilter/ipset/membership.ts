import ipaddr from 'ipaddr.js';
import type { Packet } from '../packet.ts';
import { type IpSet, portMember } from './ip-set.ts';

export type Direction = 'src' | 'dst';

/** Whether `--match-set NAME DIRECTIONS` takes a packet. A port is the destination's: nobody asks a set for the source port. */
export const isMember = ({ type, members }: IpSet, directions: readonly Direction[], packet: Packet): boolean => {
  const { protocol, port } = packet;
  const [first, , third] = directions.map((direction) => (direction === 'src' ? packet.from : packet.to));
  switch (type) {
    case 'bitmap:port':
      return members.has(String(port));
    case 'hash:ip':
      return members.has(first ?? '');
    case 'hash:ip,port':
      return members.has(portMember(first ?? '', protocol, port));
    case 'hash:ip,port,ip':
      return members.has(`${portMember(first ?? '', protocol, port)},${third}`);
    case 'hash:ip,port,net':
      return isInRange(members, portMember(first ?? '', protocol, port), third ?? '');
  }
};

/** Looks through all members: only a walk by hand asks. */
const isInRange = (members: ReadonlySet<string>, entry: string, address: string): boolean => {
  const parsed = ipaddr.parse(address);
  for (const member of members) {
    if (!member.startsWith(`${entry},`)) continue;
    const range = member.slice(entry.length + 1);
    const [network, bits] = range.includes('/')
      ? ipaddr.parseCIDR(range)
      : [ipaddr.parse(range), range.includes(':') ? 128 : 32];
    if (network.kind() === parsed.kind() && parsed.match(network, bits)) return true;
  }
  return false;
};
