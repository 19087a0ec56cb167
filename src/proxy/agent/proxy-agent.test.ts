import { describe, expect, it } from 'vitest';
import { AgentScene, node, service, slice } from './testing/scene.ts';

const DNS = [service('dns', '10.96.0.10'), slice('dns', ['10.244.0.2'])];

describe('the first sync', () => {
  it('waits until Services, EndpointSlices and the Node are listed', async () => {
    const scene = new AgentScene();
    await scene.agent.start();
    scene.source.set(...DNS);
    for (const kind of ['Service', 'ServiceCIDR', 'Node'] as const) {
      scene.source.synced(kind);
      await scene.due();
    }
    expect(scene.writer.syncs).toHaveLength(0);
    scene.source.synced('EndpointSlice');
    await scene.due();
    expect(scene.writer.syncs).toMatchObject([{ keys: ['default/dns/tcp'], changed: null }]);
  });

  it('waits ten seconds for a Node that may not be read, and no longer', async () => {
    const scene = new AgentScene();
    await scene.agent.start();
    scene.source.synced('Service');
    scene.source.synced('EndpointSlice');
    await scene.due();
    expect(scene.writer.syncs).toHaveLength(0);
    await scene.pass(10_000);
    expect(scene.writer.syncs).toHaveLength(1);
    expect(scene.lines).toContain("warning: the Node can't be read: its zone and addresses are not known");
  });

  it('waits for the podCIDR where Pods are known by it', async () => {
    const scene = new AgentScene(['--detect-local-mode=NodeCIDR']);
    await scene.start(...DNS);
    expect(scene.writer.syncs).toHaveLength(0);
    scene.source.set(node({ spec: { podCIDR: '10.244.1.0/24' } }));
    await scene.due();
    expect(scene.writer.syncs[0]?.options.localTraffic).toEqual({ by: 'cidr', cidr: '10.244.1.0/24' });
  });

  it('warns where there is no Node of this name', async () => {
    const scene = new AgentScene();
    await scene.agent.start();
    scene.source.synced('Node');
    expect(scene.lines.join('\n')).toContain('warning: there is no Node "node-1"');
  });
});

describe('a change', () => {
  it('is written at once after a quiet time, and further ones together after the shortest interval', async () => {
    const scene = new AgentScene();
    await scene.start(...DNS);
    await scene.pass(1000);
    scene.source.set(slice('dns', ['10.244.0.3']));
    await scene.due();
    expect(scene.writer.syncs.at(-1)?.changed).toEqual(['default/dns/tcp']);
    scene.source.set(service('web', '10.96.0.11'));
    await scene.pass(300);
    scene.source.set(service('api', '10.96.0.12'));
    await scene.pass(500);
    expect(scene.writer.syncs).toHaveLength(2);
    await scene.pass(1000);
    expect(scene.writer.syncs).toHaveLength(3);
    expect(scene.writer.syncs[2]?.changed).toEqual(['default/api/tcp', 'default/web/tcp']);
  });

  it('that touches nothing here starts no sync', async () => {
    const scene = new AgentScene();
    await scene.start(...DNS);
    await scene.pass(1000);
    scene.source.set(...DNS);
    await scene.due();
    expect(scene.writer.syncs).toHaveLength(1);
  });

  it('that comes while a sync is under way waits for its end', async () => {
    const scene = new AgentScene();
    await scene.start(...DNS);
    let open = (): void => undefined;
    scene.writer.gate = new Promise((resolve) => {
      open = resolve;
    });
    scene.source.set(service('web', '10.96.0.11'));
    await scene.pass(1000);
    scene.source.set(service('api', '10.96.0.12'));
    await scene.pass(1000);
    expect(scene.writer.syncs).toHaveLength(2);
    open();
    await scene.due();
    await scene.due();
    expect(scene.writer.syncs.at(-1)?.changed).toEqual(['default/api/tcp']);
    expect(scene.writer.mostAtOnce).toBe(1);
  });

  it('of the podCIDR has all rules looked at', async () => {
    const scene = new AgentScene(['--detect-local-mode=NodeCIDR']);
    await scene.start(node({ spec: { podCIDR: '10.244.1.0/24' } }), ...DNS);
    scene.source.set(node({ spec: { podCIDR: '10.244.9.0/24' } }));
    await scene.pass(1000);
    expect(scene.writer.syncs.at(-1)).toMatchObject({
      changed: null,
      options: { localTraffic: { by: 'cidr', cidr: '10.244.9.0/24' } },
    });
  });
});

