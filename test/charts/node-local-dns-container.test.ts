/** The container of the chart node-local-dns on a node, with no right and no file that its manifest does not give it. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { helmTemplate, type Manifest } from '#test/helm.ts';
import { ANSWERED_BY, DNS_POD, KUBE_DNS, KUBE_DNS_UPSTREAM, NODE_ADDRESS } from '#test/node-lab/cluster.ts';
import { NodeLab } from '#test/node-lab/node-lab.ts';
import { LAB_MODES, type LabMode } from '#test/packet-lab/modes.ts';
import { PodBox } from '#test/pod-box/pod-box.ts';
import { ownWorkload, renderedPod } from '#test/pod-box/rendered-pod.ts';
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
  const started: PodBox[] = [];
  beforeAll(async () => {
    lab = await NodeLab.open(LAB_MODES[0] as LabMode);
  });
  afterEach(async () => {
    for (const box of started.splice(0)) await box.kill();
  });
  afterAll(() => lab?.close());

  /** Starts the cache, or an init container; with these capabilities alone, where they are given. */
  const start = (manifests: readonly Manifest[], init?: string, capabilities?: readonly string[]): PodBox => {
    const facts = {
      nodeName: 'n1',
      podIp: NODE_ADDRESS[4],
      env: { KUBE_DNS_UPSTREAM_SERVICE_HOST: KUBE_DNS_UPSTREAM[4] },
    };
    const pod = renderedPod(manifests, ownWorkload(manifests), facts, init);
    const options = {
      netns: lab.nodeNamespace,
      resolvConf: `nameserver ${DNS_POD[4]}\n`,
      token: { token: '', ca: '' },
    };
    const box = new PodBox({ ...pod, capabilities: capabilities ?? pod.capabilities }, options);
    started.push(box);
    return box;
  };
  const metrics = (port: number): Promise<string> => lab.run('curl', '-s', `http://127.0.0.1:${port}/metrics`);
  const isByCluster = (outcome: string): boolean => outcome === ANSWERED_BY.cluster;
  const answersAndCounts = async (): Promise<void> => {
    await until(async () => {
      await lab.answered(isByCluster, 'all clients are answered', 10_000);
      return /^coredns_cache_hits_total\{.*type="success".*\} [1-9]/m.test(await metrics(9253));
    }, 'the cache has hits');
    expect(await metrics(9353)).toContain(`cluster_dns_nodecache_alive{address="${KUBE_DNS[4]}"} 1`);
  };
  const ended = async (box: PodBox): Promise<string> => {
    await box.process.exited;
    return box.output;
  };

  it('answers every Pod, and leaves no warning and no rule of its own behind', async () => {
    const { process } = start(await render());
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
    const { process } = start(await render());
    await process.saw('queries come here past conntrack (nftables)');
    process.signal('SIGKILL');
    await process.exited;
    await lab.answered(isByCluster, 'the cluster answers all clients', 10_000);
    expect(await ended(start(await render({}, { mode: 'cleanup' }), 'cleanup'))).toContain('removed link');
  });

  it('does so with rules of iptables', async () => {
    const { process } = start(await render({ rules: 'iptables' }));
    await process.saw('queries come here past conntrack (iptables)');
    await answersAndCounts();
    expect(await process.stop()).toBe(0);
    expect(process.stdout + process.stderr).not.toMatch(/WARNING|ERROR/);
  });

  it('cleans up what a node-cache has left in iptables-legacy, for which it has NET_RAW', async () => {
    const rule = ['PREROUTING', '-d', KUBE_DNS[4], '-p', 'udp', '--dport', '53', '-j', 'NOTRACK'];
    await lab.run('iptables-legacy', '-t', 'raw', '-A', ...rule);
    const manifests = await render({}, { mode: 'cleanup' });
    expect(await ended(start(manifests, 'cleanup', ['net_admin', 'net_bind_service']))).toContain('Permission denied');
    expect(await ended(start(manifests, 'cleanup'))).toContain('removed iptables-legacy -t raw');
    expect(await lab.run('iptables-legacy', '-t', 'raw', '-S')).not.toContain('NOTRACK');
  });

  it('says which right is missing', async () => {
    const manifests = await render();
    expect(await ended(start(manifests, undefined, ['net_bind_service']))).toContain('CAP_NET_ADMIN');
    expect(await ended(start(manifests, undefined, ['net_admin']))).toContain('bind: permission denied');
    await until(async () => !(await lab.run('ip', '-br', 'link')).includes('nodelocaldns'), 'the link is taken back');
  });
});
