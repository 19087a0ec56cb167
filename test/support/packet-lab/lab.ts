import { type Run, runCommand } from '#netfilter/run.ts';
import { ipBatch, Namespaces } from './namespaces.ts';
import { Traffic } from './traffic.ts';

/** Where packets come from and go to: a network namespace with addresses of its own. */
export interface Place {
  readonly name: string;
  readonly addresses: readonly string[];
  /** The router that it hangs on; the world is behind the node. */
  readonly behind: 'node' | 'second-node';
  /** What the node calls its interface to it; any name where it is not said. */
  readonly nodeInterface?: string;
}

/** Which iptables a command means. */
export type IptablesVariant = 'nft' | 'legacy';

export const NODE = 'node';
export const SECOND_NODE = 'second-node';
/** Takes every packet that no rule sends anywhere else: all routes lead there. */
export const WORLD = 'world';

/**
 * The node's own end of each link has these, so what the node masquerades comes from them, and from no other of its addresses: told apart
 * from a packet that a node address sent itself.
 */
export const LINK_ADDRESSES: Readonly<Record<4 | 6, string>> = { 4: '169.254.1.1', 6: 'fd99::1' };

/** Likewise those of the second node. */
const SECOND_LINK_ADDRESSES: Readonly<Record<4 | 6, string>> = { 4: '169.254.1.2', 6: 'fd99::2' };

/** A link from a router to a place. */
interface Link {
  readonly routerInterface: string;
  readonly gateways: Readonly<Record<4 | 6, string>>;
}

const family = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);
const DEFAULT: Readonly<Record<4 | 6, string>> = { 4: '0.0.0.0/0', 6: '::/0' };
const host = (address: string): string => `${address}/${family(address) === 6 ? 128 : 32}`;

/** Forwards, never limits what ICMP says, asks for no reverse path, and has its IPv6 addresses at once. */
const ROUTER_KERNEL: Readonly<Record<string, string>> = {
  'net/ipv4/ip_forward': '1',
  'net/ipv6/conf/all/forwarding': '1',
  'net/ipv4/icmp_ratelimit': '0',
  'net/ipv4/icmp_ratemask': '0',
  'net/ipv6/icmp/ratelimit': '0',
  'net/ipv6/icmp/ratemask': '',
  'net/ipv4/conf/all/rp_filter': '0',
  'net/ipv4/conf/default/rp_filter': '0',
  'net/ipv6/conf/default/accept_dad': '0',
};

/**
 * A node between network namespaces, for real packets:
 *
 *   places (pods, clients) --- node --- second-node --- places
 *                                |
 *                              world
 *
 * Each place is a namespace with a link of its own. Two places may have one address (a pod here, and in another case on the second node): the
 * node's routes say which of them is meant. Needs root.
 */
export class PacketLab {
  readonly traffic: Traffic;
  readonly #namespaces: Namespaces;
  readonly #links = new Map<string, Link>();
  readonly #places = new Map<string, Place>();
  /** Address -> the place that the node sends it to. */
  readonly #routes = new Map<string, string>();
  readonly #nodeAddresses = new Set<string>();
  readonly #worldAddresses = new Set<string>();

  private constructor(namespaces: Namespaces, traffic: Traffic) {
    this.#namespaces = namespaces;
    this.traffic = traffic;
  }

  static async open(): Promise<PacketLab> {
    const namespaces = new Namespaces();
    let traffic: Traffic | undefined;
    try {
      traffic = await Traffic.start();
      const lab = new PacketLab(namespaces, traffic);
      await lab.#build();
      return lab;
    } catch (error) {
      await traffic?.stop();
      namespaces.remove();
      throw error;
    }
  }

  /** Name of the network namespace of a place, of `NODE`, `SECOND_NODE` or `WORLD`. */
  namespace(place: string): string {
    return this.#namespaces.nameOf(place);
  }