describe('a sync that fails', () => {
  it('is tried again in full at once, then after each syncPeriod, and told once until it is mended', async () => {
    const scene = new AgentScene();
    await scene.start(...DNS);
    scene.writer.failure = 'nft: exit code 1: No space left';
    scene.source.set(service('web', '10.96.0.11'));
    await scene.pass(1000);
    await scene.pass(1000);
    await scene.pass(30_000);
    await scene.pass(30_000);
    expect(scene.writer.syncs.slice(1).map(({ changed }) => changed)).toEqual([['default/web/tcp'], null, null, null]);
    scene.writer.failure = null;
    await scene.pass(30_000);
    expect(scene.lines.filter((line) => line.startsWith('error'))).toEqual([
      "error: IPv4: rules can't be brought up to date, the last ones stay: nft: exit code 1: No space left; trying again in 30s",
    ]);
    expect(scene.lines).toContain('info: IPv4: rules are up to date again');
    expect(await scene.metric('kubeproxy_sync_proxy_rules_nftables_sync_failures_total')).toBe('4');
  });

  it('counts as partial where it was one', async () => {
    const scene = new AgentScene(['--proxy-mode=iptables']);
    await scene.start(...DNS);
    scene.writer.failure = 'no';
    scene.source.set(service('web', '10.96.0.11'));
    await scene.pass(1000);
    await scene.pass(1000);
    expect(await scene.metric('kubeproxy_sync_proxy_rules_iptables_restore_failures_total')).toBe('2');
    expect(await scene.metric('kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total')).toBe('1');
  });
});

describe('rules that somebody else changed', () => {
  it('are written anew where they are found gone at the regular look', async () => {
    const scene = new AgentScene();
    await scene.start(...DNS);
    await scene.pass(30_000);
    expect(scene.writer).toMatchObject({ looks: 1, syncs: { length: 1 } });
    scene.writer.intact = false;
    await scene.pass(30_000);
    expect(scene.writer.syncs.map(({ changed }) => changed)).toEqual([null, null]);
    expect(scene.lines.at(-2)).toBe('warning: IPv4: the rules are gone: all are written anew');
  });

  it('are put right at once where the tool tells, and ever more slowly where it goes on', async () => {
    const scene = new AgentScene();
    await scene.start(...DNS);
    await scene.pass(5000);
    scene.writer.foreign('delete table');
    await scene.due();
    expect(scene.writer.syncs.map(({ changed }) => changed)).toEqual([null, null]);
    const gaps: number[] = [];
    for (let i = 0; i < 4; i++) {
      scene.writer.foreign('delete table');
      const before = scene.writer.syncs.length;
      let ms = 0;
      for (; scene.writer.syncs.length === before; ms += 1000) await scene.pass(1000);
      gaps.push(ms);
    }
    expect(gaps).toEqual([1000, 2000, 4000, 8000]);
    expect(scene.lines.filter((line) => line.includes('somebody else'))).toHaveLength(1);
  });

  const LARGE = [
    service('dns', '10.96.0.10', 'UDP'),
    slice(
      'dns',
      Array.from({ length: 1001 }, (_, n) => `10.244.${n >> 8}.${n & 255}`),
      'UDP',
    ),
  ];

  it.each([
    { mode: 'iptables', size: 'small', cluster: DNS, times: 2 },
    { mode: 'iptables', size: 'large', cluster: LARGE, times: 1 },
    { mode: 'nftables', size: 'small', cluster: DNS, times: 2 },
    { mode: 'nftables', size: 'large', cluster: LARGE, times: 2 },
  ])('are all looked at $times times in 61 minutes: $mode mode, $size cluster', async ({ mode, cluster, times }) => {
    const scene = new AgentScene([`--proxy-mode=${mode}`]);
    await scene.start(...cluster);
    for (let minutes = 0; minutes < 61; minutes += 0.5) await scene.pass(30_000);
    expect(scene.writer.syncs.map(({ changed }) => changed)).toEqual(Array(times).fill(null));
  });
});

