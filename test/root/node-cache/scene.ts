import { AF_INET, AF_INET6, NETLINK_NETFILTER, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from '#libc/constants.ts';
import { checked } from '#libc/errno.ts';
import { loadLibc } from '#libc/libc.ts';
import { NetlinkSocket } from '#libc/netlink-socket.ts';
import { socketAddress } from '#libc/socket-address.ts';
import { Log } from '#log/log.ts';
import { SocketEvents } from '#netfilter/nft/events.ts';
import type { TableName } from '#netfilter/nft/ruleset.ts';
import { KernelTransactions, type OpenTransactionSocket } from '#netfilter/nft/transaction-socket.ts';
import { type Run, runOrThrow } from '#netfilter/run.ts';
import type { Bypass } from '#node-cache/rules/bypass.ts';
import { openNftablesBypass } from '#node-cache/rules/nftables/index.ts';
import type { LocalAddress, NodeCacheSettings } from '#node-cache/settings.ts';
import { inNamespace } from '#test/packet-lab/in-namespace.ts';
import { CONTROL, CONTROL_PORT, NODE, PacketLab, WORLD } from '#test/packet-lab/lab.ts';
import type { Outcome, Protocol } from '#test/packet-lab/traffic/orders.ts';
import { until } from '#test/until.ts';

export type Family = 4 | 6;
type ByFamily = Readonly<Record<Family, string>>;

export const POD = 'pod';
export const CLUSTER_DNS = 'cluster-dns';
export const PORT = 53;
const HEADER_OCTETS = 12;
const RENEWAL_MS = 300;
export const POD_ADDRESS: ByFamily = { 4: '10.244.1.5', 6: 'fd00:10:244:1::5' };
export const NODE_ADDRESS: ByFamily = { 4: '192.168.0.2', 6: 'fd00:192:168::2' };
export const DNS_POD: ByFamily = { 4: '10.244.2.53', 6: 'fd00:10:244:2::53' };
export const LOCAL_DNS: ByFamily = { 4: '169.254.20.10', 6: 'fd00:169:254:20::10' };
export const SECOND_LOCAL_DNS: ByFamily = { 4: '169.254.20.11', 6: 'fd00:169:254:20::11' };
export const KUBE_DNS: ByFamily = { 4: '10.96.0.10', 6: 'fd00:10:96::a' };
export const KUBE_DNS_UPSTREAM: ByFamily = { 4: '10.96.0.11', 6: 'fd00:10:96::b' };
const FAMILIES = [4, 6] as const;

export const addressesOf = (family: Family): readonly LocalAddress[] =>
  [LOCAL_DNS, KUBE_DNS, SECOND_LOCAL_DNS].map((each) => ({ address: each[family], family }));

/** What the bypass reads of the settings. */
export const settingsFor = (given: Partial<NodeCacheSettings> = {}): NodeCacheSettings =>
  ({
    addresses: FAMILIES.flatMap(addressesOf),
    dnsPort: PORT,
    healthPort: 8080,
    fallback: KUBE_DNS_UPSTREAM,
    markBit: 0x800000,
    rules: 'nftables',
    ...given,
  }) as NodeCacheSettings;

/** Who asks whom, and how. */
export interface Asker {
  readonly from: 'pod' | 'node';
  readonly to: string;
  readonly protocol: Protocol;
  /** The source address; where it is not said what the kernel would take. */
  readonly source?: string;
}

/** What a set-up of rules logs, and the sockets that own its tables. */
export interface Instance {
  readonly bypass: Bypass;
  readonly lines: readonly string[];
  /** Says that the cache is alive on all of its addresses, until it is killed or drained: however slow the machine is. */
  live(): Promise<void>;
  /** As the kernel does when the process is killed. */
  kill(): void;
}

/**
 * A node between a Pod and the cluster's DNS. On the node's addresses something answers, as a cache would; the rules that translate cluster IPs
 * stand in for kube-proxy.
 */
export class Scene {
  readonly lab: PacketLab;
  readonly #instances: Instance[] = [];

  private constructor(lab: PacketLab) {
    this.lab = lab;
  }

  static async open(): Promise<Scene> {
    const lab = await PacketLab.open();
    try {
      const scene = new Scene(lab);
      await scene.#build();
      return scene;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  get run(): Run {
    return this.lab.runOnNode;
  }

  nft(...args: readonly string[]): Promise<string> {
    return runOrThrow(this.run, 'nft', args);
  }

  load(text: string): Promise<string> {
    return runOrThrow(this.run, 'nft', ['-f', '-'], text);
  }

  /** Nothing but kube-proxy, and no connections. */
  async reset(): Promise<void> {
    for (const instance of this.#instances.splice(0)) instance.kill();
    await this.load(`flush ruleset\n${FAMILIES.map(serviceRules).join('')}`);
    await this.lab.traffic.call('forgetConnections', this.lab.namespace(NODE));
  }

  /** Rules of one instance; `run` in place of the node's. */
  async bypass(settings = settingsFor(), run = this.run, openSocket?: OpenTransactionSocket): Promise<Instance> {
    const libc = await loadLibc();
    const lines: string[] = [];
    const log = new Log({
      write: (level, _source, message) => lines.push(`${level}: ${message}`),
      flush: async () => undefined,
    });
    const open = (): NetlinkSocket => this.#inNode(() => NetlinkSocket.open(libc, NETLINK_NETFILTER, 1 << 20));
    let isClosed = false;
    let close = (): void => undefined;
    const openOwn = async (): Promise<KernelTransactions> => {
      const transactions = new KernelTransactions(open());
      const closeIt = transactions.close.bind(transactions);
      close = () => {
        if (!isClosed) closeIt();
        isClosed = true;
      };
      transactions.close = close;
      return transactions;
    };
    const openEvents = async (table: TableName): Promise<SocketEvents> => new SocketEvents(open(), table);
    const bypass = openNftablesBypass(settings, { run, log, openSocket: openSocket ?? openOwn, openEvents });
    let timer: NodeJS.Timeout | undefined;
    const keep = (): Promise<void> => bypass.keepAlive(settings.addresses);
    const instance: Instance = {
      bypass: {
        setUp: () => bypass.setUp(),
        keepAlive: (addresses: readonly LocalAddress[]) => bypass.keepAlive(addresses),
        repair: () => bypass.repair(),
        onChange: (listener: () => void) => bypass.onChange(listener),
        drain: () => {
          clearInterval(timer);
          return bypass.drain();
        },
        tearDown: () => {
          clearInterval(timer);
          return bypass.tearDown();
        },
        undo: () => bypass.undo(),
      },
      lines,
      live: async () => {
        await keep();
        timer = setInterval(() => void keep().catch(() => clearInterval(timer)), RENEWAL_MS);
      },
      kill: () => {
        clearInterval(timer);
        close();
      },
    };
    this.#instances.push(instance);
    return instance;
  }

  /** Who answered: `cache at ADDRESS`, `cluster's DNS`; else what came instead. */
  async ask({ from, to, protocol, source }: Asker, silenceMs = 5000): Promise<string> {
    const [namespace, address] = this.#sourceOf(from, to, source);
    const flow = { namespace, from: address, to, port: PORT, protocol };
    const [attempt] = await this.lab.traffic.call('tryInTurn', { flow, count: 1, silenceMs });
    return attempt === undefined ? 'nothing' : this.#textOf(attempt.outcome);
  }

  /** Whether something on the node answers a DNS header without a question, as the cache's process asks it itself. */
  async answersItself(to: string): Promise<boolean> {
    const libc = await loadLibc();
    const family = to.includes(':') ? 6 : 4;
    const fd = this.#inNode(() => {
      const domain = family === 6 ? AF_INET6 : AF_INET;
      return checked(libc, 'socket', libc.socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    });
    try {
      const address = socketAddress(to, PORT, family);
      checked(libc, 'connect', libc.connect(fd, address, address.length));
      checked(libc, 'write', libc.write(fd, new Uint8Array(HEADER_OCTETS), HEADER_OCTETS));
      const reply = new Uint8Array(512);
      await until(() => libc.read(fd, reply, reply.length) > 0, 'an answer', 5000);
      return Buffer.from(reply).includes(this.lab.namespace(NODE));
    } catch {
      return false;
    } finally {
      libc.close(fd);
    }
  }

  /** A TCP connection that is used all the time. */
  hold({ from, to, source }: Omit<Asker, 'protocol'>): Promise<number> {
    const [namespace, address] = this.#sourceOf(from, to, source);
    const flow = { namespace, from: address, to, port: PORT, protocol: 'tcp' as const };
    return this.lab.traffic.call('hold', { flow, count: 1 });
  }

  /** Who answers on a held connection, or what has ended it. */
  async held(id: number, withinMs = 5000): Promise<string> {
    const [state] = await this.lab.traffic.call('held', id, withinMs);
    if (state === undefined) return 'nothing';
    if (state.brokenBy !== '') return state.brokenBy;
    return state.by === null ? 'nothing' : this.#textOf({ kind: 'answered', by: state.by });
  }

  /** Connections of a family that the node's kernel knows about port 53. The end of one may come behind `reset`, and make it known again. */
  async connections(family: 4 | 6): Promise<readonly string[]> {
    const list = await runOrThrow(this.run, 'conntrack', ['-L', '-f', `ipv${family}`]);
    return list.split('\n').filter((line) => /port=53\b/.test(line));
  }

  async tables(): Promise<readonly string[]> {
    return (await this.nft('list', 'tables')).split('\n').filter((line) => line.includes('cluster-dns'));
  }

  async close(): Promise<void> {
    for (const instance of this.#instances) instance.kill();
    await this.lab.close();
  }

  #inNode<T>(work: () => T): T {
    return inNamespace(`/run/netns/${this.lab.namespace(NODE)}`, work);
  }

  #sourceOf(from: 'pod' | 'node', to: string, source?: string): readonly [string, string] {
    const family = to.includes(':') ? 6 : 4;
    if (from === 'pod') return [this.lab.namespace(POD), POD_ADDRESS[family]];
    return [this.lab.namespace(NODE), source ?? to];
  }

  #textOf(outcome: Outcome): string {
    if (outcome.kind !== 'answered') return outcome.kind === 'failed' ? outcome.code : outcome.kind;
    const { namespace, address } = outcome.by;
    if (namespace === this.lab.namespace(CLUSTER_DNS)) return "cluster's DNS";
    return namespace === this.lab.namespace(NODE) ? `cache at ${address}` : `${namespace} at ${address}`;
  }

  async #build(): Promise<void> {
    const { lab } = this;
    await lab.add([
      { name: POD, behind: 'node', addresses: Object.values(POD_ADDRESS) },
      { name: CLUSTER_DNS, behind: 'second-node', addresses: Object.values(DNS_POD) },
    ]);
    const own = FAMILIES.flatMap((family) => [
      NODE_ADDRESS[family],
      ...addressesOf(family).map(({ address }) => address),
    ]);
    await lab.setNode({
      addresses: new Set(own),
      routes: new Map([
        ...Object.values(POD_ADDRESS).map((address) => [address, POD] as const),
        ...Object.values(DNS_POD).map((address) => [address, CLUSTER_DNS] as const),
      ]),
    });
    await lab.setWorld(new Set(Object.values(CONTROL)));
    const listeners = (['tcp', 'udp'] as const).flatMap((protocol) => [
      ...own.map((address) => ({ namespace: lab.namespace(NODE), address, port: PORT, protocol })),
      ...Object.values(DNS_POD).map((address) => ({
        namespace: lab.namespace(CLUSTER_DNS),
        address,
        port: PORT,
        protocol,
      })),
      ...Object.values(CONTROL).map((address) => ({
        namespace: lab.namespace(WORLD),
        address,
        port: CONTROL_PORT,
        protocol,
      })),
    ]);
    await lab.traffic.call('listen', listeners);
    await this.reset();
  }
}

/** What kube-proxy would do about the two cluster IPs. */
const serviceRules = (family: Family): string => {
  const ip = family === 4 ? 'ip' : 'ip6';
  const target = family === 4 ? `${DNS_POD[4]}:${PORT}` : `[${DNS_POD[6]}]:${PORT}`;
  const rules = ['tcp', 'udp']
    .map(
      (protocol) =>
        `${ip} daddr { ${KUBE_DNS[family]}, ${KUBE_DNS_UPSTREAM[family]} } ${protocol} dport ${PORT} dnat to ${target}\n`,
    )
    .join('');
  const chain = (hook: string): string => `chain ${hook} {\ntype nat hook ${hook} priority -100\n${rules}}\n`;
  return `table ${ip} kube-proxy-in-place {\n${chain('prerouting')}${chain('output')}}\n`;
};
