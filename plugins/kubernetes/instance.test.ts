import type { NetworkInterfaceInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addressText } from '#dns/address.ts';
import { Log } from '#log/log.ts';
import { failure } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import definition from './index.ts';
import { KubernetesInstance } from './instance.ts';
import { findOwnAddresses } from './own-addresses.ts';
import { openSource } from './sources.ts';
import { startBench, TestSource } from './testing/bench.ts';
import { CLUSTER, SHOP } from './testing/cluster.ts';
import { waitForSync } from './wait-for-sync.ts';

const NAME = `web.${SHOP}`;

const instanceOver = (source: () => TestSource, services = testServices(), stanza = 'kubernetes cluster.local') => {
  const { instance, block } = setupPlugin(definition, stanza, { services });
  return new KubernetesInstance((instance as KubernetesInstance).options, block, services, {
    openSource: async () => source,
    networkInterfaces: () => ({}),
  });
};

describe('the plugin over a reload', () => {
  it('hands its data over to the next configuration with the same connection and filters', async () => {
    const services = testServices();
    const made: TestSource[] = [];
    const make = (): TestSource => {
      const source = new TestSource(CLUSTER);
      made.push(source);
      return source;
    };
    const old = instanceOver(make, services);
    await old.start();
    const next = instanceOver(make, services, 'kubernetes cluster.local {\nttl 30\n}');
    await next.start();
    await old.stop();
    expect(made).toHaveLength(1);
    expect(made[0]?.isStopped).toBe(false);
    const query = testQuery(NAME, 'A', { generations: services.generations });
    expect(next.handle(query, () => failure(2))).toMatchObject({ isAuthoritative: true, rcode: 0 });
    await next.stop();
    await next.stop();
    expect(made[0]?.isStopped).toBe(true);
  });

  it('has data of its own where the filters differ', async () => {
    const services = testServices();
    let count = 0;
    const make = (): TestSource => {
      count++;
      return new TestSource(CLUSTER);
    };
    const stanzas = [
      'kubernetes a.test',
      'kubernetes a.test {\npods verified\n}',
      'kubernetes a.test {\nlabels a=b\n}',
    ];
    for (const stanza of stanzas) await instanceOver(make, services, stanza).start();
    expect(count).toBe(3);
  });

  it('fails queries before its start, and is ready once the data is complete', async () => {
    const source = new TestSource(CLUSTER, false);
    const instance = instanceOver(() => source, undefined, 'kubernetes cluster.local {\nstartup_timeout 0\n}');
    expect(instance.handle(testQuery(NAME, 'A'), () => failure(5))).toMatchObject({ rcode: 2, isBare: true });
    expect(instance.isReady()).toBe(false);
    await instance.start();
    expect(instance.isReady()).toBe(false);
    source.sync();
    expect(instance.isReady()).toBe(true);
  });
});

describe('waiting for the data at the start', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const syncing = () => {
    let done: (() => void) | null = null;
    const cluster = {
      isUsable: false,
      onUsable: (told: () => void) => {
        done = told;
        return () => {
          done = null;
        };
      },
    };
    return { cluster, sync: () => done?.(), isWaiting: () => done !== null };
  };

  it('ends with the data, and says every half second that it waits', async () => {
    const sink = new RecordingSink();
    const { cluster, sync, isWaiting } = syncing();
    const { done } = waitForSync(cluster, 5000, new Log(sink, 'plugin/kubernetes'));
    vi.advanceTimersByTime(1200);
    sync();
    await done;
    vi.advanceTimersByTime(10_000);
    expect(isWaiting()).toBe(false);
    expect(sink.lines).toEqual(
      Array.from({ length: 2 }, () => 'info plugin/kubernetes: waiting for Kubernetes API before starting server'),
    );
  });

  it('ends without the data when the time is over, with a warning', async () => {
    const sink = new RecordingSink();
    const { done } = waitForSync(syncing().cluster, 700, new Log(sink, 'plugin/kubernetes'));
    vi.advanceTimersByTime(700);
    await done;
    expect(sink.lines.at(-1)).toBe('warning plugin/kubernetes: starting server with unsynced Kubernetes API');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends when the plugin is stopped, without a word', async () => {
    const sink = new RecordingSink();
    const waiting = waitForSync(syncing().cluster, 700, new Log(sink));
    waiting.end();
    await waiting.done;
    expect([sink.lines, vi.getTimerCount()]).toEqual([[], 0]);
  });
});

describe('findOwnAddresses', () => {
  const interfaces = () => ({
    lo: [{ address: '127.0.0.1' }, { address: '::1' }] as NetworkInterfaceInfo[],
    eth0: [{ address: '192.0.2.2' }, { address: 'fe80::1' }] as NetworkInterfaceInfo[],
  });
  const found = (hosts: string[]): string[] =>
    findOwnAddresses(hosts, interfaces).map(({ text, octets }) => `${text} ${addressText(octets)}`);

  it('takes those of all interfaces, loopback left out', () => {
    expect(found([])).toEqual(['192.0.2.2 192.0.2.2', 'fe80::1 fe80::1']);
  });

  it('takes those that the block is bound to, and all of them for a wildcard', () => {
    expect(found(['192.0.2.9', '127.0.0.1'])).toEqual(['192.0.2.9 192.0.2.9']);
    expect(found(['127.0.0.1'])).toEqual([]);
    expect(found(['0.0.0.0'])).toHaveLength(2);
  });
});

describe('the source', () => {
  it('is refused before it is opened where the connection can be of no use', async () => {
    const services = testServices();
    const { instance } = setupPlugin(definition, 'kubernetes a.test {\nkubeconfig /no/such/file\n}', { services });
    const opening = openSource((instance as KubernetesInstance).options, services, services.log);
    await expect(opening).rejects.toThrow('plugin/kubernetes: stat /no/such/file: no such file or directory');
  });

  it('is made for an API server, or for a directory of manifests', async () => {
    for (const [stanza, name] of [
      ['kubernetes a.test {\nendpoint http://127.0.0.1:1\n}', 'ApiSource'],
      ['kubernetes a.test {\nmanifests examples\n}', 'ManifestSource'],
    ] as const) {
      const services = testServices();
      const { instance } = setupPlugin(definition, stanza, { services });
      const make = await openSource((instance as KubernetesInstance).options, services, services.log);
      expect(make().constructor.name).toBe(name);
    }
  });

  it('changes answers at once', async () => {
    const on = await startBench(CLUSTER);
    expect((await on.query(NAME, 'A')).rcode).toBe('NOERROR');
    on.source.delete('Service', 'shop', 'web');
    expect((await on.query(NAME, 'A')).rcode).toBe('NXDOMAIN');
  });
});
