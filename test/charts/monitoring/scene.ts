import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordsFromText } from '#dns/record-text.ts';
import { outcome, run } from '#test/command.ts';
import { encodeQuery, exchangeUdp } from '#test/dns-client.ts';
import { FakeApiServer, NAMESPACES, NODES, SERVICES, SLICES } from '#test/fake-api-server.ts';
import { type Asked, answerA, FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, PROGRAM, ServerProcess, startProcess } from '#test/process.ts';
import { Prometheus } from '#test/prometheus.ts';
import { until } from '#test/until.ts';
import { askMany } from '../../server/ask-many.ts';

const NODE = 'node-1';
export const LOCAL_DNS = '169.254.20.10';
export const SERVICE_COUNT = 20;
/** So small that replies have to go, and so eager that they are fetched again. */
const SMALL_CACHE = `    cache {
        success 1024 30 1
        denial 1024 5
        servfail 1s
        prefetch 1 1m 90%
        serve_stale 1h
    }
`;
const LIMITS = '    source_limit 1000 {\n        burst 200\n    }\n';

/** A name space, and the addresses of its way to this one. */
interface Ends {
  readonly namespace: string;
  readonly here: string;
  readonly there: string;
}

export interface SceneOptions {
  readonly ruleFiles: readonly string[];
  /** Between scrapes; 1 by default. */
  readonly intervalSeconds?: number;
  /** Port of an upstream to use, in place of the scene's own. Then there is nothing that is only there to make every metric appear. */
  readonly upstreamPort?: number;
}

/** What a name of the upstream makes it do. */
const upstreamScript = (asked: Asked): void => {
  const first = asked.bytes.toString('latin1', 13, 13 + (asked.bytes[12] ?? 0));
  if (first.startsWith('nx')) asked.reply({ rcode: 3 });
  else if (first.startsWith('fail')) asked.reply({ rcode: 2 });
  else if (first.startsWith('short')) asked.reply({ answer: recordsFromText('@ 1 IN A 192.0.2.2', {}) });
  else {
    if (first.startsWith('forged')) asked.reply({ id: (asked.message.id + 1) & 0xffff });
    answerA(asked);
  }
};

const service = (number: number): { readonly metadata: { readonly name: string; readonly namespace: string } } => ({
  metadata: { name: `web-${number}`, namespace: 'shop' },
  ...{
    spec: { clusterIP: `10.96.1.${number}`, clusterIPs: [`10.96.1.${number}`], ports: [{ name: 'http', port: 80 }] },
  },
});

const slice = (number: number, address: string) => ({
  metadata: {
    name: `web-${number}-1`,
    namespace: 'shop',
    labels: { 'kubernetes.io/service-name': `web-${number}` },
    annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': new Date().toISOString() },
  },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [{ addresses: [address], nodeName: NODE, conditions: { ready: true } }],
});

/**
 * Two DNS servers, a node cache, and a Service proxy in nftables and one in iptables mode, the last three each in a network name space, with
 * a fake API server and a fake upstream behind them and a real Prometheus before them. They meet what makes every metric appear.
 */
export class MonitoredScene {
  prometheus!: Prometheus;
  /** HOST:PORT of each thing that is scraped, by its job. */
  readonly targets = new Map<string, string>();
  readonly #directory = mkdtempSync(join(tmpdir(), 'monitored-'));
  readonly api = new FakeApiServer();
  readonly #servers: ServerProcess[] = [];
  readonly #relays: Server[] = [];
  readonly namespaces: string[] = [];
  readonly #options: SceneOptions;
  #upstream!: FakeUpstream;
  #withoutTcp!: FakeUpstream;
  dnsPort = 0;
  /** The Corefile of the DNS server that is asked. */
  corefile = '';
  /** That server. */
  server!: ServerProcess;

  private constructor(options: SceneOptions) {
    this.#options = options;
  }

  static async start(options: SceneOptions): Promise<MonitoredScene> {
    const scene = new MonitoredScene(options);
    try {
      await scene.#start();
    } catch (error) {
      await scene.stop();
      throw error;
    }
    return scene;
  }