describe('flows to endpoints that are gone', () => {
  const flow = (to: string, by: string): string =>
    `udp      17 29 src=10.0.0.9 dst=${to} sport=4000 dport=53 src=${by} dst=10.0.0.9 sport=53 dport=4000 mark=0 use=1\n`;
  const UDP = [service('dns', '10.96.0.10', 'UDP'), slice('dns', ['10.244.0.2', '10.244.0.3'], 'UDP')];

  it('are ended after the sync, the others not', async () => {
    const scene = new AgentScene([], true);
    await scene.start(...UDP);
    scene.flows =
      flow('10.96.0.10', '10.244.0.2') + flow('10.96.0.10', '10.244.0.3') + flow('10.96.0.99', '10.244.0.3');
    scene.source.set(slice('dns', ['10.244.0.2'], 'UDP'));
    await scene.pass(1000);
    expect(scene.commands.at(-2)).toBe('conntrack -L -f ipv4 -p udp');
    expect(scene.inputs).toEqual([
      '-D -f ipv4 -p udp --orig-dst 10.96.0.10 --orig-port-dst 53 --reply-src 10.244.0.3 --reply-port-src 53\n',
    ]);
  });

  it('are ended where a Service has no endpoints left, and where it is gone itself', async () => {
    const scene = new AgentScene([], true);
    await scene.start(...UDP);
    scene.flows = flow('10.96.0.10', '10.244.0.2');
    scene.source.set(slice('dns', [], 'UDP'));
    await scene.pass(1000);
    expect(scene.inputs).toHaveLength(1);
    scene.source.delete('Service', 'dns');
    await scene.pass(1000);
    expect(scene.inputs).toHaveLength(2);
  });

  it('are not looked for where no Service with such a port has changed', async () => {
    const scene = new AgentScene([], true);
    await scene.start(...UDP, service('web', '10.96.0.11'));
    const before = scene.commands.length;
    scene.source.set(slice('web', ['10.244.0.9']));
    await scene.pass(1000);
    expect(scene.commands).toHaveLength(before);
  });
});

describe('metrics', () => {
  it('tell how long it took from a change in the cluster to its rules', async () => {
    const scene = new AgentScene();
    await scene.start(service('dns', '10.96.0.10'), slice('dns', ['10.244.0.2'], 'TCP', 1000));
    await scene.pass(1000);
    scene.source.set(slice('dns', ['10.244.0.3'], 'TCP', scene.wallMs));
    scene.wallMs += 3000;
    await scene.due();
    expect(await scene.metric('kubeproxy_network_programming_duration_seconds_count{ip_family="IPv4"}')).toBe('1');
    expect(await scene.metric('kubeproxy_network_programming_duration_seconds_sum{ip_family="IPv4"}')).toBe('3');
    expect(await scene.metric('kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv4",le="2"}')).toBe(
      '0',
    );
    expect(await scene.metric('kubeproxy_network_programming_duration_seconds_bucket{ip_family="IPv4",le="3"}')).toBe(
      '1',
    );
  });

  it('count changes, those that wait, and when all was up to date', async () => {
    const scene = new AgentScene();
    await scene.start(...DNS);
    expect(await scene.metric('kubeproxy_sync_proxy_rules_service_changes_total')).toBe('1');
    expect(await scene.metric('kubeproxy_sync_proxy_rules_endpoint_changes_total')).toBe('1');
    expect(await scene.metric('kubeproxy_sync_proxy_rules_last_timestamp_seconds')).toBe('1000000000');
    scene.source.set(service('web', '10.96.0.11'));
    expect(await scene.metric('kubeproxy_sync_proxy_rules_service_changes_pending')).toBe('1');
    await scene.pass(1000);
    expect(await scene.metric('kubeproxy_sync_proxy_rules_service_changes_pending')).toBe('0');
    expect(await scene.metric('kubeproxy_sync_full_proxy_rules_duration_seconds_count{ip_family="IPv4"}')).toBe('1');
    expect(await scene.metric('kubeproxy_sync_partial_proxy_rules_duration_seconds_count{ip_family="IPv4"}')).toBe('1');
  });
});

describe('the end', () => {
  it('stops watching, closes the writer, and syncs no more', async () => {
    const scene = new AgentScene();
    await scene.start(...DNS);
    await scene.agent.stop();
    await scene.pass(60_000);
    expect(scene.source.isStopped).toBe(true);
    expect(scene.writer).toMatchObject({ isClosed: true, syncs: { length: 1 } });
  });
});
