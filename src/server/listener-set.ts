import { descriptorLimit } from '#metrics/process-metrics.ts';
import type { SharedPorts } from '#plugin/index.ts';
import { addressText, type ListenAddress, type Listener } from './listeners/listener.ts';
import { TCP_LIMITS, TcpListener } from './listeners/tcp.ts';
import type { TcpMetrics } from './listeners/tcp-metrics.ts';
import type { UdpListeners } from './listeners/udp-listeners.ts';
import type { ServerGroup } from './server-group.ts';

/** A group and where it is to be listened for. */
export interface GroupAddress {
  readonly address: ListenAddress;
  readonly group: ServerGroup;
}

interface Pair {
  readonly address: ListenAddress;
  readonly label: string;
  readonly listeners: readonly Listener[];
}

/** UDP and TCP sockets of the process, by address. */
export class ListenerSet {
  readonly #udp: UdpListeners;
  readonly #tcpMetrics: TcpMetrics;
  readonly #sharedPorts: SharedPorts | undefined;
  #pairs = new Map<string, Pair>();
  #groups: readonly ServerGroup[] = [];
  /** UDP sockets wanted for each address by what is served now. */
  #socketCount = 0;

  /** `sharedPorts`: where another instance may have the ports, too. */
  constructor(udp: UdpListeners, tcpMetrics: TcpMetrics, sharedPorts?: SharedPorts) {
    this.#udp = udp;
    this.#tcpMetrics = tcpMetrics;
    this.#sharedPorts = sharedPorts;
    udp.followMainMemory(() => this.#groups.reduce((sum, group) => sum + (group.memory?.octets ?? 0), 0));
  }

  /**
   * Opens what is new and hands every address to its group in one step. Gives the listeners that are no longer wanted, to be closed.
   * Where a socket can't be opened nothing has changed. `socketCount`: UDP sockets wanted for each address, 0 where none is said.
   */
  async replace(wanted: readonly GroupAddress[], socketCount: number): Promise<readonly Listener[]> {
    await this.#udp.prepare(socketCount);
    const next = new Map<string, Pair>();
    const opened: Listener[] = [];
    try {
      for (const { address, group } of wanted) {
        const key = addressText(address);
        const known = this.#pairs.get(key);
        const pair = known ?? { address, label: group.label, listeners: await this.#openPair(address, wanted.length) };
        if (known === undefined) opened.push(...pair.listeners);
        next.set(key, pair);
      }
    } catch (error) {
      await Promise.all(opened.map((listener) => listener.close()));
      await this.#udp.settle(this.#socketCount);
      throw error;
    }
    this.#socketCount = socketCount;
    this.#groups = wanted.map(({ group }) => group);
    for (const { address, group } of wanted)
      for (const listener of next.get(addressText(address))?.listeners ?? []) listener.serve(group);
    const unwanted = [...this.#pairs].filter(([key]) => !next.has(key)).flatMap(([, pair]) => pair.listeners);
    this.#pairs = next;
    return unwanted;
  }

  /** Ends what the last `replace` has made superfluous, without losing a query. */
  settle(): Promise<void> {
    return this.#udp.settle(this.#socketCount);
  }

  /** Leads new connections to another instance, where there is one. */
  async leave(): Promise<void> {
    await Promise.all(this.#all.map((each) => each.leave?.()));
  }

  /** Takes the queries that have arrived, and no more; their replies can be sent until `close`. */
  async retire(): Promise<void> {
    await Promise.all(this.#all.map((each) => each.retire()));
  }

  bound(): { label: string; host: string; port: number }[] {
    return [...this.#pairs.values()].map(({ label, address, listeners }) => ({
      label,
      host: address.host,
      port: listeners[0]?.port ?? address.port,
    }));
  }

  async close(): Promise<void> {
    const all = this.#all;
    this.#pairs = new Map();
    await Promise.all(all.map((listener) => listener.close()));
    await this.#udp.close();
  }

  get #all(): readonly Listener[] {
    return [...this.#pairs.values()].flatMap(({ listeners }) => listeners);
  }

  /** TCP first, then UDP on the same port, so that port 0 gives one port for both. `count`: of all addresses. */
  async #openPair(address: ListenAddress, count: number): Promise<Listener[]> {
    // Clients must not take the descriptors that upstreams, the API server and a reload need.
    const maxConnections = Math.min(TCP_LIMITS.maxConnections, Math.ceil(descriptorLimit() / 2 / count));
    const tcp = await TcpListener.open(address, this.#tcpMetrics, { ...TCP_LIMITS, maxConnections }, this.#sharedPorts);
    try {
      return [await this.#udp.open({ host: address.host, port: tcp.port }), tcp];
    } catch (error) {
      await tcp.close();
      throw error;
    }
  }
}
