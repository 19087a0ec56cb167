/** The agent of the Service proxy as a process, in a network name space of its own. */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Outcome, outcome, run } from '#test/command.ts';
import { freePort, PROGRAM, type ProcessOptions, ServerProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { missing, needTestbed, titled } from './needs.ts';

const NS = `cdpa-${process.pid}`;
const NODE = 'node-1';
const NEEDS = ['root', 'ip', 'nft', 'conntrack', 'curl', 'setpriv', 'unshare', 'iptables'];
const reason = await missing('proxy agent', NEEDS);
const { reason: noTestbed, testbed } = await needTestbed('proxy agent with a real API server', NEEDS);

/** Quick syncs; what only the host's own name space may set is left. */
const FLAGS = [
  'proxy',
  'run',
  `--hostname-override=${NODE}`,
  '--conntrack-max-per-core=0',
  '--iptables-min-sync-period=10ms',
  '--iptables-sync-period=2s',
  '-v4',
];

const inside = (command: string, ...args: string[]): Promise<Outcome> =>
  outcome('ip', ['netns', 'exec', NS, command, ...args]);
const rules = async (): Promise<string> => (await inside('nft', 'list', 'ruleset')).stdout;
/** Waits until the rules have, or have not, this text. */
const rulesHave = (text: string, isThere = true): Promise<void> =>
  until(async () => (await rules()).includes(text) === isThere, `${text} ${isThere ? 'in' : 'not in'} the rules`);
const get = async (url: string): Promise<{ code: number; headers: string; body: string }> => {
  const { stdout } = await inside('curl', '-s', '-i', '--max-time', '5', url);
  const [headers = '', ...body] = stdout.split('\r\n\r\n');
  return { code: Number(/^HTTP\/\S+ (\d+)/.exec(headers)?.[1] ?? 0), headers, body: body.join('\r\n\r\n') };
};
const metric = async (series: string): Promise<number> => {
  const { body } = await get('http://127.0.0.1:10249/metrics');
  const line = body.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(series.length));
};

const NODE_MANIFEST = `apiVersion: v1
kind: Node
metadata: {name: ${NODE}}
status: {addresses: [{type: InternalIP, address: 192.168.77.1}]}
---
`;
/** A Service and its endpoints: addresses on this node, and elsewhere. */
const serviceManifest = (here: readonly string[], elsewhere: readonly string[], spec = ''): string => `apiVersion: v1
kind: Service
metadata: {name: dns, namespace: default}
spec:
  clusterIP: 10.96.0.10
  ports: [{name: dns, protocol: UDP, port: 53}]
${spec}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: dns-1, namespace: default, labels: {kubernetes.io/service-name: dns}}
addressType: IPv4
ports: [{name: dns, protocol: UDP, port: 53}]
endpoints:
${[...here.map((one) => [one, NODE]), ...elsewhere.map((one) => [one, 'node-2'])]
  .map(([address, node]) => `- {addresses: [${address}], nodeName: ${node}}\n`)
  .join('')}`;

let folder = '';
let agent: ServerProcess | null = null;
const write = (here: readonly string[], elsewhere: readonly string[] = [], spec = ''): void =>
  writeFileSync(join(folder, 'all.yaml'), NODE_MANIFEST + serviceManifest(here, elsewhere, spec));

const start = async (
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
  options: ProcessOptions = {},
): Promise<ServerProcess> => {
  agent = new ServerProcess([...FLAGS, '--manifests', folder, ...args], { netns: NS, env, ...options });
  await agent.saw(/IPv4: .* rules are in place/);
  return agent;
};
/** Runs it to its end, where it ends by itself. */
const runToEnd = async (
  args: readonly string[],
  options: { prefix?: readonly string[] } = {},
): Promise<ServerProcess> => {
  const ended = new ServerProcess([...FLAGS, ...args], { netns: NS, ...options });
  agent = ended;
  await ended.exited;
  return ended;
};

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'proxy-agent-'));
  if (reason !== '') return;
  await run('ip', ['netns', 'add', NS]);
  await run('ip', ['-n', NS, 'link', 'set', 'lo', 'up']);
  await run('ip', ['-n', NS, 'address', 'add', '192.168.77.1/32', 'dev', 'lo']);
});

