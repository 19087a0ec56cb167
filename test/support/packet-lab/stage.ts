import type { ServicePort } from '#proxy/model/service-port.ts';
import type { PacketCase, PacketFlow } from '#test/packet-table/packet-case.ts';
import { CONTROL, CONTROL_PORT, NODE, type PacketLab, type Place, WORLD } from './lab.ts';
import type { Listener } from './traffic/orders.ts';

/** The place that answers to an address in a case. */
interface Stand {
  readonly place: Place;
  readonly address: string;
}

/** Has a lab show the cluster of a packet case: who has which address, and behind which node. */
export class Stage {
  readonly lab: PacketLab;
  /** What the world has at all times: addresses that no case has anywhere else. */
  #foreign: ReadonlySet<string> = new Set();

  constructor(lab: PacketLab) {
    this.lab = lab;
  }

  /** Makes at once what the cases need, because places are dear. */
  async prepare(cases: readonly PacketCase[]): Promise<void> {
    const stands = cases.flatMap(standsOf);
    await this.lab.add(stands.map(({ place }) => place));
    const owned = new Set([
      ...stands.map(({ address }) => address),
      ...cases.flatMap(({ machine, flows }) => [...machine.localAddresses, ...flows.map(({ packet }) => packet.from)]),
    ]);
    const foreign = cases.flatMap(strangers).filter((address) => !owned.has(address));
    this.#foreign = new Set([...Object.values(CONTROL), ...foreign]);
    const controls = Object.values(CONTROL).flatMap((address) =>
      (['tcp', 'udp'] as const).map((protocol) => ({
        namespace: this.lab.namespace(WORLD),
        address,
        port: CONTROL_PORT,
        protocol,
      })),
    );
    await this.lab.setWorld(this.#foreign);
    await this.lab.traffic.call('listen', controls);
  }

  /**
   * Has the lab as these cases, which it was prepared for, have it: one of each family, and a listener wherever one of their packets may come to.
   * No packet is lost unless a rule does it, and no connection is known.
   */
  async show(...scenes: readonly PacketCase[]): Promise<void> {
    const stands = scenes.flatMap(standsOf);
    await this.lab.setWorld(new Set([...this.#foreign, ...scenes.flatMap(strangers)]));
    await this.lab.setNode({
      addresses: new Set(scenes.flatMap(({ machine }) => [...machine.localAddresses])),
      routes: new Map(stands.map(({ address, place }) => [address, place.name])),
    });
    const node = this.lab.namespace(NODE);
    await this.lab.traffic.call('setKernel', node, {
      'net/ipv4/conf/all/route_localnet': scenes.some(({ options }) => options.localhostNodePorts) ? '1' : '0',
    });
    await this.lab.traffic.call(
      'listen',
      scenes.flatMap((scene) => this.#listeners(scene, stands)),
    );
    await this.lab.traffic.call('forgetConnections', node);
  }

  /** The place that sends a flow's packets, or would answer to an address. */
  placeOf(scene: PacketCase, address: string): string {
    if (isOwn(scene, address)) return NODE;
    return standsOf(scene).find((stand) => stand.address === address)?.place.name ?? WORLD;
  }

  #listeners(scene: PacketCase, stands: readonly Stand[]): readonly Listener[] {
    const at = (place: string, address: string, port: number, protocol: string): readonly Listener[] =>
      protocol === 'sctp' ? [] : [{ namespace: this.lab.namespace(place), address, port, protocol: protocol as 'tcp' }];
    const endpoints = [...scene.ports.values()].flatMap(({ protocol, clusterEndpoints, localEndpoints }) =>
      [...clusterEndpoints, ...localEndpoints].flatMap(({ address, port }) =>
        placesOf(scene, stands, address).flatMap((place) => at(place, address, port, protocol)),
      ),
    );
    const behind = scene.flows.flatMap(({ packet: { to, port, protocol } }) =>
      at(this.placeOf(scene, to), to, port, protocol),
    );
    return [...endpoints, ...behind];
  }
}

const placesOf = (scene: PacketCase, stands: readonly Stand[], address: string): readonly string[] =>
  isOwn(scene, address) ? [NODE] : stands.filter((stand) => stand.address === address).map(({ place }) => place.name);

/** Every address that is not the node's own, and has a place: endpoints, and where packets come from. */
const standsOf = (scene: PacketCase): readonly Stand[] => {
  const stands = new Map<string, Stand>();
  for (const { packet } of scene.flows) {
    if (isOwn(scene, packet.from) || isOwnVip(scene, packet)) continue;
    stands.set(packet.from, stand(packet.from, 'node', packet.inInterface));
  }
  for (const { address, isLocal } of [...scene.ports.values()].flatMap(endpointsOf))
    if (!isOwn(scene, address) && !stands.has(address))
      stands.set(address, stand(address, isLocal ? 'node' : 'second-node'));
  return [...stands.values()];
};

const endpointsOf = ({ clusterEndpoints, localEndpoints }: ServicePort) => [...clusterEndpoints, ...localEndpoints];

const stand = (address: string, behind: Place['behind'], nodeInterface?: string): Stand => ({
  address,
  place: {
    // What comes in by one interface is one namespace.
    name: nodeInterface === undefined ? `${behind}-${address}` : `by-${nodeInterface}`,
    addresses: [address],
    behind,
    ...(nodeInterface === undefined ? {} : { nodeInterface }),
  },
});

const isOwn = ({ machine }: PacketCase, address: string): boolean =>
  machine.localAddresses.has(address) || address.startsWith('127.');

/** Something else on the node has put the load balancer's address into the packet as its source. */
export const isOwnVip = (scene: PacketCase, { from, to }: PacketFlow['packet']): boolean =>
  from === to && !isOwn(scene, from);

/** Addresses that nobody has: the world answers on them, if a packet comes so far. */
const strangers = (scene: PacketCase): readonly string[] => {
  const known = new Set(standsOf(scene).map(({ address }) => address));
  return scene.flows.map(({ packet }) => packet.to).filter((address) => !isOwn(scene, address) && !known.has(address));
};
