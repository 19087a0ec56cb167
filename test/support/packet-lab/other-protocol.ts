import type { Packet } from '#netfilter/packet.ts';
import type { ServicePort, ServicePorts } from '#proxy/model/service-port.ts';
import type { PacketCase } from '#test/packet-table/packet-case.ts';

const OTHER: Readonly<Record<Packet['protocol'], Packet['protocol']>> = { tcp: 'udp', udp: 'tcp', sctp: 'sctp' };

/** The case with TCP and UDP in each other's place, in Services and packets: whatever holds for one has to hold for the other. Health checks stay TCP. */
export const withOtherProtocol = (scene: PacketCase): PacketCase => ({
  ...scene,
  title: `${scene.title}, TCP and UDP exchanged`,
  ports: exchanged(scene.ports),
  flows: scene.flows
    .filter(({ expected }) => expected.kind !== 'accepted')
    .map((flow) => ({ ...flow, packet: { ...flow.packet, protocol: OTHER[flow.packet.protocol] } })),
  previous: scene.previous === null ? null : withOtherProtocol(scene.previous),
});

const exchanged = (ports: ServicePorts): ServicePorts =>
  new Map(
    [...ports.values()].map((port): [string, ServicePort] => {
      const protocol = OTHER[port.protocol];
      const key = port.key.replace(/[^/]*$/, protocol);
      return [key, { ...port, key, protocol }];
    }),
  );