afterEach(async () => {
  if (agent !== null && agent.exitCode === null) await agent.stop();
  agent = null;
  rmSync(folder, { recursive: true, force: true });
  if (reason === '') await run('ip', ['netns', 'delete', NS]);
});

describe.skipIf(reason !== '')(titled('the agent', reason), () => {
  it('has the rules follow the manifests, tells how that goes, and leaves the rules when it ends', async () => {
    write(['10.244.0.2']);
    const process = await start();
    expect(await rules()).toContain('10.96.0.10 . udp . 53');
    expect(await rules()).toContain('10.244.0.2');
    write(['10.244.0.2', '10.244.0.3']);
    await rulesHave('10.244.0.3');
    write(['10.244.0.3']);
    await rulesHave('10.244.0.2 ', false);
    const healthz = await get('http://127.0.0.1:10256/healthz');
    expect(healthz.code).toBe(200);
    expect(JSON.parse(healthz.body)).toMatchObject({
      healthy: true,
      nodeEligible: true,
      status: { IPv4: {}, IPv6: {} },
    });
    expect((await get('http://127.0.0.1:10256/livez')).code).toBe(200);
    expect((await get('http://127.0.0.1:10256/readyz')).code).toBe(200);
    expect((await get('http://127.0.0.1:10249/proxyMode')).body).toBe('nftables');
    const configz = JSON.parse((await get('http://127.0.0.1:10249/configz')).body);
    expect(configz['kubeproxy.config.k8s.io'].nftables.minSyncPeriod).toBe('10ms');
    expect(await metric('kubeproxy_sync_proxy_rules_service_changes_total')).toBeGreaterThan(0);
    expect(await metric('kubeproxy_sync_partial_proxy_rules_duration_seconds_count{ip_family="IPv4"}')).toBeGreaterThan(
      1,
    );
    expect(await metric('kubeproxy_proxy_healthz_total{code="200"}')).toBe(1);
    expect(await process.stop()).toBe(0);
    expect(await rules()).toContain('10.244.0.3');
  });

  it('puts a table that somebody deleted or flushed back', async () => {
    write(['10.244.0.2']);
    const process = await start();
    await inside('nft', 'delete', 'table', 'ip', 'kube-proxy');
    await rulesHave('10.244.0.2');
    await inside('nft', 'flush', 'table', 'ip', 'kube-proxy');
    await until(async () => /hook prerouting[^}]*jump/.test(await rules()), 'jumps in the base chains');
    expect(process.stdout).toMatch(/WARNING\] proxy: IPv4: (somebody else changed|the rules are gone)/);
  });

  it('knows its own changes from others, also with process numbers of its own', async () => {
    write(['10.244.0.2']);
    const prefix = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--'];
    const process = await start([], {}, { prefix });
    for (const address of ['10.244.0.3', '10.244.0.4', '10.244.0.5']) {
      write([address]);
      await rulesHave(address);
    }
    expect(process.stdout).not.toContain('somebody else');
    // Nothing else looks at this map.
    await inside('nft', 'flush', 'map', 'ip', 'kube-proxy', 'service-ips');
    await process.saw(/somebody else changed the rules \(process \d+, nft: deletes elements of service-ips\)/);
    await rulesHave('10.96.0.10 . udp . 53');
    // `unshare` passes no signal on.
    process.signal('SIGKILL');
    await process.exited;
  });

  it('goes on without word of others where the kernel can not be heard', async () => {
    // The package with the binaries is not found from there.
    cpSync(dirname(PROGRAM), join(folder, 'dist'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    write(['10.244.0.2']);
    const process = await start([], {}, { program: join(folder, 'dist', 'cluster-dns.js') });
    write(['10.244.0.3']);
    await rulesHave('10.244.0.3');
    await inside('nft', 'flush', 'table', 'ip', 'kube-proxy');
    await process.saw(/IPv4: the rules are gone: all are written anew/);
    const lines = process.lines.filter((line) => line.includes("IPv4: the kernel can't be heard (the package koffi"));
    expect(lines).toHaveLength(1);
  });

  it('takes over after kill -9, with what changed meanwhile', async () => {
    write(['10.244.0.2']);
    const killed = await start();
    killed.signal('SIGKILL');
    expect(await killed.exited).toBe(137);
    expect(await rules()).toContain('10.244.0.2');
    write(['10.244.0.9']);
    await start();
    expect(await rules()).toContain('10.244.0.9');
    expect(await rules()).not.toContain('10.244.0.2 ');
  });

  it('and a second one on the same node come to the same rules', async () => {
    write(['10.244.0.2']);
    const first = await start();
    const servers = ['--healthz-bind-address=', '--metrics-bind-address='];
    const second = new ServerProcess([...FLAGS, ...servers, '--manifests', folder], { netns: NS });
    try {
      // It takes over what it finds.
      await second.saw(/IPv4: full sync of all Service ports: 0 lines/);
      write(['10.244.0.3', '10.244.0.4']);
      await Promise.all([first, second].map((process) => process.saw(/IPv4: (partial|full) sync/, 2)));
      write(['10.244.0.5']);
      await Promise.all([first, second].map((process) => process.saw(/IPv4: (partial|full) sync/, 3)));
      await rulesHave('10.244.0.5');
      await rulesHave('10.244.0.4', false);
    } finally {
      await second.stop();
    }
  });

  it('keeps the last good rules while nft fails, says so once, and mends them', async () => {
    const bin = join(folder, 'bin');
    const broken = join(folder, 'broken');
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'nft'),
      // Looks when it has its input: it may have been started long before.
      `#!/bin/sh
cat > ${folder}/input.$$
if [ -e ${broken} ]; then echo 'netlink: Error: No space left on device' >&2; exit 1; fi
exec /usr/sbin/nft "$@" < ${folder}/input.$$
`,
    );
    chmodSync(join(bin, 'nft'), 0o755);
    write(['10.244.0.2']);
    const process = await start([], { PATH: `${bin}:${globalThis.process.env.PATH}` });
    writeFileSync(broken, '');
    write(['10.244.0.3']);
    await process.saw(/ERROR\] proxy: IPv4: rules can't be brought up to date.*No space left/);
    await until(async () => (await metric('kubeproxy_sync_proxy_rules_nftables_sync_failures_total')) >= 2);
    expect(await rules()).toContain('10.244.0.2');
    expect((await get('http://127.0.0.1:10256/healthz')).code).toBeGreaterThanOrEqual(200);
    rmSync(broken);
    await process.saw('IPv4: rules are up to date again');
    expect(await rules()).toContain('10.244.0.3');
    const errors = process.lines.filter((line) => /ERROR\] proxy: IPv4/.test(line));
    expect(new Set(errors).size).toBe(errors.length);
  });

  it('answers health check node ports by the ready endpoints on this node', async () => {
    const spec = '  type: LoadBalancer\n  externalTrafficPolicy: Local\n  healthCheckNodePort: 32000\n';
    write(['10.244.0.2', '10.244.0.3'], ['10.244.1.2'], spec);
    await start(['--nodeport-addresses=192.168.77.0/24']);
    const there = 'http://192.168.77.1:32000/anything';
    await until(async () => (await get(there)).code === 200);
    const { headers, body } = await get(there);
    expect(headers).toContain('X-Load-Balancing-Endpoint-Weight: 2');
    expect(headers).toContain('Content-Type: application/json');
    expect(JSON.parse(body)).toEqual({
      service: { namespace: 'default', name: 'dns' },
      localEndpoints: 2,
      serviceProxyHealthy: true,
    });
    expect((await get('http://127.0.0.1:32000/')).code).toBe(0);
    write([], ['10.244.1.2'], spec);
    await until(async () => (await get(there)).code === 503);
    write([], ['10.244.1.2']);
    await until(async () => (await get(there)).code === 0);
  });

  it('ends UDP flows to endpoints, node ports and Services that are gone, and no others', async () => {
    let clientPort = 4000;
    const flow = async (to: string, port: number, by: string): Promise<void> => {
      const from = String(++clientPort);
      const tuple = ['-s', '10.0.0.9', '-d', to, '--sport', from, '--dport', String(port)];
      const reply = ['-r', by, '-q', '10.0.0.9', '--reply-port-src', '53', '--reply-port-dst', from];
      await run('ip', ['netns', 'exec', NS, 'conntrack', '-I', '-p', 'udp', ...tuple, ...reply, '-t', '300']);
    };
    const flows = async (): Promise<string[]> =>
      (await inside('conntrack', '-L', '-p', 'udp')).stdout
        .split('\n')
        .flatMap((line) => / dst=(\S+) .* src=(\S+) dst/.exec(line)?.slice(1, 3).join(' by ') ?? [])
        .sort();
    const spec = '  type: NodePort\n  externalIPs: [80.11.12.10]\n';
    write(['10.244.0.2', '10.244.0.3'], [], spec);
    await start();
    const [, nodePort] = /udp \. (3\d{4}) : goto/.exec(await rules()) ?? [];
    await flow('10.96.0.10', 53, '10.244.0.2');
    await flow('192.168.77.1', Number(nodePort), '10.244.0.3');
    await flow('80.11.12.10', 53, '10.244.0.3');
    await flow('8.8.8.8', Number(nodePort), '10.244.0.3');
    write(['10.244.0.2'], [], spec);
    await until(async () => (await flows()).length === 2);
    expect(await flows()).toEqual(['10.96.0.10 by 10.244.0.2', '8.8.8.8 by 10.244.0.3']);
    expect(await metric('kubeproxy_conntrack_reconciler_deleted_entries_total')).toBe(2);
    // No endpoint left, then no Service: kube-proxy 1.36 leaves such flows.
    write([]);
    await until(async () => (await flows()).length === 1);
    await flow('10.96.0.10', 53, '10.244.0.2');
    writeFileSync(join(folder, 'all.yaml'), NODE_MANIFEST);
    await until(async () => (await flows()).length === 1);
  });

  it('keeps rules in iptables mode, too, and writes them anew where somebody flushed them', async () => {
    write(['10.244.0.2']);
    await start(['--proxy-mode=iptables']);
    const save = async (): Promise<string> => (await inside('iptables-save', '-t', 'nat')).stdout;
    expect(await save()).toContain('--to-destination 10.244.0.2:53');
    expect(await metric('kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv4",table="nat"}')).toBeGreaterThan(5);
    await inside('iptables', '-t', 'nat', '-F');
    await inside('iptables', '-t', 'nat', '-X');
    await until(async () => (await save()).includes('--to-destination 10.244.0.2:53'), 'rules after a flush');
  });

  it('gives up the rules of the mode before when the mode changes', async () => {
    write(['10.244.0.2']);
    await (await start(['--proxy-mode=iptables'])).stop();
    await (await start(['--proxy-mode=nftables'])).stop();
    expect((await inside('iptables-save')).stdout).not.toContain('KUBE-SVC-');
    expect(await rules()).toContain('table ip kube-proxy');
    await (await start(['--proxy-mode=iptables'])).stop();
    expect(await rules()).not.toContain('table ip kube-proxy');
  });

  it('removes everything with --cleanup', async () => {
    write(['10.244.0.2']);
    await (await start()).stop();
    const ended = await runToEnd(['--cleanup']);
    expect(ended.exitCode).toBe(0);
    expect(await rules()).not.toContain('kube-proxy');
  });

  it('sets sysctls and ends with --init-only', async () => {
    const ended = await runToEnd(['--init-only', '--proxy-mode=iptables', '--conntrack-udp-timeout=17s']);
    expect(ended.exitCode).toBe(0);
    const sysctl = async (name: string): Promise<string> =>
      (await inside('cat', `/proc/sys/net/${name}`)).stdout.trim();
    expect(await sysctl('ipv4/conf/all/route_localnet')).toBe('1');
    expect(await sysctl('netfilter/nf_conntrack_udp_timeout')).toBe('17');
    expect(await rules()).not.toContain('KUBE-SERVICES');
  });
});

