import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outcome, run } from '../command.ts';
import { Authority } from '../fault-proxy/certificates.ts';
import type { Manifest } from '../helm.ts';
import { enterNamespace } from '../packet-lab/in-namespace.ts';
import { ipBatch, Namespaces } from '../packet-lab/namespaces.ts';
import { type ServerProcess, startProcess } from '../process.ts';
import { type Grant, grantsOf } from '../rbac.ts';
import type { Testbed } from '../testbed.ts';
import { GuardedApi } from './guarded-api.ts';
import { PodBox } from './pod-box.ts';
import { renderedPod } from './rendered-pod.ts';

type ByFamily = Readonly<Record<4 | 6, string>>;

export const POD_IP: ByFamily = { 4: '10.244.1.5', 6: 'fd00:10:244:1::5' };
const NODE_NAME = 'n1';
/** The name server of the node, and of the Service that only the node's cache asks. */
const UPSTREAM: ByFamily = { 4: '192.0.2.53', 6: 'fd00:192::53' };
const KUBE_DNS_UPSTREAM: ByFamily = { 4: '10.96.0.11', 6: 'fd00:10:96::b' };
const API_PORT = 6443;
const TOKEN = 'token-of-the-service-account';

/** In the cluster by the API server. The world outside has names of its own, and answers for the cluster's DNS, too. */
const CLUSTER = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default', labels: { team: 'shop' } } },
  {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: NODE_NAME },
    spec: { podCIDR: '10.244.1.0/24' },
    status: { addresses: [{ type: 'InternalIP', address: POD_IP[4] }] },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'hello-world', namespace: 'default' },
    spec: {
      type: 'ClusterIP',
      clusterIP: '10.96.77.44',
      clusterIPs: ['10.96.77.44'],
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 80 }],
      selector: { app: 'hello' },
    },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'hello-world', namespace: 'default', labels: { 'kubernetes.io/service-name': 'hello-world' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    endpoints: [
      {
        addresses: ['10.244.2.7'],
        conditions: { ready: true },
        nodeName: 'n2',
        targetRef: { kind: 'Pod', name: 'hello-0', namespace: 'default' },
      },
    ],
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'hello-0', namespace: 'default' },
    spec: { containers: [{ name: 'a', image: 'a' }] },
    status: { podIP: '10.244.2.7', podIPs: [{ ip: '10.244.2.7' }], phase: 'Running' },
  },
];

const WORLD = `.:53 {
    hosts {
        192.0.2.80 example.org
        10.96.77.44 hello-world.default.svc.cluster.local hello-world.default.svc.cluster.example
    }
}
`;

/** A place where rendered Pods run, one at a time: a network, name servers, and an API server that grants what was rendered and nothing else. */
export class PodScene {
  readonly api: GuardedApi;
  readonly #namespaces: Namespaces;
  readonly #directory: string;
  readonly #upstream: ServerProcess;
  readonly #ca: string;
  #box: PodBox | null = null;

  private constructor(parts: {
    api: GuardedApi;
    namespaces: Namespaces;
    directory: string;
    upstream: ServerProcess;
    ca: string;
  }) {
    this.api = parts.api;
    this.#namespaces = parts.namespaces;
    this.#directory = parts.directory;
    this.#upstream = parts.upstream;
    this.#ca = parts.ca;
  }

  static async start(testbed: Testbed): Promise<PodScene> {
    await testbed.apply(CLUSTER.map((one) => JSON.stringify(one)).join('\n'));
    const directory = mkdtempSync(join(tmpdir(), 'pod-scene-'));
    const namespaces = new Namespaces();
    await namespaces.add(['pod', 'world']);
    const [pod, world] = ['pod', 'world'].map((name) => namespaces.nameOf(name)) as [string, string];
    await ipBatch([`link add pod0 netns ${pod} type veth peer name world0 netns ${world}`]);
    await network(pod, 'pod0', [POD_IP]);
    await network(world, 'world0', [UPSTREAM, KUBE_DNS_UPSTREAM]);
    const corefile = join(directory, 'Corefile');
    writeFileSync(corefile, WORLD);
    const upstream = await startProcess(['-conf', corefile], { netns: world });
    const authority = await Authority.make(directory, 'cluster');
    const api = new GuardedApi({ upstream: testbed.http, tls: await authority.issue() });
    api.token = TOKEN;
    api.port = API_PORT;
    // It listens where the Pod is; what it asks the API server for, it asks from here.
    const leave = enterNamespace(`/run/netns/${pod}`);
    await api.start().finally(leave);
    return new PodScene({ api, namespaces, directory, upstream, ca: readFileSync(authority.file, 'utf8') });
  }