  /** The place of a network namespace. */
  placeOf(namespace: string): string {
    return namespace.slice(this.#namespaces.nameOf('').length);
  }

  /** Runs commands on the node; `iptables` and its like are those of the variant. */
  runOnNode(variant: IptablesVariant = 'nft'): Run {
    return (command, args, input) => {
      const named = command.replace(/^(ip6?tables)(?!-nft|-legacy)/, `$1-${variant}`);
      return runCommand('ip', ['netns', 'exec', this.namespace(NODE), named, ...args], input);
    };
  }

  /** Makes those of the places that are not there yet. */
  async add(places: readonly Place[]): Promise<void> {
    const fresh = places.filter(({ name }) => !this.#places.has(name));
    for (const place of fresh) this.#places.set(place.name, place);
    await this.#namespaces.add(fresh.map(({ name }) => name));
    await this.#link(
      NODE,
      fresh.filter(({ behind }) => behind === 'node'),
    );
    await this.#link(
      SECOND_NODE,
      fresh.filter(({ behind }) => behind === 'second-node'),
    );
    await this.#each(fresh, ({ name, addresses }) =>
      ipBatch(
        addresses.map((address) => `address add ${host(address)} dev eth0${nodad(address)}`),
        this.namespace(name),
      ),
    );
  }

  /** Has these addresses on the node's loopback device, and no others besides loopback's own. */
  async setNodeAddresses(wanted: ReadonlySet<string>): Promise<void> {
    await this.#setLoopback(NODE, this.#nodeAddresses, wanted);
  }

  /** The world answers on these, too. */
  async addWorldAddresses(addresses: Iterable<string>): Promise<void> {
    await this.#setLoopback(WORLD, this.#worldAddresses, new Set([...this.#worldAddresses, ...addresses]));
  }

  /** Has the node send packets for the addresses of these places there, and all others to the world. */
  async setRoutes(places: readonly string[]): Promise<void> {
    const wanted = new Map<string, string>();
    for (const name of places) for (const address of this.#places.get(name)?.addresses ?? []) wanted.set(address, name);
    const lines: string[] = [];
    for (const address of this.#routes.keys()) if (!wanted.has(address)) lines.push(`route delete ${host(address)}`);
    const remote: string[] = [];
    for (const [address, name] of wanted) {
      if (this.#routes.get(address) === name) continue;
      const isRemote = this.#places.get(name)?.behind === 'second-node';
      lines.push(this.#route(address, isRemote ? SECOND_NODE : name));
      if (isRemote) remote.push(this.#route(address, name));
    }
    await ipBatch(remote, this.namespace(SECOND_NODE));
    await ipBatch(lines, this.namespace(NODE));
    this.#routes.clear();
    for (const [address, name] of wanted) this.#routes.set(address, name);
  }

  async close(): Promise<void> {
    await this.traffic.stop();
    this.#namespaces.remove();
  }

  async #build(): Promise<void> {
    await this.#namespaces.add([NODE, SECOND_NODE, WORLD]);
    for (const router of [NODE, SECOND_NODE]) {
      await ipBatch(['link set lo up'], this.namespace(router));
      await this.traffic.call('setKernel', this.namespace(router), ROUTER_KERNEL);
    }
    await this.#link(NODE, [
      { name: SECOND_NODE, nodeInterface: 'to-second' },
      { name: WORLD, nodeInterface: 'to-world' },
    ]);
    await ipBatch([this.#route(DEFAULT[4], WORLD), this.#route(DEFAULT[6], WORLD)], this.namespace(NODE));
  }

  /** Links places to their router: their default route leads there, over neighbours that nobody has to ask for. */
  async #link(router: string, places: readonly Pick<Place, 'name' | 'nodeInterface'>[]): Promise<void> {
    const pairs: string[] = [];
    const ends: string[] = [];
    const inside = new Map<string, readonly string[]>();
    const own = Object.values(router === NODE ? LINK_ADDRESSES : SECOND_LINK_ADDRESSES);
    for (const { name, nodeInterface } of places) {
      const number = this.#links.size + 1;
      const device = nodeInterface ?? `veth${number}`;
      const [near, far] = [macAddress(1, number), macAddress(2, number)];
      const gateways = { 4: `169.254.${2 + (number >> 8)}.${number & 255}`, 6: `fd99::1:${number.toString(16)}` };
      this.#links.set(name, { routerInterface: device, gateways });
      pairs.push(
        `link add ${device} address ${near} netns ${this.namespace(router)} type veth peer name eth0 address ${far} netns ${this.namespace(name)}`,
      );
      ends.push(
        ...own.map((address) => `address add ${host(address)} dev ${device}${nodad(address)}`),
        `link set ${device} up`,
        ...Object.values(gateways).map(
          (gateway) => `neighbour replace ${gateway} lladdr ${far} dev ${device} nud permanent`,
        ),
      );
      inside.set(name, [
        ...['link set lo up', 'link set eth0 up'],
        ...own.flatMap((address) => [
          `neighbour replace ${address} lladdr ${near} dev eth0 nud permanent`,
          `route add ${DEFAULT[family(address)]} via ${address} dev eth0 onlink`,
        ]),
      ]);
    }
    await ipBatch(pairs);
    await ipBatch(ends, this.namespace(router));
    await this.#each(inside, ([name, lines]) => ipBatch(lines, this.namespace(name)));
  }

  #route(address: string, place: string): string {
    const link = this.#links.get(place);
    if (link === undefined) throw new Error(`the lab has no ${place}`);
    const target = address.includes('/') ? address : host(address);
    return `route replace ${target} via ${link.gateways[family(address)]} dev ${link.routerInterface} onlink`;
  }

  async #setLoopback(place: string, present: Set<string>, wanted: ReadonlySet<string>): Promise<void> {
    const lines: string[] = [];
    for (const address of present) {
      if (wanted.has(address)) continue;
      lines.push(`address delete ${host(address)} dev lo`);
      present.delete(address);
    }
    for (const address of wanted) {
      if (present.has(address) || isLoopback(address)) continue;
      lines.push(`address add ${host(address)} dev lo${nodad(address)}`);
      present.add(address);
    }
    await ipBatch(lines, this.namespace(place));
  }

  /** A few at a time: each is a process. */
  async #each<T>(items: Iterable<T>, act: (item: T) => Promise<void>): Promise<void> {
    const left = [...items];
    const lane = async (): Promise<void> => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item);
    };
    await Promise.all(Array.from({ length: 4 }, lane));
  }
}

const nodad = (address: string): string => (family(address) === 6 ? ' nodad' : '');

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

/** Locally administered; the side in one octet, the link's number in two. */
const macAddress = (side: number, number: number): string =>
  [0x02, 0, 0, side, number >> 8, number & 255].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
