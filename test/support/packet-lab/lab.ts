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
  readonly #places = new Map<string, { readonly behind: Place['behind']; readonly addresses: Set<string> }>();
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

  /** Runs commands on the node. */
  readonly runOnNode: Run = (command, args, input) =>
    runCommand('ip', ['netns', 'exec', this.namespace(NODE), command, ...args], input);

  /** Makes those of the places and addresses that are not there yet. */
  async add(places: readonly Place[]): Promise<void> {
    const fresh = new Map(places.filter(({ name }) => !this.#places.has(name)).map((place) => [place.name, place]));
    const lines = new Map<string, string[]>();
    for (const { name, behind, addresses } of places) {
      const known = this.#places.get(name) ?? { behind, addresses: new Set() };
      this.#places.set(name, known);
      const own = lines.get(name) ?? [];
      lines.set(name, own);
      for (const address of addresses) {
        if (!known.addresses.has(address)) own.push(`address add ${host(address)} dev eth0${nodad(address)}`);
        known.addresses.add(address);
      }
    }
    await this.#namespaces.add([...fresh.keys()]);
    for (const router of [NODE, SECOND_NODE] as const)
      await this.#link(
        router,
        [...fresh.values()].filter(({ behind }) => behind === router),
      );
    await this.#each(lines, ([name, batch]) => ipBatch(batch, this.namespace(name)));
  }

  /** Has these addresses on the node's loopback device, and no others besides loopback's own. */
  async setNodeAddresses(wanted: ReadonlySet<string>): Promise<void> {
    await this.#setLoopback(NODE, this.#nodeAddresses, wanted);
  }

  /** Has one more address on the node for so long. */
  async withNodeAddress(address: string, act: () => Promise<void>): Promise<void> {
    await ipBatch([`address add ${host(address)} dev lo${nodad(address)}`], this.namespace(NODE));
    await act();
    await ipBatch([`address delete ${host(address)} dev lo`], this.namespace(NODE));
  }

  /** The world answers on these, too. */
  async addWorldAddresses(addresses: Iterable<string>): Promise<void> {
    await this.#setLoopback(WORLD, this.#worldAddresses, new Set([...this.#worldAddresses, ...addresses]));
  }

  /** Has the routers send packets for each of these addresses to its place, and all others to the world. */
  async setRoutes(wanted: ReadonlyMap<string, string>): Promise<void> {
    const lines = { [NODE]: [] as string[], [SECOND_NODE]: [] as string[] };
    for (const [address, name] of this.#routes) {
      if (wanted.get(address) === name) continue;
      if (this.#isRemote(name)) lines[SECOND_NODE].push(`route delete ${host(address)}`);
      if (!wanted.has(address)) lines[NODE].push(`route delete ${host(address)}`);
    }
    for (const [address, name] of wanted) {
      if (this.#routes.get(address) === name) continue;
      lines[NODE].push(this.#route(address, this.#isRemote(name) ? SECOND_NODE : name));
      if (this.#isRemote(name)) lines[SECOND_NODE].push(this.#route(address, name));
    }
    await Promise.all(([NODE, SECOND_NODE] as const).map((router) => ipBatch(lines[router], this.namespace(router))));
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
      const device = nodeInterface ?? `to-${number}`;
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
        // A place that asks for 127.0.0.1 means the node's, and hears from it.
        ...['link set lo up', 'address delete 127.0.0.1/8 dev lo', 'link set eth0 up'],
        ...own.flatMap((address) => [
          `neighbour replace ${address} lladdr ${near} dev eth0 nud permanent`,
          `route add ${DEFAULT[family(address)]} via ${address} dev eth0 onlink`,
        ]),
      ]);
    }
    await ipBatch(pairs);
    await ipBatch(ends, this.namespace(router));
    await this.#each(inside, async ([name, lines]) => {
      await this.traffic.call('setKernel', this.namespace(name), { 'net/ipv4/conf/all/route_localnet': '1' });
      await ipBatch(lines, this.namespace(name));
    });
  }

  #isRemote(place: string): boolean {
    return this.#places.get(place)?.behind === 'second-node';
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
