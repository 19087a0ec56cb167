import { spawnSync } from 'node:child_process';
import { POD_RANGE, SERVICE_RANGE } from './cluster.ts';

/** Three network namespaces: a client, the node in between, and one that has the addresses of all endpoints. */
export class BenchLab {
  readonly client: string;
  readonly node: string;
  readonly pods: string;

  constructor(name: string) {
    const prefix = `cluster-dns-bench-${process.pid}-${name}`;
    [this.client, this.node, this.pods] = [`${prefix}-client`, `${prefix}-node`, `${prefix}-pods`];
    ip(
      ...[this.client, this.node, this.pods].map((each) => `netns add ${each}`),
      `link add eth0 netns ${this.client} type veth peer name client netns ${this.node}`,
      `link add eth0 netns ${this.pods} type veth peer name pods netns ${this.node}`,
      ...this.#host(this.client, 'eth0', ['192.168.50.2/24']),
      ...this.#host(this.node, 'client', ['192.168.50.1/24']),
      ...this.#host(this.node, 'pods', ['192.168.51.1/24']),
      ...this.#host(this.pods, 'eth0', ['192.168.51.2/24']),
      `-n ${this.client} route add default via 192.168.50.1`,
      `-n ${this.pods} route add default via 192.168.51.1`,
      `-n ${this.pods} route add local ${POD_RANGE} dev lo`,
      `-n ${this.node} route add ${POD_RANGE} via 192.168.51.2`,
      // Packets that no rule takes must not come back by the default route of another.
      `-n ${this.node} route add blackhole ${SERVICE_RANGE}`,
    );
    inside(this.node, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  }

  remove(): void {
    for (const each of [this.client, this.node, this.pods]) spawnSync('ip', ['netns', 'delete', each]);
  }

  #host(namespace: string, link: string, addresses: readonly string[]): readonly string[] {
    return [
      `-n ${namespace} link set lo up`,
      `-n ${namespace} link set ${link} up`,
      ...addresses.map((address) => `-n ${namespace} address add ${address} dev ${link}`),
    ];
  }
}

const ip = (...lines: readonly string[]): void => {
  for (const line of lines) call('ip', line.split(' '));
};

const inside = (namespace: string, command: string, ...args: readonly string[]): void =>
  call('ip', ['netns', 'exec', namespace, command, ...args]);

const call = (command: string, args: readonly string[]): void => {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
};
