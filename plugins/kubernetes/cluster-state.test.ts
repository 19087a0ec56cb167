import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Log } from '#log/log.ts';
import { type Clock, type Services, systemClock } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testServices } from '#plugin/testing.ts';
import { until } from '#test/until.ts';
import { ClusterState } from './cluster-state.ts';
import definition from './index.ts';
import { KubernetesInstance } from './instance.ts';
import { SharedCluster } from './shared-cluster.ts';
import { type Bench, startBench, TestSource } from './testing/bench.ts';
import { CLUSTER, external, SHOP, service, slice } from './testing/cluster.ts';

let directory = '';
let file = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cluster-dns-state-'));
  file = join(directory, 'state');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A process with its log. */
const process = (clock: Clock = systemClock) => {
  const sink = new RecordingSink();
  return { sink, services: testServices({ log: new Log(sink), clock }) };
};
const stanza = (timeout = '1h', more = '') =>
  `kubernetes cluster.local 10.in-addr.arpa {\nendpoint http://192.0.2.1\nstate ${file}\nstartup_timeout ${timeout}\n${more}}`;

/** A process that is there while the cluster is, and ends well. */
const keep = async (manifests = CLUSTER, clock?: Clock): Promise<void> => {
  const { services } = process(clock);
  const on = await startBench(manifests, { stanza: stanza(), services });
  await on.instance.stop();
};

/** The next one, which finds nobody. */
const restart = async (
  services: Services,
  { timeout, more }: { readonly timeout?: string; readonly more?: string } = {},
): Promise<Bench> => {
  const source = new TestSource([], false);
  const starting = startBench([], { stanza: stanza(timeout, more), services, source });
  if (timeout === undefined) {
    // The source is started by the claim of the cluster.
    await until(() => source.isStarted);
    source.away();
  }
  return await starting;
};

const rcodes = async (on: Bench, ...names: string[]): Promise<string[]> =>
  await Promise.all(names.map(async (name) => (await on.query(`${name}.${SHOP}`, 'A')).rcode));

