import { spawnSync } from 'node:child_process';
import { run } from '#test/command.ts';
import { ipBatch, Namespaces } from '#test/packet-lab/namespaces.ts';

/** What a Pod asks: the ClusterIP that kubelet writes into its resolv.conf, and the link-local address. */
export const CLUSTER_IP = '10.96.0.10';
export const LINK_LOCAL = '169.254.20.10';
/** The Service whose name `-upstreamsvc` gives; here an address of the cluster's DNS itself, as no kube-proxy takes part. */
export const UPSTREAM_IP = '10.96.0.11';
export const POD_IP = '10.244.1.2';

const SHORTS = ['pod', 'node', 'cluster'] as const;

/** Three network namespaces: a Pod, its node, and the cluster's DNS on another one. */
export class NodeCacheLab {
  readonly #namespaces = new Namespaces();
  readonly pod = this.#namespaces.nameOf('pod');
  readonly node = this.#namespaces.nameOf('node');
  readonly cluster = this.#namespaces.nameOf('cluster');

  private constructor() {}

  static async open(): Promise<NodeCacheLab> {
    const lab = new NodeCacheLab();
    const { pod, node, cluster } = lab;
    await lab.#namespaces.add(SHORTS);
    await ipBatch([
      `link add eth0 netns ${pod} type veth peer name pod netns ${node}`,
      `link add eth0 netns ${cluster} type veth peer name cluster netns ${node}`,
    ]);
    const gateway = 'route add default via';
    await ipBatch([...connected('eth0', `${POD_IP}/24`), `${gateway} 10.244.1.1`], pod);
    await ipBatch(
      [...connected('pod', '10.244.1.1/24'), ...connected('cluster', '192.168.50.1/24'), `${gateway} 192.168.50.2`],
      node,
    );
    const dns = `address add ${UPSTREAM_IP}/32 dev lo`;
    await ipBatch([...connected('eth0', '192.168.50.2/24'), dns, `${gateway} 192.168.50.1`], cluster);
    return lab;
  }

  /** What kube-proxy does with the ClusterIP: without rules of a cache it leads to the cluster's DNS. */
  async addService(): Promise<void> {
    const rules = ['prerouting', 'output'].map(
      (hook) => `chain ${hook} {
  type nat hook ${hook} priority -100
  ip daddr ${CLUSTER_IP} meta l4proto { tcp, udp } th dport 53 dnat to ${UPSTREAM_IP}
}
`,
    );
    const inside = ['netns', 'exec', this.node];
    await run('ip', [...inside, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    await run('ip', [...inside, 'nft', '-f', '-'], { stdin: `table ip service {\n${rules.join('')}}\n` });
  }

  /** The addresses on `lo`, for a program that does not make its link here. */
  async addAddresses(): Promise<void> {
    await ipBatch(
      [LINK_LOCAL, CLUSTER_IP].map((address) => `address add ${address}/32 dev lo`),
      this.node,
    );
  }

  /** The beginning of a command that runs in one of them; what it starts has its process id. */
  static inside(namespace: string): readonly string[] {
    return ['ip', 'netns', 'exec', namespace];
  }

  remove(): void {
    this.#namespaces.remove();
  }
}

/** Whether the kernel has the kind of link that node-cache makes; tried in a namespace of its own. */
export const hasDummyLinks = async (): Promise<boolean> => {
  const namespaces = new Namespaces();
  await namespaces.add(['try']);
  const { status } = spawnSync('ip', ['-n', namespaces.nameOf('try'), 'link', 'add', 'tried', 'type', 'dummy']);
  namespaces.remove();
  return status === 0;
};

const connected = (link: string, address: string): readonly string[] => [
  'link set lo up',
  `link set ${link} up`,
  `address add ${address} dev ${link}`,
];
