import { type Run, runCommand } from '#netfilter/run.ts';
import { inNamespace } from './in-namespace.ts';
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

/** The world answers on these, which no rule is about. */
export const CONTROL: Readonly<Record<4 | 6, string>> = { 4: '198.18.0.1', 6: 'fd98::1' };
export const CONTROL_PORT = 7;

/** Likewise those of the second node. */
const SECOND_LINK_ADDRESSES: Readonly<Record<4 | 6, string>> = { 4: '169.254.1.2', 6: 'fd99::2' };

/** What the node is to have, and nothing else; as it was where it is not said. */
export interface NodeSetting {
  /** On the loopback device, besides loopback's own. */
  readonly addresses?: ReadonlySet<string>;
  /** Address -> the place that packets for it go to. All others go to the world. */
  readonly routes?: ReadonlyMap<string, string>;
}

/** What the node has in place of a command of the path: a program, and its first arguments. */
export type Commands = Readonly<Record<string, readonly string[]>>;

/** The second node's routes for what the node sends it. */
const FROM_NODE = 100;

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
  #routes: ReadonlyMap<string, string> = new Map();
  #nodeAddresses: ReadonlySet<string> = new Set();
  #worldAddresses: ReadonlySet<string> = new Set();

  readonly #commands: Commands;

  private constructor(namespaces: Namespaces, traffic: Traffic, commands: Commands) {
    this.#namespaces = namespaces;
    this.traffic = traffic;
    this.#commands = commands;
  }

  static async open(commands: Commands = {}): Promise<PacketLab> {
    const namespaces = new Namespaces();
    let traffic: Traffic | undefined;
    try {
      traffic = await Traffic.start();
      const lab = new PacketLab(namespaces, traffic, commands);
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

  /** Runs commands on the node: a process is in the namespace of the thread that starts it. */
  readonly runOnNode: Run = (command, args, input) =>
    inNamespace(`/run/netns/${this.namespace(NODE)}`, () => {
      const [program = command, ...first] = this.#commands[command] ?? [];
      return runCommand(program, [...first, ...args], input);
    });

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
    await this.#each(
      [...lines].filter(([, batch]) => batch.length > 0),
      async ([name, batch]) => {
        await ipBatch(batch, this.namespace(name));
        await this.#settled(name, this.#places.get(name)?.addresses);
      },
    );
    // What comes from the node is for a place behind the second one, and all else for the node: these routes need not change.
    const remote = places.filter(({ behind }) => behind === SECOND_NODE);
    await ipBatch(
      remote.flatMap(({ name, addresses }) =>
        addresses.map((address) => `${this.#route(address, name)} table ${FROM_NODE}`),
      ),
      this.namespace(SECOND_NODE),
    );
  }

  /** One process for all of it, and none where nothing changes: cases differ in little. */
  async setNode({ addresses = this.#nodeAddresses, routes = this.#routes }: NodeSetting): Promise<void> {
    const lines = [...loopbackLines(this.#nodeAddresses, addresses), ...this.#routeLines(routes)];
    await ipBatch(lines, this.namespace(NODE));
    if (addresses !== this.#nodeAddresses) await this.#settled(NODE, addresses);
    this.#nodeAddresses = addresses;
    this.#routes = routes;
  }

  /** Has one more address on the node for so long. */
  async withNodeAddress(address: string, act: () => Promise<void>): Promise<void> {
    await ipBatch([`address add ${host(address)} dev lo${nodad(address)}`], this.namespace(NODE));
    await this.#settled(NODE, [address]);
    await act();
    await ipBatch([`address delete ${host(address)} dev lo`], this.namespace(NODE));
  }

  /** Has the world answer on these, and on no others. */
  async setWorld(addresses: ReadonlySet<string>): Promise<void> {
    await ipBatch(loopbackLines(this.#worldAddresses, addresses), this.namespace(WORLD));
    await this.#settled(WORLD, addresses);
    this.#worldAddresses = addresses;
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
    const rule = [`rule add iif eth0 table ${FROM_NODE}`];
    for (const each of [4, 6] as const) await ipBatch(rule, this.namespace(SECOND_NODE), each);
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

  #routeLines(wanted: ReadonlyMap<string, string>): readonly string[] {
    return [
      ...[...this.#routes.keys()]
        .filter((address) => !wanted.has(address))
        .map((address) => `route delete ${host(address)}`),
      ...[...wanted]
        .filter(([address, place]) => this.#routes.get(address) !== place)
        .map(([address, place]) => this.#route(address, this.#isRemote(place) ? SECOND_NODE : place)),
    ];
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

  async #settled(place: string, addresses: Iterable<string> = []): Promise<void> {
    const slow = [...addresses].filter((address) => family(address) === 6);
    if (slow.length > 0) await this.traffic.call('haveLocal', this.namespace(place), slow);
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

/** What brings the loopback device from some addresses to others. */
const loopbackLines = (present: ReadonlySet<string>, wanted: ReadonlySet<string>): readonly string[] => [
  ...[...present]
    .filter((address) => !wanted.has(address) && !isLoopback(address))
    .map((address) => `address delete ${host(address)} dev lo`),
  ...[...wanted]
    .filter((address) => !present.has(address) && !isLoopback(address))
    .map((address) => `address add ${host(address)} dev lo${nodad(address)}`),
];

const nodad = (address: string): string => (family(address) === 6 ? ' nodad' : '');

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

/** Locally administered; the side in one octet, the link's number in two. */
const macAddress = (side: number, number: number): string =>
  [0x02, 0, 0, side, number >> 8, number & 255].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