describe('a cluster that is kept in a file', () => {
  it('is answered for while it is away, and what is not known is never said to be missing', async () => {
    await keep();
    const { services } = process();
    const on = await restart(services);
    expect(on.instance.isReady()).toBe(true);
    expect((await on.query(`web.${SHOP}`, 'A')).answer).toEqual([`web.${SHOP} 5 IN A 10.96.0.7`]);
    expect((await on.query(`db.${SHOP}`, 'A')).answer).toHaveLength(2);
    expect((await on.query('7.0.96.10.in-addr.arpa.', 'PTR')).answer).toHaveLength(1);
    // Known to have no such record, so a client that asks for both families is not told to try again.
    expect((await on.query(`multi.${SHOP}`, 'AAAA')).rcode).toBe('NOERROR');
    expect(await rcodes(on, 'none', 'idle', 'web.none', '_x._tcp.web')).toEqual(Array(4).fill('SERVFAIL'));
    expect((await on.query('8.8.8.10.in-addr.arpa.', 'PTR')).rcode).toBe('SERVFAIL');
    for (const type of ['AAAA', 'SRV', 'TXT', 'MX', 'NS', 'CNAME'])
      expect([type, (await on.query(`none.${SHOP}`, type)).rcode]).toEqual([type, 'SERVFAIL']);
  });

  it('does not say that an ExternalName leads nowhere because its target is not known', async () => {
    await keep([...CLUSTER, external('ext-far', 'ext-none.shop.svc.cluster.local')]);
    const on = await restart(process().services);
    expect(await rcodes(on, 'ext-none', 'ext-far', 'ext-in', 'ext-self')).toEqual([
      'SERVFAIL',
      'SERVFAIL',
      'NOERROR',
      'NOERROR',
    ]);
    on.source.sync();
    expect(await rcodes(on, 'ext-none', 'ext-far')).toEqual(['NOERROR', 'NOERROR']);
  });

  it('is as it is from the first sync on', async () => {
    await keep();
    const { sink, services } = process();
    const on = await restart(services);
    expect(await services.metrics.render()).toContain(`cluster_dns_kubernetes_restored{file="${file}"} 1`);
    on.source.delete('Service', 'shop', 'web');
    on.source.set(service('new', { clusterIP: '10.96.0.77' }));
    expect(await rcodes(on, 'web', 'new', 'multi')).toEqual(['SERVFAIL', 'NOERROR', 'NOERROR']);
    on.source.sync();
    expect(await rcodes(on, 'web', 'new', 'multi')).toEqual(['NXDOMAIN', 'NOERROR', 'NOERROR']);
    expect(await services.metrics.render()).toContain(`cluster_dns_kubernetes_restored{file="${file}"} 0`);
    expect(sink.lines.at(-1)).toBe(
      `info plugin/kubernetes: the cluster has been listed, and is no longer taken from ${file}`,
    );
    await on.instance.stop();
    expect(await readFile(file, 'utf8')).toContain('10.96.0.77');
  });

  it('says how much it has taken from the file, and how old that is', async () => {
    const at = (ms: number): Clock => ({ monotonicMs: () => 0, wallMs: () => ms });
    await keep(CLUSTER, at(1_700_000_000_000));
    const { sink, services } = process(at(1_700_000_194_400));
    await restart(services);
    expect(sink.lines).toContain(
      `warning plugin/kubernetes: answering from ${file}, the cluster as it was 3m14s ago (2 Namespaces, 14 Services, 3 EndpointSlices), ` +
        'until it can be listed; names that are not in it get SERVFAIL',
    );
    const text = await services.metrics.render();
    const { size } = await stat(file);
    for (const [name, value] of [
      ['state_age_seconds', 194.4],
      ['state_bytes', size],
      ['state_saved_timestamp_seconds', 1_700_000_000],
    ])
      expect(text).toContain(`cluster_dns_kubernetes_${name}{file="${file}"} ${value}\n`);
  });

  it('is taken from the file when the start has waited long enough for one that says nothing', async () => {
    await keep();
    const { sink, services } = process();
    const on = await restart(services, { timeout: '10ms' });
    expect(await rcodes(on, 'web')).toEqual(['NOERROR']);
    expect(sink.lines.join()).not.toContain('unsynced');
  });

  it('is never taken from the file where it is there', async () => {
    await keep();
    const { sink, services } = process();
    const on = await startBench([service('other', { clusterIP: '10.96.0.1' })], { stanza: stanza(), services });
    on.source.away();
    expect((await on.query(`web.${SHOP}`, 'A')).rcode).toBe('NXDOMAIN');
    await on.instance.stop();
    expect(sink.lines).toEqual([]);
  });

  it('counts no time for what was known before', async () => {
    const triggered = slice('web-1', 'web', [{ addresses: ['10.244.0.1'] }]);
    const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': '2020-01-02T03:04:05Z' };
    await keep([...CLUSTER, { ...triggered, metadata: { ...(triggered.metadata as object), annotations } }]);
    const { services } = process();
    await restart(services);
    expect(await services.metrics.render()).not.toContain('dns_programming_duration_seconds_count{');
  });

  it('is not there without a file, or with one that is of no use: then it is as if none were asked for', async () => {
    for (const [content, said] of [
      [null, `there is no state in ${file}`],
      ['{"format":"cluster', `the state in ${file} is not used: it is cut short`],
      ['hello\n', `the state in ${file} is not used: it is no state file`],
    ] as const) {
      if (content !== null) await writeFile(file, content);
      const { sink, services } = process();
      const on = await restart(services, { timeout: '10ms' });
      expect([on.instance.isReady(), ...(await rcodes(on, 'web'))]).toEqual([false, 'SERVFAIL']);
      expect(sink.lines).toEqual([
        `warning plugin/kubernetes: ${said}`,
        'warning plugin/kubernetes: starting server with unsynced Kubernetes API',
      ]);
      await on.instance.stop();
      // Nothing was known, so nothing is written.
      expect(content === null ? await readdir(directory) : await readFile(file, 'utf8')).toEqual(content ?? []);
    }
  });

  it('is not taken from the file of another cluster, or of other filters', async () => {
    await keep();
    for (const more of ['endpoint http://192.0.2.2\n', 'labels a=b\n', 'pods verified\n']) {
      const { sink, services } = process();
      const on = await restart(services, { timeout: '10ms', more });
      expect([more, on.instance.isReady()]).toEqual([more, false]);
      expect(sink.lines[0]).toContain('it is of another cluster, or of other kinds and labels');
    }
  });
});

