import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fate, Machine, Packet } from '#netfilter/packet.ts';
import { iptables } from '#proxy/backends/iptables/index.ts';
import { nftables } from '#proxy/backends/nftables/index.ts';
import { addressAndPort } from '#proxy/model/address.ts';
import type { ServicePorts } from '#proxy/model/service-port.ts';
import type { IpFamily, LocalTraffic, RuleOptions } from '#proxy/rule-options.ts';
import { oracle } from '../support/packet-table/oracle.ts';
import { portsOf } from '../support/packet-table/packet-case.ts';
import { runs } from '../support/property-runs.ts';
import { objectsAfter, RANDOM_NODE, randomChanges } from '../support/random-cluster/random-cluster.ts';

const MACHINE: Machine = {
  localAddresses: new Set(['192.168.0.2', '192.168.1.2', '2001:db8::2', '127.0.0.1', '::1']),
};

/** Pods here and there, the node, a client outside, a load balancer as a sender. */
const SENDERS: Readonly<Record<IpFamily, readonly string[]>> = {
  IPv4: ['10.180.0.1', '10.180.0.9', '192.168.0.2', '203.0.113.2', '203.0.113.200', '198.51.100.11', '127.0.0.1'],
  IPv6: ['fd00:10:180::1', 'fd00:10:180::9', '2001:db8::2', '2001:db8:99::9', '::1'],
};

/** What may be sent to besides the addresses of Services. */
const PLACES: Readonly<Record<IpFamily, readonly string[]>> = {
  IPv4: ['192.168.0.2', '192.168.1.2', '172.30.0.250', '127.0.0.1', '198.18.0.1'],
  IPv6: ['2001:db8::2', 'fd00:172:30::250', '::1', '2001:db8:77::1'],
};

const local = (family: IpFamily): fc.Arbitrary<LocalTraffic> =>
  fc.constantFrom<LocalTraffic>(
    { by: 'cidr', cidr: family === 'IPv4' ? '10.0.0.0/8' : 'fd00:10::/32' },
    { by: 'none' },
    { by: 'interface', name: 'cni0' },
    { by: 'interface-prefix', prefix: 'veth' },
  );

const options = (family: IpFamily): fc.Arbitrary<RuleOptions> =>
  fc
    .record({
      localTraffic: local(family),
      masqueradeAll: fc.boolean(),
      nodePortAddresses: fc.constantFrom<'all' | readonly string[]>('all', [
        family === 'IPv4' ? '192.168.0.2' : '2001:db8::2',
      ]),
      localhostNodePorts: fc.boolean(),
      serviceCidrs: fc.constantFrom<readonly string[]>([], [family === 'IPv4' ? '172.30.0.0/16' : 'fd00:172:30::/112']),
    })
    .map((chosen) => ({
      ...chosen,
      family,
      localhostNodePorts: family === 'IPv4' && chosen.nodePortAddresses === 'all' && chosen.localhostNodePorts,
      masqueradeMark: 0x4000,
      conntrackTcpBeLiberal: false,
      hasRandomFully: true,
      hasNfacct: false,
    }));

const packetsTo = (ports: ServicePorts, family: IpFamily): fc.Arbitrary<Packet> => {
  const all = [...ports.values()];
  const addresses = all.flatMap(({ clusterIP, externalIPs, loadBalancerIPs }) => [
    clusterIP,
    ...externalIPs,
    ...loadBalancerIPs,
  ]);
  const numbers = all.flatMap(({ port, nodePort, healthCheckNodePort }) => [port, nodePort, healthCheckNodePort]);
  return (
    fc
      .record({
        from: fc.constantFrom(...SENDERS[family]),
        to: fc.constantFrom(...addresses, ...PLACES[family]),
        protocol: fc.constantFrom<Packet['protocol']>('tcp', 'tcp', 'udp', 'sctp'),
        port: fc.constantFrom(80, 30081, ...numbers.filter((number) => number !== 0)),
        inInterface: fc.constantFrom('cni0', 'veth1', 'eth0'),
      })
      // Loopback talks to itself alone: the kernel drops all else before there is a rule.
      .filter(({ from, to }) => isLoopback(from) === isLoopback(to))
      .map(({ inInterface, ...packet }) =>
        MACHINE.localAddresses.has(packet.from) ? packet : { ...packet, inInterface },
      )
  );
};

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

const worlds = fc.constantFrom<IpFamily>('IPv4', 'IPv4', 'IPv6').chain((family) =>
  randomChanges(60)
    .map((changes) => portsOf(objectsAfter(changes), RANDOM_NODE, family))
    .chain((ports) =>
      fc.record({
        ports: fc.constant(ports),
        options: options(family),
        packets: fc.array(packetsTo(ports, family), { minLength: 30, maxLength: 30 }),
      }),
    ),
);

const fateText = (fate: Fate): string =>
  fate.kind === 'delivered'
    ? fate.to
        .map(({ address, port, chance, isMasqueraded }) =>
          [addressAndPort(address, port), chance.toFixed(6), isMasqueraded ? 'masqueraded' : 'as it is'].join(' '),
        )
        .sort()
        .join(', ')
    : fate.kind;

describe.each([nftables, iptables])('planned rules of any cluster', (backend) => {
  it(`do with any packet what the model decides: ${backend.mode}`, () => {
    fc.assert(
      fc.property(worlds, ({ ports, options: chosen, packets }) => {
        for (const packet of packets) {
          const world = { mode: backend.mode, ports, options: chosen, machine: MACHINE };
          const { fate, steps } = backend.trace(ports, chosen, MACHINE, packet);
          const wanted = fateText(oracle(world, packet));
          if (fateText(fate) !== wanted)
            expect({ packet, fate: fateText(fate), steps }).toEqual({ packet, fate: wanted, steps });
        }
      }),
      runs(40),
    );
  });
});
