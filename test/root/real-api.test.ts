import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '#kube/api/clock.ts';
import { FaultProxy } from '#test/fault-proxy/fault-proxy.ts';
import { type SourceUnderTest, startSource } from '#test/source-under-test.ts';
import { startTestbed, type Testbed } from '#test/testbed.ts';
import { until } from '#test/until.ts';

const started = await startTestbed();
const reason = 'skip' in started ? started.skip : '';
/** Only touched where it is there: the tests below are declared all the same, so that they are counted. */
const testbed = started as Testbed;
if (reason !== '') console.warn(`SKIPPED: the tests with a real API server: ${reason}`);

const service = (name: string, clusterIP: string, port = 80): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { clusterIP, ports: [{ name: 'http', port }] },
  });

describe.skipIf(reason !== '')(`a real API server${reason === '' ? '' : ` (skipped: ${reason})`}`, () => {
  let running: SourceUnderTest | null = null;
  let proxy: FaultProxy | null = null;

  const start = async (options: Parameters<typeof startSource>[0]): Promise<SourceUnderTest> => {
    running = startSource(
      { clock: systemClock, random: () => 0, ...options },
      { hasEndpointSlices: true, hasPods: true },
    );
    const { source } = running;
    await until(() => source.isSynced());
    return running;
  };
  const startBehindProxy = async (): Promise<SourceUnderTest> => {
    proxy = new FaultProxy({ upstream: testbed.http });
    await proxy.start();
    return await start({ connection: { kind: 'endpoint', url: proxy.url } });
  };
  const requests = async ({ metrics }: SourceUnderTest, code: number): Promise<number> => {
    const line = new RegExp(`rest_client_requests_total\\{code="${code}"[^}]*\\} (\\d+)`);
    return Number(line.exec(await metrics.render())?.[1] ?? 0);
  };

  afterEach(async () => {
    await running?.source.stop();
    await proxy?.stop();
    running = proxy = null;
    await testbed.kubectl(['delete', 'services', '--all', '-n', 'shop']);
  });

  afterAll(async () => {
    await testbed.stop();
  });

  it('is listed whole, over HTTPS with the kubeconfig', async () => {
    await testbed.load(1500, 2);
    const { changes, source } = await start({ connection: { kind: 'kubeconfig', file: testbed.kubeconfig } });
    expect(source.isSynced()).toBe(true);
    // The first list comes from the server's memory, which may be a moment behind; the watch brings the rest.
    const heard = (wanted: string): number =>
      changes.filter((change) => change.type === 'set' && change.object.kind === wanted).length;
    const kinds = ['Service', 'EndpointSlice'];
    await until(() => kinds.every((kind) => heard(kind) >= 1500), 'all are known');
    expect(kinds.map(heard)).toEqual([1500, 1500]);
    expect(changes.filter(({ type }) => type !== 'set')).toEqual([]);
  });

  it('is asked for one Node, and for ServiceCIDRs, which it does not have', async () => {
    const node = (name: string): string => JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
    await testbed.apply(`${node('n1')}\n${node('n2')}`);
    const connection = { kind: 'endpoint', url: testbed.http } as const;
    const filter = { hasNamespaces: false, nodes: { name: 'n2' }, hasServiceCidrs: true };
    running = startSource({ connection, clock: systemClock }, filter);
    const { source, events, lines } = running;
    await until(() => source.isSynced());
    const isOfNodes = (event: string): boolean => !event.startsWith('+') || event.startsWith('+ /');
    const nodes = ['+ /n2', 'synced Node', 'synced Service', 'synced ServiceCIDR'];
    expect(events.filter(isOfNodes).toSorted()).toEqual(nodes);
    expect(lines.filter((line) => line.includes('gives no ServiceCIDRs: HTTP 404'))).toHaveLength(1);
    await testbed.kubectl(['delete', 'node', 'n1', 'n2']);
    await until(() => events.includes('- /n2'));
    expect(events).not.toContain('- /n1');
  });

  it('shows what is added, changed and deleted', async () => {
    const { events, changes } = await start({ connection: { kind: 'endpoint', url: testbed.http } });
    const seen = (): string[] => events.filter((event) => event.endsWith('shop/web'));
    await testbed.apply(service('web', '10.96.0.7'));
    await until(() => seen().length === 1);
    await testbed.apply(service('web', '10.96.0.7', 8080));
    await until(() => seen().length === 2);
    expect(changes.at(-1)).toMatchObject({
      type: 'set',
      object: { ports: [{ name: 'http', protocol: 'tcp', port: 8080 }] },
    });
    await testbed.kubectl(['delete', 'service', 'web', '-n', 'shop']);
    await until(() => seen().length === 3);
    expect(seen()).toEqual(['+ shop/web', '+ shop/web', '- shop/web']);
  });

  it('is resumed after a cut, with what happened in between', async () => {
    await testbed.apply(service('old', '10.96.0.1'));
    const { events, source } = await startBehindProxy();
    proxy?.cut();
    await testbed.apply(service('new', '10.96.0.2'));
    await testbed.kubectl(['delete', 'service', 'old', '-n', 'shop']);
    expect(events).not.toContain('+ shop/new');
    proxy?.mend();
    await until(() => events.includes('+ shop/new') && events.includes('- shop/old'));
    expect(source.isSynced()).toBe(true);
  });

  it('is followed through a SIGKILL and a new start', async () => {
    await testbed.apply(service('before', '10.96.0.1'));
    const { events, lines } = await start({ connection: { kind: 'endpoint', url: testbed.http } });
    await testbed.killApi();
    await until(() => lines.some((line) => line.startsWith('warning: failed to watch')));
    await testbed.startApi();
    await testbed.apply(service('after', '10.96.0.2'));
    await until(() => events.includes('+ shop/after'));
    await until(() => lines.some((line) => line === 'info: watching Services again'));
    expect(events.filter((event) => event.endsWith('shop/before'))).toEqual(['+ shop/before']);
  });

  it('is listed anew when the resourceVersion was compacted away (410)', async () => {
    await testbed.killApi();
    // From its watch cache the server would still know what was compacted.
    await testbed.startApi('-watch-cache=false');
    await testbed.apply(service('old', '10.96.0.1'));
    await testbed.apply(service('same', '10.96.0.3'));
    const test = await startBehindProxy();
    const { events } = test;
    proxy?.cut();
    await testbed.apply(service('new', '10.96.0.2'));
    await testbed.kubectl(['delete', 'service', 'old', '-n', 'shop']);
    await testbed.compact();
    const listed = await requests(test, 200);
    events.length = 0;
    proxy?.mend();
    await until(() => events.includes('+ shop/new') && events.includes('- shop/old'));
    expect(events.filter((event) => event.includes(' shop/'))).toEqual(['+ shop/new', '- shop/old']);
    expect(await requests(test, 200)).toBeGreaterThan(listed);
  });
});
