/** The container of the chart node-local-dns on a node, with no right and no file that its manifest does not give it. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Container, type ContainerOptions } from '#test/container.ts';
import { helmTemplate, type Manifest } from '#test/helm.ts';
import { ANSWERED_BY, DNS_POD, KUBE_DNS, KUBE_DNS_UPSTREAM } from '#test/node-lab/cluster.ts';
import { NodeLab } from '#test/node-lab/node-lab.ts';
import { LAB_MODES, type LabMode } from '#test/packet-lab/modes.ts';
import { until } from '#test/until.ts';
import { missing, titled } from '../root/needs.ts';

const NEEDS = ['root', 'helm', 'ip', 'nft', 'iptables-legacy', 'unshare', 'setpriv', 'curl'];
const reason = await missing('the container of node-local-dns', NEEDS);

const render = async (config: object = {}, more: object = {}): Promise<readonly Manifest[]> => [
  ...(await helmTemplate('node-local-dns', { config: { dnsServer: KUBE_DNS[4], ...config }, ...more })),
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kube-dns' },
    data: { upstreamNameservers: JSON.stringify([DNS_POD[4]]) },
  },
];

describe.skipIf(reason !== '')(titled('the container of node-local-dns', reason), () => {
  let lab: NodeLab;
  const started: Container[] = [];
  beforeAll(async () => {
    lab = await NodeLab.open(LAB_MODES[0] as LabMode);
  });
  afterEach(async () => {
    for (const container of started.splice(0)) await container.close();
  });
  afterAll(() => lab?.close());

  const start = (manifests: readonly Manifest[], name: string, options: Partial<ContainerOptions> = {}): Container => {
    const env = { KUBE_DNS_UPSTREAM_SERVICE_HOST: KUBE_DNS_UPSTREAM[4] };
    const container = new Container(manifests, name, { netns: lab.nodeNamespace, env, ...options });
    started.push(container);
    return container;
  };
  const metrics = (port: number): Promise<string> => lab.run('curl', '-s', `http://127.0.0.1:${port}/metrics`);
  const answersAndCounts = async (): Promise<void> => {
    await lab.answered((outcome) => outcome === ANSWERED_BY.cluster, 'all clients are answered', 10_000);
    expect(await metrics(9353)).toContain(`cluster_dns_nodecache_alive{address="${KUBE_DNS[4]}"} 1`);
    expect(await metrics(9253)).toMatch(/^coredns_cache_hits_total\{.*type="success".*\} [1-9]/m);
  };
  const ended = async (container: Container): Promise<string> => {
    await container.process.exited;
    return container.process.stdout + container.process.stderr;
  };

  it('answers every Pod, and leaves no warning and no rule of its own behind', async () => {
    const { process } = start(await render(), 'node-cache');
    await process.saw('queries come here past conntrack (nftables)');
    await answersAndCounts();
    expect(await process.stop()).toBe(0);
    expect(process.stdout + process.stderr).not.toMatch(/WARNING|ERROR/);
    const { process: cleanup } = start(await render({}, { mode: 'cleanup' }), 'cleanup');
    expect(await cleanup.exited).toBe(0);
    expect(cleanup.stdout).toContain('removed link nodelocaldns');
    expect(await lab.run('nft', 'list', 'tables')).not.toContain('node-cache');
  });

  it('that is killed leaves its clients to the DNS of the cluster', async () => {
    const { process } = start(await render(), 'node-cache');
    await process.saw('queries come here past conntrack (nftables)');
    process.signal('SIGKILL');
    await process.exited;
    await lab.answered((outcome) => outcome === ANSWERED_BY.cluster, 'the cluster answers all clients', 10_000);
    expect(await ended(start(await render({}, { mode: 'cleanup' }), 'cleanup'))).toContain('removed link');
  });

  it('does so with rules of iptables', async () => {
    const { process } = start(await render({ rules: 'iptables' }), 'node-cache');
    await process.saw('queries come here past conntrack (iptables)');
    await answersAndCounts();
    expect(await process.stop()).toBe(0);
    expect(process.stdout + process.stderr).not.toMatch(/WARNING|ERROR/);
  });

  it('cleans up what a node-cache has left in iptables-legacy, for which it has NET_RAW', async () => {
    const rule = ['PREROUTING', '-d', KUBE_DNS[4], '-p', 'udp', '--dport', '53', '-j', 'NOTRACK'];
    await lab.run('iptables-legacy', '-t', 'raw', '-A', ...rule);
    const manifests = await render({}, { mode: 'cleanup' });
    const args = ['node-cache', 'cleanup', `-localip=${KUBE_DNS[4]}`];
    expect(await ended(start(manifests, 'cleanup', { args, without: ['NET_RAW'] }))).toContain('Permission denied');
    expect(await ended(start(manifests, 'cleanup', { args }))).toContain('removed iptables-legacy -t raw');
    expect(await lab.run('iptables-legacy', '-t', 'raw', '-S')).not.toContain('NOTRACK');
  });

  it('says which right is missing', async () => {
    const manifests = await render();
    expect(await ended(start(manifests, 'node-cache', { without: ['NET_ADMIN'] }))).toContain('CAP_NET_ADMIN');
    expect(await ended(start(manifests, 'node-cache', { without: ['NET_BIND_SERVICE'] }))).toContain(
      'bind: permission denied',
    );
    await until(async () => !(await lab.run('ip', '-br', 'link')).includes('nodelocaldns'), 'the link is taken back');
  });
});
