import { spawnSync } from 'node:child_process';

/** What a Pod asks: the ClusterIP that kubelet writes into its resolv.conf, and the link-local address. */
export const CLUSTER_IP = '10.96.0.10';
export const LINK_LOCAL = '169.254.20.10';
/** The Service whose name `-upstreamsvc` gives; here an address of the cluster's DNS itself, as no kube-proxy takes part. */
export const UPSTREAM_IP = '10.96.0.11';
export const POD_IP = '10.244.1.2';

/** Three network namespaces: a Pod, its node, and the cluster's DNS on another one. */
export class NodeCacheLab {
  readonly pod: string;
  readonly node: string;
  readonly cluster: string;

  constructor(name: string) {
    const prefix = `node-cache-bench-${process.pid}-${name}`;
    [this.pod, this.node, this.cluster] = [`${prefix}-pod`, `${prefix}-node`, `${prefix}-cluster`];
    ip(
      ...[this.pod, this.node, this.cluster].map((each) => `netns add ${each}`),
      ...[this.pod, this.node, this.cluster].map((each) => `-n ${each} link set lo up`),
      `link add eth0 netns ${this.pod} type veth peer name pod netns ${this.node}`,
      `link add eth0 netns ${this.cluster} type veth peer name cluster netns ${this.node}`,
      ...connected(this.pod, 'eth0', `${POD_IP}/24`),
      ...connected(this.node, 'pod', '10.244.1.1/24'),
      ...connected(this.node, 'cluster', '192.168.50.1/24'),
      ...connected(this.cluster, 'eth0', '192.168.50.2/24'),
      `-n ${this.cluster} address add ${UPSTREAM_IP}/32 dev lo`,
      `-n ${this.pod} route add default via 10.244.1.1`,
      `-n ${this.node} route add default via 192.168.50.2`,
      `-n ${this.cluster} route add default via 192.168.50.1`,
    );
  }

  /** What kube-proxy does with the ClusterIP: without rules of a cache it leads to the cluster's DNS. */
  addService(): void {
    const rules = ['prerouting', 'output'].map(
      (hook) => `chain ${hook} {
  type nat hook ${hook} priority -100
  ip daddr ${CLUSTER_IP} meta l4proto { tcp, udp } th dport 53 dnat to ${UPSTREAM_IP}
}
`,
    );
    call('ip', ['netns', 'exec', this.node, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    call('ip', ['netns', 'exec', this.node, 'nft', '-f', '-'], `table ip service {\n${rules.join('')}}\n`);
  }

  /** The addresses on `lo`, for a program that does not make its link here. */
  addAddresses(): void {
    ip(...[LINK_LOCAL, CLUSTER_IP].map((address) => `-n ${this.node} address add ${address}/32 dev lo`));
  }

  /** The beginning of a command that runs in one of them; what it starts has its process id. */
  static inside(namespace: string): readonly string[] {
    return ['ip', 'netns', 'exec', namespace];
  }

  remove(): void {
    for (const each of [this.pod, this.node, this.cluster]) spawnSync('ip', ['netns', 'delete', each]);
  }
}

/** Whether the kernel has the kind of link that node-cache makes; tried in a namespace of its own. */
export const hasDummyLinks = (): boolean => {
  const name = `node-cache-bench-${process.pid}-try`;
  ip(`netns add ${name}`);
  const { status } = spawnSync('ip', ['-n', name, 'link', 'add', 'tried', 'type', 'dummy']);
  ip(`netns delete ${name}`);
  return status === 0;
};

const connected = (namespace: string, link: string, address: string): readonly string[] => [
  `-n ${namespace} link set ${link} up`,
  `-n ${namespace} address add ${address} dev ${link}`,
];

const ip = (...lines: readonly string[]): void => {
  for (const line of lines) call('ip', line.split(' '));
};

const call = (command: string, args: readonly string[], input = ''): void => {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', input });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
};