  async stop(): Promise<void> {
    await this.prometheus?.stop();
    await Promise.all(this.#servers.map((server) => server.stop()));
    for (const relay of this.#relays) relay.close();
    await this.#upstream?.close();
    await this.#withoutTcp?.close();
    await this.api.stop();
    for (const name of this.namespaces) await outcome('ip', ['netns', 'del', name]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** A round of everything that clients and the cluster do. */
  async load(round: number): Promise<void> {
    const at = { address: '127.0.0.1', port: this.dnsPort };
    const names = Array.from({ length: SERVICE_COUNT }, (_, i) => `web-${i}.shop.svc.cluster.local.`);
    const outside = ['a', 'nx', 'fail', 'short', 'forged'].map((word) => `${word}.example.org.`);
    const all = [...names, ...outside, `new-${round}.example.org.`, 'x.dead.test.', `y-${round}.tcp.test.`];
    const queries = (types: readonly string[], isDnssecOk: boolean): Buffer[] =>
      types
        .flatMap((type) => all.map((name) => [name, type] as const))
        .map(([name, type], id) => encodeQuery(name, type, { id, isDnssecOk, udpSize: 1232 }));
    await askMany(at, 'udp', queries(['A', 'AAAA', 'SRV'], round % 2 === 0));
    await askMany(at, 'tcp', queries(['A'], false));
    // More names than the cache has room for.
    if (round === 0) {
      const many = Array.from({ length: 1500 }, (_, id) => encodeQuery(`${id}.many.test.`, 'A', { id }));
      await askMany(at, 'tcp', many);
    }
    // Many at once from one client: those above its limit get nothing.
    for (let i = 0; i < 300; i++) void exchangeUdp(at, encodeQuery('burst.example.org.', 'A'), 100);
    this.changeEndpoints(round);
    const [node = ''] = this.namespaces;
    const asked = [...names, ...outside, 'x.dead.test.'].flatMap((name) => [name, 'A']);
    // One of them gets no answer in this time.
    await outcome('ip', ['netns', 'exec', node, 'dig', `@${LOCAL_DNS}`, '+tries=1', '+time=1', ...asked]);
  }

  /** Each Service, or so many of them, gets another endpoint. */
  changeEndpoints(round: number, count = SERVICE_COUNT): void {
    for (let i = 0; i < count; i++) this.api.put(SLICES, slice(i, `10.244.${round % 200}.${i + 1}`));
  }

  /** Starts the DNS server again after it was ended. */
  async startServer(): Promise<void> {
    this.server = await startProcess(['-conf', this.corefile]);
    this.#servers.push(this.server);
  }

  async #start(): Promise<void> {
    await this.api.start();
    this.api.put(NAMESPACES, { metadata: { name: 'shop' } });
    this.api.put(NODES, {
      metadata: { name: NODE },
      status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] },
    });
    for (let i = 0; i < SERVICE_COUNT; i++) {
      this.api.put(SERVICES, service(i));
      this.api.put(SLICES, slice(i, `10.244.0.${i + 1}`));
    }
    this.#upstream = await FakeUpstream.open(upstreamScript);
    this.#withoutTcp = await FakeUpstream.open();
    await this.#withoutTcp.closeTcp();
    await this.#startDns();
    await this.#startNodeCache(await this.#startNode(0));
    await this.#startProxy(await this.#startNode(1), 'nftables');
    await this.#startProxy(await this.#startNode(2), 'iptables');
    const job = (name: string): string[] =>
      [...this.targets].filter(([key]) => key.split(' ')[0] === name).map(([, target]) => target);
    this.prometheus = await Prometheus.start({
      directory: join(this.#directory, 'prometheus'),
      ...this.#options,
      jobs: ['cluster-dns', 'node-local-dns', 'service-proxy'].map((name) => ({ job: name, targets: job(name) })),
    });
  }

  async #startDns(): Promise<void> {
    const state = join(this.#directory, 'state');
    this.dnsPort = await freePort();
    await this.#startServer('cluster-dns first', this.dnsPort, state);
    if (this.#options.upstreamPort !== undefined) return;
    await until(async () => (await outcome('test', ['-s', state])).code === 0, 'a state file', 20_000);
    // Finds no API server, and so starts from the file.
    await this.api.stop();
    await this.#startServer('cluster-dns restored', await freePort(), state);
    await this.api.start();
  }

  async #startServer(title: string, port: number, state: string): Promise<void> {
    const { upstreamPort } = this.#options;
    const upstream = upstreamPort === undefined ? this.#upstream.address : `127.0.0.1:${upstreamPort}`;
    const [metrics, health, closed] = await Promise.all([freePort(), freePort(), freePort()]);
    const file = join(this.#directory, `Corefile-${port}`);
    writeFileSync(
      file,
      `.:${port} {
    errors {
        consolidate 1h .*
    }
    health 127.0.0.1:${health}
    prometheus 127.0.0.1:${metrics}
${upstreamPort === undefined ? LIMITS : ''}    reload 2s 1s
${upstreamPort === undefined ? SMALL_CACHE : '    cache 30\n'}    loadbalance
    kubernetes cluster.local {
        endpoint ${this.api.url}
        startup_timeout 1s
        state ${state}
    }
    forward dead.test 127.0.0.1:${closed}
    forward tcp.test ${this.#withoutTcp.address} {
        force_tcp
        udp_fallback
    }
    forward . ${upstream} {
        prefer_udp
    }
}
in-addr.arpa:${port} {
    prometheus 127.0.0.1:${metrics}
    cache
    service_watch {
        endpoint ${this.api.url}
    }
    forward . ${upstream}
}
`,
    );
    const server = await startProcess(['-conf', file]);
    this.#servers.push(server);
    // The first is the one that is asked.
    if (this.corefile === '') [this.corefile, this.server] = [file, server];
    this.targets.set(title, `127.0.0.1:${metrics}`);
  }

  /** A name space with a way to this one; gives the address of either end. */
  async #startNode(number: number): Promise<Ends> {
    const namespace = `cdm${number}-${process.pid}`;
    const [here, there] = [`cdm${number}h${process.pid % 100_000}`, `cdm${number}n${process.pid % 100_000}`];
    const prefix = `10.${200 + (process.pid % 50)}.${number}`;
    await run('ip', ['netns', 'add', namespace]);
    this.namespaces.push(namespace);
    const commands = [
      `ip link add ${here} type veth peer name ${there} netns ${namespace}`,
      `ip addr add ${prefix}.1/30 dev ${here}`,
      `ip link set ${here} up`,
      `ip -n ${namespace} link set lo up`,
      `ip -n ${namespace} addr add ${prefix}.2/30 dev ${there}`,
      `ip -n ${namespace} link set ${there} up`,
      `ip -n ${namespace} route add default via ${prefix}.1`,
    ];
    await run('sh', ['-ec', commands.join('\n')]);
    return { namespace, here: `${prefix}.1`, there: `${prefix}.2` };
  }

  async #startNodeCache({ namespace, here, there }: Ends): Promise<void> {
    const directory = join(this.#directory, 'node-cache');
    const [base, kubeDns] = [join(directory, 'base'), join(directory, 'kube-dns')];
    for (const each of [base, kubeDns]) mkdirSync(each, { recursive: true });
    writeFileSync(
      join(base, 'Corefile.base'),
      `.:53 {
    errors {
        consolidate 1h .*
    }
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__
    forward dead.test ${here}:1 {
        force_tcp
        udp_fallback
    }
    forward . ${here}:${this.dnsPort} {
        force_tcp
    }
    prometheus ${there}:9253
}
`,
    );
    const args = [
      ...[
        '-syncinterval',
        '1s',
        '-localip',
        LOCAL_DNS,
        '-conf',
        join(directory, 'Corefile'),
        '-pidfile',
        join(directory, 'pid'),
      ],
      ...[
        '-basecorefile',
        join(base, 'Corefile.base'),
        '-kubednscm',
        kubeDns,
        '-metrics-listen-address',
        `${there}:9353`,
      ],
    ];
    const server = new ServerProcess(args, { netns: namespace, command: [process.execPath, PROGRAM, 'node-cache'] });
    this.#servers.push(server);
    await server.saw(/^\w+\/\w+, node/);
    this.targets.set('node-local-dns server', `${there}:9253`);
    this.targets.set('node-local-dns set-up', `${there}:9353`);
  }

  async #startProxy({ namespace, here, there }: Ends, mode: 'nftables' | 'iptables'): Promise<void> {
    const { port } = new URL(this.api.url);
    await this.#relay(here, Number(port));
    this.#servers.push(
      new ServerProcess(
        [
          ...['proxy', 'run', `--master=http://${here}:${port}`, `--hostname-override=${NODE}`, `--proxy-mode=${mode}`],
          ...['--conntrack-max-per-core=0', '--metrics-bind-address=0.0.0.0:10249'],
        ],
        { netns: namespace },
      ),
    );
    const target = `${there}:10249`;
    await until(
      () =>
        fetch(`http://${target}/metrics`).then(
          (response) => response.ok,
          () => false,
        ),
      `the proxy, ${mode}`,
      30_000,
    );
    // As the kubelet asks.
    await fetch(`http://${there}:10256/healthz`);
    await fetch(`http://${there}:10256/livez`);
    this.targets.set(`service-proxy ${mode}`, target);
  }

  /** Lets a name space reach what listens on 127.0.0.1 here. */
  async #relay(address: string, port: number): Promise<void> {
    const relay = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      for (const [from, to] of [[near, far] as const, [far, near] as const]) {
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
      }
    });
    this.#relays.push(relay);
    await new Promise<void>((resolve) => relay.listen(port, address, resolve));
  }
}