describe.skipIf(reason !== '')(titled('an agent that can not start', reason), () => {
  it('names every fault of its configuration, and ends with 1', async () => {
    const file = join(folder, 'config.yaml');
    writeFileSync(
      file,
      'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: userspace\nclusterCidr: 10.0.0.0/8\n',
    );
    const ended = await runToEnd(['--config', file]);
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain(`${file}:4:14: clusterCidr: there is no such field: it is called clusterCIDR`);
    expect(ended.stderr).toContain(`${file}:3:7: mode: userspace is gone since Kubernetes 1.26`);
  });

  it('without nft says which package to install', async () => {
    const ended = await runToEnd(['--manifests', folder], { prefix: ['env', `PATH=${folder}`] });
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain('nftables mode needs nft, which is not on the path');
    expect(ended.stderr).toContain('apt-get install nftables');
  });

  it('without privileges says that it needs them', async () => {
    const prefix = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const ended = await runToEnd(['--manifests', folder], { prefix });
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain('rules may only be changed by root');
  });

  it('for its port is taken ends where that is wanted, and goes on where not', async () => {
    write(['10.244.0.2']);
    const first = await start();
    const second = new ServerProcess([...FLAGS, '--manifests', folder, '--bind-address-hard-fail'], { netns: NS });
    expect(await second.exited).toBe(1);
    expect(second.stderr).toContain('healthz: :10256 can');
    const third = new ServerProcess([...FLAGS, '--manifests', folder, '--metrics-bind-address='], { netns: NS });
    await third.saw(/ERROR\] proxy: healthz: .*address already in use/);
    await first.stop();
    await third.saw('healthz: listening on :10256');
    expect(await third.stop()).toBe(0);
  });
});

