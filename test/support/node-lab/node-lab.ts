import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOrThrow } from '#netfilter/run.ts';
import type { IpFamily } from '#proxy/rule-options.ts';
import { NODE, PacketLab } from '#test/packet-lab/lab.ts';
import { iptablesOf, type LabMode, loadText } from '#test/packet-lab/modes.ts';
import type { ServerProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { Account, type Kind } from './account.ts';
import {
  DNS_POD,
  dnsServices,
  KUBE_DNS,
  LOCAL_DNS,
  NODE_ADDRESS,
  POD,
  ruleOptions,
  STUB_SERVER,
  startClusterDns,
  WHO,
} from './cluster.ts';
import { writeConfigMap } from './config-map.ts';
import { LoadProcess, LoadProgram, type RunningLoad } from './load/load-process.ts';
import { machineMs, type Stream, type Transport } from './load/orders.ts';

export type ClientPlace = 'pod' | 'node';

const CLIENT_POD = 'client-pod';
const DNS_PODS = 'dns-pods';
const TRANSPORTS: readonly Transport[] = ['udp', 'tcp', 'kept'];

export interface LoadOptions {
  /** Of each place, over all its kinds of client. */
  readonly perSecond?: number;
  readonly names?: readonly string[];
  readonly families?: readonly (4 | 6)[];
  readonly addresses?: readonly string[];
  readonly transports?: readonly Transport[];
  readonly places?: readonly ClientPlace[];
  readonly lostMs?: number;
}

export interface Load {
  /** Asks no more, and tells what became of all queries. */
  stop(): Promise<Account>;
}

/**
 * A node with a Pod, rules of a Service proxy, and the cluster's DNS on another node:
 *
 *   client-pod --- node --- second-node --- dns-pods
 *
 * Clients ask from the Pod and from the node itself. Needs root.
 */
export class NodeLab {
  readonly mode: LabMode;
  readonly packets: PacketLab;
  /** For the files of what runs in the lab. */
  readonly directory = mkdtempSync(join(tmpdir(), 'cluster-dns-node-lab-'));
  readonly #program: LoadProgram;
  readonly #clients: Readonly<Record<ClientPlace, LoadProcess>>;
  #clusterDns: ServerProcess | null = null;

  private constructor(mode: LabMode, packets: PacketLab, program: LoadProgram) {
    this.mode = mode;
    this.packets = packets;
    this.#program = program;
    this.#clients = {
      pod: new LoadProcess(program, packets.namespace(CLIENT_POD)),
      node: new LoadProcess(program, packets.namespace(NODE)),
    };
  }

  /** With the Service proxy's rules of this mode, and the cluster's DNS running. */
  static async open(mode: LabMode): Promise<NodeLab> {
    const packets = await PacketLab.open();
    let program: LoadProgram | null = null;
    try {
      await packets.add([
        { name: CLIENT_POD, addresses: Object.values(POD), behind: 'node' },
        { name: DNS_PODS, addresses: [...Object.values(DNS_POD), STUB_SERVER], behind: 'second-node' },
      ]);
      await packets.setNode({
        addresses: new Set(Object.values(NODE_ADDRESS)),
        routes: new Map([
          ...Object.values(POD).map((address) => [address, CLIENT_POD] as const),
          ...[...Object.values(DNS_POD), STUB_SERVER].map((address) => [address, DNS_PODS] as const),
        ]),
      });
      program = await LoadProgram.build();
    } catch (error) {
      program?.close();
      await packets.close();
      throw error;
    }
    const lab = new NodeLab(mode, packets, program);
    try {
      lab.setKubeDns({});
      await lab.putServiceRules();
      await lab.startClusterDns();
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Where the kube-dns ConfigMap is. */
  get kubeDnsDirectory(): string {
    return join(this.directory, 'kube-dns');
  }

  /** Name of the node's network namespace. */
  get nodeNamespace(): string {
    return this.packets.namespace(NODE);
  }

  /** Swaps the kube-dns ConfigMap for one with these keys; all names but the cluster's are asked of the cluster's DNS where they don't say it. */
  setKubeDns(keys: Readonly<Record<string, string>>): void {
    writeConfigMap(this.kubeDnsDirectory, { upstreamNameservers: JSON.stringify([DNS_POD[4]]), ...keys });
  }

  get clusterDns(): ServerProcess {
    if (this.#clusterDns === null) throw new Error('the cluster has no DNS');
    return this.#clusterDns;
  }

  /** What a Service proxy does at its start; over what is there. */
  async putServiceRules(families: readonly IpFamily[] = ['IPv4', 'IPv6']): Promise<void> {
    for (const family of families)
      await loadText(
        this.packets,
        this.mode,
        family,
        this.mode.backend.render(dnsServices(family), ruleOptions(family)),
      );
  }

  /** Takes away all rules of the node, whoever made them. */
  async flushRules(): Promise<void> {
    await this.run('nft', 'flush', 'ruleset');
    if (this.mode.command !== 'iptables-legacy') return;
    for (const family of ['IPv4', 'IPv6'] as const)
      for (const table of ['raw', 'mangle', 'nat', 'filter'])
        for (const act of ['-F', '-X']) await this.run(iptablesOf(this.mode, family), '-w', '-t', table, act);
  }

  /** Runs a command on the node that must succeed; gives what it says. */
  run(command: string, ...args: readonly string[]): Promise<string> {
    return runOrThrow(this.packets.runOnNode, command, args);
  }

  async startClusterDns(): Promise<void> {
    this.#clusterDns = await startClusterDns(this.packets.namespace(DNS_PODS), this.directory);
  }

  /** Asks from the Pod and from the node: both addresses, each over UDP, over TCP and over a connection that is kept. */
  load({
    perSecond = 60,
    names = [WHO],
    families = [4],
    addresses = families.flatMap((family) => [LOCAL_DNS[family], KUBE_DNS[family]]),
    transports = TRANSPORTS,
    places = ['pod', 'node'],
    lostMs = 2500,
  }: LoadOptions = {}): Load {
    const kinds = addresses.flatMap((address) => transports.map((transport) => ({ address, transport })));
    const streams = kinds.map((kind): Stream => ({ ...kind, names, perSecond: perSecond / kinds.length }));
    const startedMs = machineMs();
    const running = places.map((place): readonly [ClientPlace, RunningLoad] => [
      place,
      this.#clients[place].start(streams, lostMs),
    ]);
    return {
      stop: async () => {
        const stopped = await Promise.all(
          running.map(async ([place, load]) => {
            const own = kinds.map((kind): Kind => ({ place, ...kind }));
            return (await load.stop()).map((fate) => ({ ...fate, kind: own[fate.stream] as Kind }));
          }),
        );
        return new Account(startedMs, stopped.flat());
      },
    };
  }

  /** Resolves once every client gets only such answers. */
  async answered(
    by: (outcome: string) => boolean,
    title: string,
    withinMs: number,
    options: LoadOptions = {},
  ): Promise<void> {
    let last = '';
    await until(
      async () => {
        const load = this.load({ ...options, perSecond: 120, lostMs: 500 });
        await new Promise((resolve) => setTimeout(resolve, 150));
        const account = await load.stop();
        last = account.text();
        return account.queries.length > 0 && account.queries.every(({ outcome }) => by(outcome));
      },
      title,
      withinMs,
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${last}`);
    });
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#clients).map((client) => client.close()));
    this.#program.close();
    // It may have been stopped by a signal.
    this.#clusterDns?.signal('SIGKILL');
    await this.#clusterDns?.exited;
    await this.packets.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
