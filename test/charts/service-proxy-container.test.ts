/** The containers of the chart service-proxy on a node, with no right and no file that their manifest does not give them. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '#test/command.ts';
import { Container, type ContainerOptions } from '#test/container.ts';
import { at, helmTemplate, type Manifest, theOne } from '#test/helm.ts';
import { ServerProcess } from '#test/process.ts';
import { missing, titled } from '../root/needs.ts';

const NEEDS = ['root', 'helm', 'ip', 'nft', 'iptables-legacy', 'unshare', 'setpriv', 'curl', 'conntrack'];
const reason = await missing('the containers of service-proxy', NEEDS);
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
  const started: Container[] = [];
  beforeEach(async () => {
    await run('ip', ['netns', 'add', NS]);
    await run('ip', ['-n', NS, 'link', 'set', 'lo', 'up']);
    // The address of n1 in examples.
    await run('ip', ['-n', NS, 'address', 'add', '172.18.0.2/32', 'dev', 'lo']);
    await inside('sysctl', '-q', '-w', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  });
  afterEach(async () => {
    for (const container of started.splice(0)) await container.close();
    await run('ip', ['netns', 'delete', NS]);
  });

  const start = (manifests: readonly Manifest[], name: string, options: Partial<ContainerOptions> = {}): Container => {
    const container = new Container(manifests, name, { netns: NS, env: { NODE_NAME: 'n1' }, ...options });
    started.push(container);
    return container;
  };
  /** Its own arguments, with manifests in place of an API server. */
  const withManifests = (manifests: readonly Manifest[], ...more: string[]): readonly string[] => {
    const args = at(theOne(manifests, 'DaemonSet'), 'spec.template.spec.containers.0.args') as readonly string[];
    return [...args, '--manifests=/app/examples', ...more];
  };
  const ended = async (container: Container): Promise<string> => {
    await container.process.exited;
    return container.process.stdout + container.process.stderr;
  };

  it('put the rules in, and are ready then, without a warning', async () => {
    const manifests = await render();
    const { process } = start(manifests, 'service-proxy', { args: withManifests(manifests) });
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
    expect(await ended(start(manifests, 'service-proxy', { args: withManifests(manifests) }))).toContain(
      "healthz: :10256 can't be listened on",
    );
    expect(await inside('nft', 'list', 'tables')).not.toContain('kube-proxy');
    await other.stop();
  });

  it('set sysctls in the privileged init container, which the proxy could not', async () => {
    const established = ['-n', 'net.netfilter.nf_conntrack_tcp_timeout_established'];
    await inside('sysctl', '-q', '-w', 'net.netfilter.nf_conntrack_tcp_timeout_established=432000');
    const manifests = await render();
    const args = withManifests(manifests).map((arg) => arg.replace('config.conf', 'init.conf'));
    expect(await ended(start(manifests, 'service-proxy', { args }))).toContain('it is read-only here');
    const { process: init } = start(manifests, 'sysctls');
    expect(await init.exited).toBe(0);
    expect((await inside('sysctl', ...established)).trim()).toBe('86400');
  });

  it('in iptables mode answer on 127.0.0.1, for which the init container sets route_localnet', async () => {
    const manifests = await render({ mode: 'iptables' });
    const args = withManifests(manifests);
    expect(await ended(start(manifests, 'service-proxy', { args }))).toContain("route_localnet can't be set to 1");
    await start(manifests, 'sysctls').process.exited;
    const { process } = start(manifests, 'service-proxy', { args });
    await process.saw(/IPv4: full sync .* rules are in place/);
    expect(await inside('iptables-save', '-t', 'nat')).toContain('KUBE-SERVICES');
  });

  it('clean up what a kube-proxy has left in iptables-legacy, for which they have NET_RAW', async () => {
    await inside('iptables-legacy', '-t', 'nat', '-N', 'KUBE-SERVICES');
    const manifests = await render({}, { mode: 'cleanup' });
    expect(await ended(start(manifests, 'cleanup', { without: ['NET_RAW'] }))).toContain('Permission denied');
    expect(await ended(start(manifests, 'cleanup'))).toContain(
      'removed chain KUBE-SERVICES of table nat (iptables-legacy)',
    );
  });

  it('say which right is missing', async () => {
    const manifests = await render();
    const args = withManifests(manifests);
    expect(await ended(start(manifests, 'service-proxy', { args, without: ['NET_ADMIN'] }))).toContain('CAP_NET_ADMIN');
  });
});
