import { describe, expect, it } from 'vitest';
import { servicePortsOf as cluster, iptablesOptions, servicePortOf as port } from '#test/service-ports.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { iptables } from './index.ts';

const OPTIONS = iptablesOptions({ localTraffic: { by: 'cidr', cidr: '10.244.0.0/16' } });

const here = { address: '10.244.1.5', port: 8080, isLocal: true };
const there = { address: '10.244.2.6', port: 8080, isLocal: false };

/** Something of most kinds; given out of order. */
const SMALL = cluster(
  port('web/shop:http', '10.96.0.9', {
    loadBalancerIPs: ['203.0.113.7'],
    nodePort: 30_080,
    sourceRanges: ['198.51.100.0/24'],
    healthCheckNodePort: 31_080,
    affinitySeconds: 600,
    externalPolicy: 'Local',
    clusterEndpoints: [here, there],
    localEndpoints: [here],
    localReadyCount: 1,
  }),
  port('default/hello', '10.96.0.5', {
    externalIPs: ['80.11.12.10'],
    clusterEndpoints: [here, there],
  }),
  port('default/alone:dns', '10.96.0.6', {
    protocol: 'udp',
    port: 53,
    internalPolicy: 'Local',
    internal: 'drop',
    external: 'drop',
  }),
  port('default/empty', '10.96.0.7', { nodePort: 30_090, internal: 'reject', external: 'reject', hasEndpoints: false }),
);

describe('a text of iptables rules', () => {
  it('is laid out as kube-proxy lays it out', async () => {
    await expect(iptables.render(SMALL, OPTIONS)).toMatchFileSnapshot('./small-cluster.expected.txt');
  });

  it('is the same in whatever order Services come', () => {
    const turned = new Map([...SMALL].reverse());
    expect(iptables.render(turned, OPTIONS)).toBe(iptables.render(SMALL, OPTIONS));
  });

  it('differs in nothing but comments where they are asked for', () => {
    const explained = iptables.render(SMALL, OPTIONS, { isExplained: true });
    const rules = (text: string): string[] => text.split('\n').filter((line) => !line.startsWith('#'));
    expect(explained.length).toBeGreaterThan(iptables.render(SMALL, OPTIONS).length);
    expect(rules(explained)).toEqual(rules(iptables.render(SMALL, OPTIONS)));
  });

  it('says nothing of single endpoints in comments where there are more than 1,000', () => {
    const endpoints = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ address: `10.244.${i >> 8}.${i & 255}`, port: 80, isLocal: false }));
    const text = (count: number) =>
      iptables.render(cluster(port('a/b', '10.96.0.5', { clusterEndpoints: endpoints(count) })), OPTIONS);
    expect(text(1000)).toContain('--comment "a/b -> 10.244.3.231:80"');
    expect(text(1001)).not.toContain(' -> ');
    expect(text(1001)).toContain('--comment "a/b cluster IP"');
  });

  it('knows own pods by what they come in through', () => {
    const masquerade = (localTraffic: RuleOptions['localTraffic'], masqueradeAll = false) =>
      iptables
        .render(SMALL, { ...OPTIONS, localTraffic, masqueradeAll })
        .split('\n')
        .filter((line) => line.includes('10.96.0.5 ') && line.endsWith('KUBE-MARK-MASQ'))
        .map((line) => line.slice(line.indexOf('--dport 80') + 11));
    expect(masquerade({ by: 'interface', name: 'br0' })).toEqual(['! -i br0 -j KUBE-MARK-MASQ']);
    expect(masquerade({ by: 'interface-prefix', prefix: 'veth' })).toEqual(['! -i veth+ -j KUBE-MARK-MASQ']);
    expect(masquerade({ by: 'none' })).toEqual([]);
    expect(masquerade({ by: 'none' }, true)).toEqual(['-j KUBE-MARK-MASQ']);
  });

  it('leads to node ports from each address that they answer on, loopback only where it is asked for', () => {
    const jumps = (more: Partial<RuleOptions>) =>
      iptables
        .render(new Map(), { ...OPTIONS, ...more })
        .split('\n')
        .filter((line) => line.startsWith('-A') && line.endsWith('-j KUBE-NODEPORTS'))
        .map((line) => line.slice(line.lastIndexOf('" ') + 2));
    const nodePortAddresses = ['192.0.2.1', '127.0.0.1'];
    expect(jumps({ nodePortAddresses })).toEqual(['-d 192.0.2.1 -j KUBE-NODEPORTS', '-d 127.0.0.1 -j KUBE-NODEPORTS']);
    expect(jumps({ nodePortAddresses, localhostNodePorts: false })).toEqual(['-d 192.0.2.1 -j KUBE-NODEPORTS']);
    expect(jumps({ localhostNodePorts: false })).toEqual([
      '-m addrtype --dst-type LOCAL ! -d 127.0.0.0/8 -j KUBE-NODEPORTS',
    ]);
    expect(jumps({ family: 'IPv6' })).toEqual(['-m addrtype --dst-type LOCAL ! -d ::1/128 -j KUBE-NODEPORTS']);
  });
});

describe('a difference of iptables rules', () => {
  it('is nothing where nothing differs', () => {
    expect(iptables.diff(SMALL, SMALL, OPTIONS)).toBe('');
  });

  it('has no more than the lines of what came and went, each at its place', () => {
    const before = cluster(...[...SMALL.values()].filter(({ name }) => name !== 'hello'));
    const added = iptables.diff(before, SMALL, OPTIONS).split('\n');
    expect(added.filter((line) => line.startsWith('-I'))).toEqual([
      '-I KUBE-SERVICES 1 -m comment --comment "default/hello cluster IP" -m tcp -p tcp -d 10.96.0.5 --dport 80 -j KUBE-SVC-STDNOFAI3EEZDIVA',
      '-I KUBE-SERVICES 2 -m comment --comment "default/hello external IP" -m tcp -p tcp -d 80.11.12.10 --dport 80 -j KUBE-EXT-STDNOFAI3EEZDIVA',
    ]);
    const removed = iptables.diff(SMALL, before, OPTIONS).split('\n');
    expect(removed.filter((line) => line.startsWith('-X'))).toHaveLength(4);
    expect(removed.filter((line) => line.startsWith('-A'))).toEqual([]);
  });
});
