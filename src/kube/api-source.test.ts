import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import {
  FakeApiServer,
  NAMESPACES,
  NODES,
  PODS,
  refuse,
  SERVICE_CIDRS,
  SERVICES,
  SLICES,
} from '#test/fake-api-server.ts';
import { FakeClock } from '#test/fake-clock.ts';
import { type SourceUnderTest, startSource } from '#test/source-under-test.ts';
import { until } from '#test/until.ts';
import { ApiSource } from './api-source.ts';
import { projectNamespace } from './objects/namespace.ts';
import { projectService } from './objects/service.ts';
import type { KubeObject } from './source.ts';

let server: FakeApiServer;
let running: SourceUnderTest | null = null;

const start = (filter: Parameters<typeof startSource>[1]): SourceUnderTest => {
  running = startSource({ connection: { kind: 'endpoint', url: server.url } }, filter);
  return running;
};

const selectors = (path: string): (string | null)[][] =>
  server.requests
    .filter((request) => request.path === path)
    .map(({ query }) => [query.get('labelSelector'), query.get('fieldSelector')]);

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
});

afterEach(async () => {
  await running?.source.stop();
  running = null;
  await server.stop();
});

describe('ApiSource', () => {
  it('asks only for the kinds it is to watch', async () => {
    const { source } = start({});
    await until(() => source.isSynced() && server.watches.size === 2);
    expect(new Set(server.requests.map(({ path }) => path))).toEqual(new Set([SERVICES, NAMESPACES]));
  });

  it('sends the selectors with every list and every watch', async () => {
    const filter = {
      hasPods: true,
      hasEndpointSlices: true,
      labelSelector: 'app in (a,b)',
      namespaceLabelSelector: 'x=y',
    };
    const { source } = start(filter);
    await until(() => source.isSynced() && server.watches.size === 4);
    const phases = 'status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown';
    expect(selectors(SERVICES)).toEqual(Array(2).fill(['app in (a,b)', null]));
    expect(selectors(SLICES)).toEqual(Array(2).fill(['app in (a,b)', null]));
    expect(selectors(PODS)).toEqual(Array(2).fill(['app in (a,b)', phases]));
    expect(selectors(NAMESPACES)).toEqual(Array(2).fill(['x=y', null]));
  });

  it('follows Nodes, or one of them, and ServiceCIDRs, and leaves Namespaces out where it is told so', async () => {
    const test = start({ hasNamespaces: false, nodes: { name: 'n1' }, hasServiceCidrs: true });
    await until(() => test.source.isSynced() && server.watches.size === 3);
    expect(new Set(server.requests.map(({ path }) => path))).toEqual(new Set([SERVICES, NODES, SERVICE_CIDRS]));
    expect(selectors(NODES)).toEqual(Array(2).fill([null, 'metadata.name=n1']));
    server.put(NODES, { metadata: { name: 'n1' } });
    await until(() => test.changes.length === 1);
    server.put(SERVICE_CIDRS, { metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.96.0.0/12'] } });
    await until(() => test.changes.length === 2);
    server.remove(NODES, '', 'n1');
    await until(() => test.changes.length === 3);
    expect(test.changes).toMatchObject([
      { type: 'set', object: { kind: 'Node', namespace: '', name: 'n1' } },
      { type: 'set', object: { kind: 'ServiceCIDR', namespace: '', cidrs: ['10.96.0.0/12'] } },
      { type: 'delete', kind: 'Node', namespace: '', name: 'n1' },
    ]);
    await test.source.stop();
    server.requests.length = 0;
    const all = start({ nodes: 'all' });
    await until(() => all.source.isSynced() && server.watches.size === 3);
    expect(selectors(NODES)).toEqual(Array(2).fill([null, null]));
  });

  it.each([404, 403])('takes a server that has no ServiceCIDRs (%i) as one with none of them', async (code) => {
    server.canWatchList = true;
    const stop = server.always(({ path }) => path === SERVICE_CIDRS, refuse(code, 'could not find the resource'));
    const test = start({ hasNamespaces: false, nodes: 'all', hasServiceCidrs: true });
    await until(() => test.source.isSynced() && test.clock.sleeping.size === 1);
    expect(test.lines.filter((line) => line.includes('ServiceCIDRs'))).toEqual([
      `info: the API server gives no ServiceCIDRs: HTTP ${code}: could not find the resource; there are none, then`,
    ]);
    expect(await test.metrics.render()).toContain('stale_seconds{kind="ServiceCIDR"} 0');
    // It is not said again, and no other kind is the worse for it.
    test.clock.wake();
    await until(() => test.clock.pauses.length === 2 && test.clock.sleeping.size === 1);
    expect(test.lines.filter((line) => !line.startsWith('debug'))).toHaveLength(1);
    expect(server.requests.every(({ path, isWatch }) => path === SERVICE_CIDRS || isWatch)).toBe(true);
    // A server that gets the kind later is followed.
    stop();
    server.put(SERVICE_CIDRS, { metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.96.0.0/12'] } }, true);
    test.clock.wake();
    await until(() => test.changes.length === 1 && server.watches.size === 3);
    expect(test.changes).toMatchObject([{ type: 'set', object: { kind: 'ServiceCIDR', name: 'kubernetes' } }]);
  });

  it('is synced when every kind was listed, and stays so', async () => {
    const held: (() => void)[] = [];
    server.once(
      ({ path }) => path === NAMESPACES,
      (_, response) => {
        held.push(() => response.end('{"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"shop"}}]}'));
        return true;
      },
    );
    const { source, events } = start({ hasEndpointSlices: true });
    await until(() => events.length === 2 && held.length === 1);
    expect(source.isSynced()).toBe(false);
    held[0]?.();
    await until(() => source.isSynced());
    expect(events.slice(2)).toEqual(['+ /shop', 'synced Namespace']);
    await server.stop();
    await until(() => running?.clock.sleeping.size === 3);
    expect(source.isSynced()).toBe(true);
  });

  it.each([
    undefined,
    '',
  ])('counts requests as client-go does, under the prefix of CoreDNS or another (%j)', async (metricPrefix) => {
    server.canWatchList = true;
    const options = metricPrefix === undefined ? {} : { metricPrefix };
    running = startSource({ connection: { kind: 'endpoint', url: server.url }, ...options });
    const { source, metrics } = running;
    await until(() => source.isSynced() && server.watches.size === 2);
    const labels = `host="127.0.0.1:${server.port}"`;
    const prefix = `\n${metricPrefix ?? 'coredns_kubernetes_'}rest_client`;
    const shown = async (...lines: string[]): Promise<void> => {
      let text = '';
      const render = async (): Promise<void> => {
        text = await metrics.render();
      };
      await render();
      await until(() => {
        if (lines.every((line) => text.includes(line))) return true;
        void render();
        return false;
      }, lines.join());
    };
    await shown(
      `${prefix}_requests_total{code="200",${labels},method="GET"} 2`,
      `${prefix}_request_duration_seconds_count{${labels},verb="GET"} 2`,
      `${prefix}_rate_limiter_duration_seconds_count{${labels},verb="GET"} 2`,
    );
    await server.stop();
    await until(() => running?.clock.sleeping.size === 2);
    running?.clock.wake();
    await shown(`${prefix}_requests_total{code="<error>",${labels},method="GET"} 2`);
  });

  it('goes on when a change could not be applied', async () => {
    const lines: string[] = [];
    const log = new Log({
      write: (_level, _source, message) => void lines.push(message),
      flush: async () => undefined,
    });
    const source = new ApiSource({
      connection: { kind: 'endpoint', url: server.url },
      filter: { hasPods: false, hasEndpointSlices: false, labelSelector: '', namespaceLabelSelector: '' },
      log,
      metrics: new Metrics(),
      userAgent: 'test',
      random: () => 0.5,
    });
    const names: string[] = [];
    for (const name of ['bad', 'good']) server.put(SERVICES, { metadata: { name, namespace: 'shop' } }, true);
    source.start({
      change: (change) => {
        if (change.type !== 'set') return;
        if (change.object.name === 'bad') throw new Error('no room');
        names.push(change.object.name);
      },
      synced: () => undefined,
    });
    await until(() => source.isSynced());
    await source.stop();
    expect(names).toEqual(['good']);
    expect(lines).toEqual(['a change of Services could not be applied: no room']);
  });

  it('may be stopped before it has begun', async () => {
    const test = start({});
    await test.source.stop();
    await test.source.stop();
    await until(() => server.connections === 0);
    expect(test.events).toEqual([]);
  });

  describe('with objects of an earlier run', () => {
    const service = (name: string, resourceVersion: string): KubeObject =>
      projectService({ metadata: { name, namespace: 'shop', resourceVersion } }) as KubeObject;
    const namesOf = (source: ApiSource): string[] =>
      [...source.objects()].map(({ kind, name, resourceVersion }) => `${kind} ${name} ${resourceVersion}`);

    it('gives them out, and then of the first list only what is new, different or gone', async () => {
      server.put(NAMESPACES, { metadata: { name: 'shop' } }, true);
      const metadata = (name: string, resourceVersion: string) => ({ name, namespace: 'shop', resourceVersion });
      const items = [metadata('same', '1'), metadata('changed', '2'), metadata('new', '3')].map((one) => ({
        metadata: one,
      }));
      const held: (() => void)[] = [];
      server.once(
        ({ path, isWatch }) => path === SERVICES && !isWatch,
        (_, response) => {
          held.push(() => response.end(JSON.stringify({ metadata: { resourceVersion: '9' }, items })));
          return true;
        },
      );
      const { source, events } = start({});
      await until(() => held.length === 1 && events.includes('synced Namespace'));
      events.length = 0;
      for (const [name, version] of [
        ['same', '1'],
        ['changed', '0'],
        ['gone', '0'],
      ] as const)
        source.restore(service(name, version));
      // Namespaces have been listed: what is not among them is not there.
      source.restore(projectNamespace({ metadata: { name: 'late' } }) as KubeObject);
      expect(events).toEqual(['+ shop/same', '+ shop/changed', '+ shop/gone']);
      held[0]?.();
      await until(() => source.isSynced());
      expect(events.slice(3)).toEqual(['+ shop/changed', '+ shop/new', '- shop/gone', 'synced Service']);
      expect(namesOf(source)).toEqual(['Service same 1', 'Service changed 2', 'Service new 3', 'Namespace shop 101']);
    });
  });

  it('tells once that the cluster is away: when a kind could not be listed twice, and not after the first sync', async () => {
    await server.stop();
    const clock = new FakeClock();
    let told = 0;
    const source = new ApiSource({
      connection: { kind: 'endpoint', url: server.url },
      filter: { hasPods: false, hasEndpointSlices: true, labelSelector: '', namespaceLabelSelector: '' },
      log: new Log({ write: () => undefined, flush: async () => undefined }),
      metrics: new Metrics(),
      userAgent: 'test',
      random: () => 0.5,
      clock,
    });
    source.start({ change: () => undefined, synced: () => undefined, away: () => void told++ });
    await until(() => clock.sleeping.size === 3);
    expect(told).toBe(0);
    for (let round = 0; round < 3; round++) {
      clock.wake();
      await until(() => clock.sleeping.size === 3);
      expect(told).toBe(1);
    }
    await source.stop();
  });
});