describe('a state file', () => {
  const blank = service('a', { clusterIP: '10.96.0.1' });

  it('that can not be written is said once, counted, and the server goes on', async () => {
    file = join(directory, 'none', 'state');
    const { sink, services } = process();
    const on = await startBench([...CLUSTER, blank], { stanza: stanza(), services });
    await until(() => sink.lines.length > 0);
    on.source.set(blank);
    await on.instance.stop();
    expect(await rcodes(on, 'web')).toEqual(['NOERROR']);
    expect(sink.lines).toHaveLength(1);
    expect(sink.lines[0]).toMatch(
      /^warning plugin\/kubernetes: the state can't be written to .*: ENOENT.*; what is there stays, trying again$/,
    );
    expect(await services.metrics.render()).toContain(
      `cluster_dns_kubernetes_state_writes_total{file="${file}",result="failed"} 2`,
    );
  });

  it('is added, moved and taken away by reloads that list nothing anew', async () => {
    const { services } = process();
    const source = new TestSource(CLUSTER);
    let made = 0;
    const start = async (lines: string): Promise<KubernetesInstance> => {
      const text = `kubernetes cluster.local {\nendpoint http://192.0.2.1\n${lines}\n}`;
      const { instance, block } = setupPlugin(definition, text, { services });
      const next = new KubernetesInstance((instance as KubernetesInstance).options, block, services, {
        openSource: async () => () => {
          made++;
          return source;
        },
        networkInterfaces: () => ({}),
      });
      await next.start();
      return next;
    };
    const written = (): Promise<string[]> => readdir(directory);
    let running = await start('');
    const reload = async (lines: string): Promise<void> => {
      const next = await start(lines);
      await running.stop();
      running = next;
    };
    await reload(`state ${file}`);
    await until(async () => (await written()).includes('state'));
    const { ino } = await stat(file);
    await reload(`state ${file}\nttl 30`);
    await reload(`state ${file}-2`);
    await until(async () => (await written()).includes('state-2'));
    source.set(blank);
    await reload('');
    expect(made).toBe(1);
    expect(await written()).toEqual(['state', 'state-2']);
    // It was kept through the first of these reloads, with nothing new to write.
    expect((await stat(file)).ino).toBe(ino);
    expect(await readFile(`${file}-2`, 'utf8')).toContain('"name":"a"');
    expect(await services.metrics.render()).not.toContain('cluster_dns_kubernetes_restored{');
    await running.stop();
  });

  it('that comes with a reload is used where the cluster has been away all the time', async () => {
    await keep();
    const { services } = process();
    const source = new TestSource([], false);
    const key = 'kubernetes one';
    const cluster = new SharedCluster(key, source, services);
    source.away();
    const identity = JSON.stringify(JSON.parse((await readFile(file, 'utf8')).split('\n')[0] as string).cluster);
    const state = new ClusterState({ file, identity, cluster, services, log: services.log });
    await until(() => cluster.isUsable);
    expect(cluster.store.service('shop', 'web')).toBeDefined();
    await state.close();
    await cluster.close();
  });
});