  /** Starts the first container of a workload, or this init container, with the rights that its account is given; the one before it is killed. */
  async run(
    all: readonly Manifest[],
    workload: Manifest,
    options: { readonly init?: string; readonly family?: 4 | 6; readonly without?: (grant: Grant) => boolean } = {},
  ): Promise<PodBox> {
    const { init, family = 4, without = () => false } = options;
    await this.#box?.kill();
    const services = {
      KUBE_DNS_UPSTREAM_SERVICE_HOST: KUBE_DNS_UPSTREAM[family],
      DNS_UPSTREAM_SERVICE_HOST: KUBE_DNS_UPSTREAM[family],
    };
    const pod = renderedPod(all, workload, { nodeName: NODE_NAME, podIp: POD_IP[family], env: services }, init);
    this.api.grant(grantsOf(all, pod.serviceAccount, pod.namespace).filter((grant) => !without(grant)));
    // Whatever was rendered as the API server's address, it is here.
    const env = { ...pod.env, KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: `${API_PORT}` };
    this.#box = new PodBox(
      { ...pod, env },
      { netns: this.#pod, resolvConf: `nameserver ${UPSTREAM[family]}\n`, token: { token: TOKEN, ca: this.#ca } },
    );
    return this.#box;
  }

  /** Runs a command where the Pod is, on its network; gives what it wrote. */
  async inside(command: readonly string[]): Promise<string> {
    const { stdout, stderr } = await outcome('ip', ['netns', 'exec', this.#pod, ...command]);
    return stdout + stderr;
  }

  /** `PORT/udp` and `PORT/tcp` on which somebody listens on the Pod's network, but for what the scene brings. */
  async openPorts(): Promise<readonly string[]> {
    const lines = (await this.inside(['ss', '--no-header', '--listening', '--numeric', '--tcp', '--udp']))
      .trim()
      .split('\n');
    const ports = lines
      .map((line) => line.trim().split(/\s+/))
      .map((fields) => `${fields[4]?.split(':').at(-1)}/${fields[0]}`);
    return [...new Set(ports)].filter((port) => port !== `${API_PORT}/tcp` && port.includes('/')).toSorted();
  }

  async stop(): Promise<void> {
    await this.#box?.kill();
    await this.api.stop();
    this.#upstream.signal('SIGKILL');
    await this.#upstream.exited;
    this.#namespaces.remove();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Kills what runs and clears what a node's Pod leaves on its network: links and rules. */
  async clear(): Promise<void> {
    await this.#box?.kill();
    this.#box = null;
    await this.inside(['nft', 'flush', 'ruleset']);
    await this.inside(['ip', 'link', 'delete', 'nodelocaldns']);
    await this.inside(['ip', 'link', 'delete', 'dns0']);
  }

  get output(): string {
    return this.#box?.output ?? '';
  }

  get #pod(): string {
    return this.#namespaces.nameOf('pod');
  }
}

/** Addresses on a link that leads to all others. */
const network = async (namespace: string, link: string, addresses: readonly ByFamily[]): Promise<void> => {
  await run('ip', [
    'netns',
    'exec',
    namespace,
    'sysctl',
    '-q',
    '-w',
    'net.ipv6.conf.all.accept_dad=0',
    'net.ipv6.conf.default.accept_dad=0',
  ]);
  await ipBatch(
    [
      'link set lo up',
      `link set ${link} up`,
      ...addresses.map((each) => `address add ${each[4]}/32 dev ${link}`),
      `route add default dev ${link}`,
    ],
    namespace,
  );
  await ipBatch(
    [...addresses.map((each) => `address add ${each[6]}/128 dev ${link} nodad`), `route add default dev ${link}`],
    namespace,
    6,
  );
};
