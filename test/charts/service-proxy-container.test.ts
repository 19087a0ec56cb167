/** The containers of the chart service-proxy on a node, with no right and no file that their manifest does not give them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '#test/command.ts';
import { helmTemplate, type Manifest } from '#test/helm.ts';
import { PodBox } from '#test/pod-box/pod-box.ts';
import { ownWorkload, renderedPod } from '#test/pod-box/rendered-pod.ts';
import { ServerProcess } from '#test/process.ts';
import { missing, titled } from '../root/needs.ts';

const NEEDS = ['root', 'helm', 'ip', 'nft', 'iptables-legacy', 'unshare', 'setpriv', 'curl', 'conntrack'];
const reason = await missing('the containers of service-proxy', NEEDS);
const FOLDER = fileURLToPath(new URL('../../examples', import.meta.url));
const EXAMPLES = Object.fromEntries(
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => [file, readFileSync(join(FOLDER, file), 'utf8')]),
);
const NS = `cdsp-${process.pid}`;

const render = (config: object = {}, more: object = {}): Promise<readonly Manifest[]> =>
  helmTemplate('service-proxy', {
    apiServer: { host: '192.0.2.1' },
    config: {
      clusterCIDR: '10.244.0.0/16,fd00:10:244::/48',
      // The kubelet lowers it, and what lowers it further here would need a right.
      oomScoreAdj: Number(readFileSync('/proc/self/oom_score_adj', 'utf8')),
      // Only the machine's own network namespace may set it.
      conntrack: { maxPerCore: 0 },
      ...config,
    },
    ...more,
  });
const inside = (command: string, ...args: string[]): Promise<string> =>
  run('ip', ['netns', 'exec', NS, command, ...args]);

describe.skipIf(reason !== '')(titled('the containers of service-proxy', reason), () => {
  const started: PodBox[] = [];
  beforeEach(async () => {
    await run('ip', ['netns', 'add', NS]);
    await run('ip', ['-n', NS, 'link', 'set', 'lo', 'up']);
    // The address of n1 in examples.
    await run('ip', ['-n', NS, 'address', 'add', '172.18.0.2/32', 'dev', 'lo']);
    await inside('sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  });
  afterEach(async () => {
    for (const box of started.splice(0)) await box.kill();
    await run('ip', ['netns', 'delete', NS]);
  });

  /** Starts the proxy with manifests in place of an API server, or an init container; with these capabilities alone, where they are given. */
  const start = (manifests: readonly Manifest[], init?: string, capabilities?: readonly string[]): PodBox => {
    const facts = { nodeName: 'n1', podIp: '172.18.0.2', env: {} };
    const pod = renderedPod(manifests, ownWorkload(manifests), facts, init);
    const command = init === undefined ? [...pod.command, '--manifests=/examples'] : pod.command;
    const mounts = [...pod.mounts, { path: '/examples', files: EXAMPLES, isFile: false }];
    const options = { netns: NS, resolvConf: '', token: { token: '', ca: '' } };
    const box = new PodBox({ ...pod, command, mounts, capabilities: capabilities ?? pod.capabilities }, options);
    started.push(box);
    return box;
  };
  const ended = async (box: PodBox): Promise<string> => {
    await box.process.exited;
    return box.output;
  };

  it('put the rules in, and are ready then, without a warning', async () => {
    const manifests = await render();
    const { process } = start(manifests);
    await process.saw(/IPv6: full sync .* rules are in place/);
    await process.saw(/IPv4: full sync .* rules are in place/);
    expect(await inside('nft', 'list', 'tables')).toContain('table ip kube-proxy');
    const code = ['-s', '-o', '/dev/null', '-w', '%{http_code}'];
    expect(await inside('curl', ...code, 'http://172.18.0.2:10256/readyz')).toBe('200');
    expect(await process.stop()).toBe(0);
    expect(process.stdout + process.stderr).not.toMatch(/WARNING|ERROR/);
    const { process: cleanup } = start(await render({}, { mode: 'cleanup' }), 'cleanup');
    expect(await cleanup.exited).toBe(0);
    expect(cleanup.stdout).toContain('removed table ip kube-proxy (nft)');
  });

  it('touch no rule while another proxy has its port', async () => {
    const manifests = await render();
    const other = new ServerProcess([], {
      netns: NS,
      command: [
        process.execPath,
        '-e',
        "require('node:net').createServer().listen(10256, () => console.log('listening'))",
      ],
    });
    await other.saw('listening');
    expect(await ended(start(manifests))).toContain("healthz: :10256 can't be listened on");
    expect(await inside('nft', 'list', 'tables')).not.toContain('kube-proxy');
    await other.stop();
  });

  it('set sysctls in the privileged init container, which the proxy could not', async () => {
    const established = ['-n', 'net.netfilter.nf_conntrack_tcp_timeout_established'];
    await inside('sysctl', '-q', '-w', 'net.netfilter.nf_conntrack_tcp_timeout_established=432000');
    const manifests = await render();
    expect(await ended(start(manifests, 'sysctls', ['net_admin']))).toContain('it is read-only here');
    const { process: init } = start(manifests, 'sysctls');
    expect(await init.exited).toBe(0);
    expect((await inside('sysctl', ...established)).trim()).toBe('86400');
  });

  it('in iptables mode answer on 127.0.0.1, for which the init container sets route_localnet', async () => {
    const manifests = await render({ mode: 'iptables' });
    expect(await ended(start(manifests))).toContain("route_localnet can't be set to 1");
    await start(manifests, 'sysctls').process.exited;
    const { process } = start(manifests);
    await process.saw(/IPv4: full sync .* rules are in place/);
    expect(await inside('iptables-save', '-t', 'nat')).toContain('KUBE-SERVICES');
  });

  it('clean up what a kube-proxy has left in iptables-legacy, for which they have NET_RAW', async () => {
    await inside('iptables-legacy', '-t', 'nat', '-N', 'KUBE-SERVICES');
    const manifests = await render({}, { mode: 'cleanup' });
    expect(await ended(start(manifests, 'cleanup', ['net_admin']))).toContain('Permission denied');
    expect(await ended(start(manifests, 'cleanup'))).toContain(
      'removed chain KUBE-SERVICES of table nat (iptables-legacy)',
    );
  });

  it('say which right is missing', async () => {
    const manifests = await render();
    expect(await ended(start(manifests, undefined, ['net_raw']))).toContain('CAP_NET_ADMIN');
  });
});