describe.skipIf(noTestbed !== '')(titled('the agent with a real API server', noTestbed), () => {
  beforeAll(async () => {
    await testbed.apply(NODE_MANIFEST + serviceManifest(['10.244.0.2'], ['10.244.1.2']));
  });
  afterAll(() => testbed.stop());

  it('follows Services, slices and the Node of the cluster', async () => {
    // The API server is on the host's loopback, so the agent is outside, and its tools are inside.
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    for (const tool of ['nft', 'conntrack']) {
      writeFileSync(join(bin, tool), `#!/bin/sh\nexec ip netns exec ${NS} /usr/sbin/${tool} "$@"\n`);
      chmodSync(join(bin, tool), 0o755);
    }
    const own = ['--conntrack-tcp-timeout-established=0s', '--conntrack-tcp-timeout-close-wait=0s'];
    const servers = ['--healthz-bind-address=', `--metrics-bind-address=127.0.0.1:${await freePort()}`];
    agent = new ServerProcess([...FLAGS, ...own, ...servers, `--kubeconfig=${testbed.kubeconfig}`], {
      env: { PATH: `${bin}:${process.env.PATH}` },
    });
    await agent.saw(/IPv4: .* rules are in place/);
    expect(await rules()).toContain('10.244.1.2');
    await testbed.apply(serviceManifest(['10.244.0.2', '10.244.0.7'], [], '  type: NodePort\n'));
    await rulesHave('10.244.0.7');
    await rulesHave('10.244.1.2', false);
    // The Node's own address is where node ports answer.
    await rulesHave('192.168.77.1');
    await testbed.kubectl(['delete', 'service', 'dns']);
    await rulesHave('10.244.0.7', false);
  });
});
