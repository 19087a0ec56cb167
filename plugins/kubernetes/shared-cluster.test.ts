import { describe, expect, it } from 'vitest';
import { type Clock, isCurrent } from '#plugin/index.ts';
import { testServices } from '#plugin/testing.ts';
import { SharedCluster } from './shared-cluster.ts';
import { startBench, TestSource } from './testing/bench.ts';
import { namespace, service, slice } from './testing/cluster.ts';

const clockAt = (ms: number): Clock => ({ monotonicMs: () => 0, wallMs: () => ms });

describe('SharedCluster', () => {
  it('bumps what a change touches, in the turn of the change, and nothing else', () => {
    const services = testServices();
    const source = new TestSource();
    const cluster = new SharedCluster('one', source, services);
    const slots = ['svc/shop/web', 'ip/10.96.0.7', 'svc/shop/other', 'sync'].map((key) => cluster.slotOf(key));
    const before = slots.map((slot) => services.generations.at(slot));
    source.set(service('web', { clusterIPs: ['10.96.0.7'] }));
    expect(slots.map((slot, i) => services.generations.at(slot) - (before[i] as number))).toEqual([1, 1, 0, 0]);
  });

  it('keeps the dependencies of two clusters apart', () => {
    const services = testServices();
    const [one, two] = [new TestSource(), new TestSource()];
    const first = new SharedCluster('one', one, services);
    new SharedCluster('two', two, services);
    const slots = [first.slotOf('svc/shop/web')];
    const seen = slots.map((slot) => services.generations.at(slot));
    two.set(service('web', {}));
    expect(isCurrent(services.generations, slots, seen)).toBe(true);
    one.set(service('web', {}));
    expect(isCurrent(services.generations, slots, seen)).toBe(false);
  });

  it('tells who waits when the data is complete, and who has given up nothing', () => {
    const source = new TestSource([], false);
    const cluster = new SharedCluster('one', source, testServices());
    const told: string[] = [];
    cluster.onUsable(() => told.push('waiting'));
    cluster.onUsable(() => told.push('gone'))();
    source.sync();
    cluster.onUsable(() => told.push('late'));
    expect(told).toEqual(['waiting', 'late']);
  });
});

describe('the programming latency', () => {
  const TRIGGERED = '2026-01-02T03:04:05Z';
  const triggered = (of: string) => {
    const manifest = slice(`${of}-1`, of, [{ addresses: ['10.244.0.1'] }]);
    const metadata = {
      ...(manifest.metadata as object),
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': TRIGGERED },
    };
    return { ...manifest, metadata };
  };
  const metric = 'coredns_kubernetes_dns_programming_duration_seconds';

  it('is counted for slices of a known Service that say when they were triggered', async () => {
    const services = testServices({ clock: clockAt(Date.parse(TRIGGERED) + 1500) });
    const on = await startBench([namespace('shop'), service('web', { clusterIP: '10.96.0.7' })], { services });
    on.source.set(service('db', { clusterIP: 'None' }));
    on.source.set(triggered('web'));
    on.source.set(triggered('db'));
    on.source.set(triggered('unknown'));
    on.source.set(slice('plain', 'web', []));
    on.source.delete('EndpointSlice', 'shop', 'db-1');
    on.source.delete('Service', 'shop', 'web');
    const text = await services.metrics.render();
    expect(text).toContain(`${metric}_count{service_kind="cluster_ip"} 1`);
    expect(text).toContain(`${metric}_sum{service_kind="cluster_ip"} 1.5`);
    expect(text).toContain(`${metric}_bucket{service_kind="cluster_ip",le="1.024"} 0`);
    expect(text).toContain(`${metric}_bucket{service_kind="cluster_ip",le="2.048"} 1`);
    expect(text).toContain(`${metric}_count{service_kind="headless_with_selector"} 2`);
    expect(text).not.toContain('headless_without_selector');
  });
});
