import { type Direction, isMember } from '#netfilter/ipset/membership.ts';
import { walk } from '#netfilter/iptables/walk.ts';
import { candidates } from '#netfilter/ipvs/scheduling.ts';
import { serviceText } from '#netfilter/ipvs/virtual-server.ts';
import type { Machine, Packet, Trace } from '#netfilter/packet.ts';
import type { ServicePorts } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { plan } from './plan.ts';
import { BASE_JUMPS, remainder } from './remainder.ts';

/** Walks a packet through the iptables remainder, the sets that it asks, and the virtual servers. */
export const trace = (services: ServicePorts, options: RuleOptions, machine: Machine, packet: Packet): Trace => {
  // Node ports need to be told the node's addresses; whoever asks for a walk has told them with the machine.
  const nodeAddresses = [...machine.localAddresses].filter(
    (address) => address.includes(':') === (options.family === 'IPv6'),
  );
  const planned = plan(services, { ...options, ipvs: { nodeAddresses, ...options.ipvs } });
  const rules = remainder(planned, options);
  const sets = new Map(Array.from(planned.sets.values(), (set) => [set.name, set]));
  const chains = {
    nat: new Map(rules.nat.map((chain) => [chain.name, chain.rules])),
    filter: new Map(rules.filter.map((chain) => [chain.name, chain.rules])),
  };
  const local = { localAddresses: new Set([...machine.localAddresses, ...planned.addresses]) };
  return walk(
    {
      rules(table, chain) {
        if (table !== 'nat' && table !== 'filter') return undefined;
        const jumps = BASE_JUMPS.filter((jump) => jump.table === table && jump.from === chain);
        return chains[table].get(chain) ?? jumps.map(({ rule }) => rule);
      },
      isInSet(name, directions: readonly Direction[], walked) {
        const set = sets.get(name);
        return set !== undefined && isMember(set, directions, walked);
      },
      balance({ protocol, to, port }) {
        const server = planned.virtualServers.get(serviceText({ protocol, address: to, port }));
        return server && candidates(server).map(({ real, chance }) => ({ ...real, chance }));
      },
    },
    local,
    packet,
  );
};
