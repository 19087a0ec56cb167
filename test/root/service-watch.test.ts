import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { recordsFromText, recordToText } from '#dns/record-text.ts';
import { RCODE, rcodeName } from '#dns/registry/rcodes.ts';
import { ask, type Endpoint } from '#test/dns-client.ts';
import { type Asked, FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { namespace, service, slice, together } from './cluster-objects.ts';
import { needTestbed, titled } from './needs.ts';

const TITLE = "a node's cache that watches Services";
const { reason, testbed } = await needTestbed(TITLE, ['kubectl', 'etcd']);

const nameOf = (service: string): string => `${service}.shop.svc.cluster.local.`;
/** A Service that nobody touches. */
const OTHER = 'other.kept.svc.cluster.local.';
const ADDRESS = '127.0.0.1';
/** So long that no test sees the end of it. */
const CACHE = `cache {
        success 9984 600 600
        denial 9984 600 600
        serve_stale 1h verify 1800ms
    }`;

/** A slice as Kubernetes makes it for a headless Service. */
const headlessSlice = (name: string, addresses: readonly string[]): string => {
  const object = JSON.parse(slice(name, addresses, 'shop'));
  object.metadata.labels['service.kubernetes.io/headless'] = '';
  return JSON.stringify(object);
};

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let folder = '';
  let clusterDns: ServerProcess;
  let clusterPort = 0;
  const processes: ServerProcess[] = [];

  const start = async (name: string, corefile: string): Promise<ServerProcess> => {
    const file = join(folder, name);
    writeFileSync(file, corefile);
    const server = await startProcess(['-conf', file]);
    processes.push(server);
    return server;
  };

  /** A cache in front of an upstream, with and without the watch, and the metrics of both. */
  class Node {
    readonly watching: Endpoint;
    readonly plain: Endpoint;
    readonly server: ServerProcess;
    readonly #metricsPort: number;
    #followsSince = Number.POSITIVE_INFINITY;

    private constructor(server: ServerProcess, ports: readonly [number, number, number]) {
      this.server = server;
      this.watching = { address: ADDRESS, port: ports[0] };
      this.plain = { address: ADDRESS, port: ports[1] };
      this.#metricsPort = ports[2];
    }

    static async start(upstream: string, watch = `endpoint ${testbed.http}`): Promise<Node> {
      const ports = [await freePort(), await freePort(), await freePort()] as const;
      const block = (port: number, body: string): string => `cluster.local:${port} in-addr.arpa:${port} {
    bind ${ADDRESS}
    prometheus ${ADDRESS}:${ports[2]}
    ${CACHE}
    ${body}
    forward . ${upstream}
}
`;
      const watching = block(ports[0], `service_watch {\n        ${watch}\n    }`);
      const server = await start(`node-${ports[0]}`, watching + block(ports[1], ''));
      return new Node(server, ports);
    }

    async metric(line: RegExp): Promise<number> {
      const page = await (await fetch(`http://${ADDRESS}:${this.#metricsPort}/metrics`)).text();
      return page
        .split('\n')
        .filter((each) => line.test(each))
        .reduce((sum, each) => sum + Number(each.split(' ').at(-1)), 0);
    }

    changes(): Promise<number> {
      return this.metric(/^cluster_dns_service_watch_changes_total/);
    }

    /** Both kinds have been listed, and are watched. */
    async follows(): Promise<void> {
      const stale = /^cluster_dns_kubernetes_stale_seconds\{kind="(Service|EndpointSlice)"\} 0$/;
      await until(async () => (await this.metricLines(stale)) === 2, 'both kinds are in step');
      this.#followsSince = performance.now();
    }

    /** Once the lists have been read everything is dropped, and for 3.25 s some times more (plugins/service_watch/echo-bumps.ts). */
    async hasSettled(): Promise<void> {
      await until(() => performance.now() > this.#followsSince + 5000, 'what the lists have dropped is over');
    }

    async metricLines(line: RegExp): Promise<number> {
      const page = await (await fetch(`http://${ADDRESS}:${this.#metricsPort}/metrics`)).text();
      return page.split('\n').filter((each) => line.test(each)).length;
    }
  }

  const addresses = async (endpoint: Endpoint, name: string, type = 'A'): Promise<string> => {
    const { rcode, answer } = await ask(endpoint, name, type);
    if (rcode !== RCODE.NOERROR) return rcodeName(rcode);
    return answer
      .map((record) => recordToText(record).split(' ').slice(4).join(' '))
      .toSorted()
      .join(', ');
  };

  let node: Node;
  /** Both caches hold this answer, and so does the one that repeats encoded replies. */
  const bothHold = async (name: string, answer: string, type = 'A'): Promise<void> => {
    for (const endpoint of [node.watching, node.plain])
      for (let i = 0; i < 3; i++) expect(await addresses(endpoint, name, type)).toBe(answer);
  };
  /** The watching one follows a change, while the other goes on with what it holds. */
  const onlyWatchingBecomes = async (name: string, answer: string, before: string, type = 'A'): Promise<void> => {
    await until(async () => (await addresses(node.watching, name, type)) === answer, `${name} is ${answer}`);
    expect(await addresses(node.plain, name, type)).toBe(before);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cluster-dns-service-watch-'));
    await testbed.apply(together(namespace('shop'), namespace('kept'), service('other', '10.96.9.9', 'kept')));
    clusterPort = await freePort();
    const kubernetes = `kubernetes cluster.local in-addr.arpa {\n        endpoint ${testbed.http}\n    }`;
    clusterDns = await start('cluster', `.:${clusterPort} {\n    bind ${ADDRESS}\n    ${kubernetes}\n}\n`);
    await until(async () => (await addresses({ address: ADDRESS, port: clusterPort }, OTHER)) === '10.96.9.9');
    node = await Node.start(`${ADDRESS}:${clusterPort}`);
    await node.follows();
  });

  afterEach(async () => {
    if (node?.server.exitCode === null)
      await testbed.kubectl(['delete', 'services,endpointslices', '--all', '-n', 'shop']);
  });

  afterAll(async () => {
    await Promise.all(processes.map((server) => server.stop()));
    await testbed?.stop();
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  it('answers a Service that is made after its name was denied, and the other cache goes on denying it', async () => {
    await bothHold(nameOf('new'), 'NXDOMAIN');
    await testbed.apply(service('new', '10.96.1.1', 'shop'));
    await onlyWatchingBecomes(nameOf('new'), '10.96.1.1', 'NXDOMAIN');
  });

  it('answers a name below a Service that is made, as search paths ask for it', async () => {
    await bothHold('a.new.shop.svc.cluster.local.', 'NXDOMAIN');
    const endpoints = headlessSlice('new', ['10.244.3.1']).replace('{"addresses"', '{"hostname":"a","addresses"');
    await testbed.apply(together(service('new', 'None', 'shop'), endpoints));
    await onlyWatchingBecomes('a.new.shop.svc.cluster.local.', '10.244.3.1', 'NXDOMAIN');
  });

  it('answers the address that a Service has changed to', async () => {
    await testbed.apply(service('web', '10.96.2.1', 'shop'));
    await until(async () => (await addresses(node.watching, nameOf('web'))) === '10.96.2.1');
    await bothHold(nameOf('web'), '10.96.2.1');
    await bothHold('2.2.96.10.in-addr.arpa.', 'NXDOMAIN', 'PTR');
    await testbed.apply(service('web', '10.96.2.2', 'shop'));
    await onlyWatchingBecomes(nameOf('web'), '10.96.2.2', '10.96.2.1');
    await onlyWatchingBecomes('2.2.96.10.in-addr.arpa.', nameOf('web'), 'NXDOMAIN', 'PTR');
  });

  it('denies a Service that was deleted, though it might serve stale', async () => {
    await testbed.apply(service('gone', '10.96.3.1', 'shop'));
    await until(async () => (await addresses(node.watching, nameOf('gone'))) === '10.96.3.1');
    await bothHold(nameOf('gone'), '10.96.3.1');
    await testbed.kubectl(['delete', 'service', 'gone', '-n', 'shop']);
    await onlyWatchingBecomes(nameOf('gone'), 'NXDOMAIN', '10.96.3.1');
  });

  it('answers the endpoints of a headless Service as they change', async () => {
    await testbed.apply(together(service('db', 'None', 'shop'), headlessSlice('db', ['10.244.1.1', '10.244.1.2'])));
    await until(async () => (await addresses(node.watching, nameOf('db'))) === '10.244.1.1, 10.244.1.2');
    await bothHold(nameOf('db'), '10.244.1.1, 10.244.1.2');
    await testbed.apply(headlessSlice('db', ['10.244.1.2', '10.244.1.3']));
    await onlyWatchingBecomes(nameOf('db'), '10.244.1.2, 10.244.1.3', '10.244.1.1, 10.244.1.2');
  });

  it('keeps all that has not changed', async () => {
    await node.hasSettled();
    await bothHold(OTHER, '10.96.9.9');
    const misses = (): Promise<number> => node.metric(/^coredns_cache_misses_total/);
    const before = await misses();
    const changes = await node.changes();
    await testbed.apply(together(service('x', '10.96.4.1', 'shop'), service('y', '10.96.4.2', 'shop')));
    await until(async () => (await node.changes()) >= changes + 2, 'the node has heard of both');
    await bothHold(OTHER, '10.96.9.9');
    // An annotation is in no record.
    await testbed.kubectl(['annotate', 'service', 'other', '-n', 'kept', `seen=${process.pid}`]);
    await testbed.apply(service('z', '10.96.4.3', 'shop'));
    await until(async () => (await node.changes()) >= changes + 3, 'the node has heard of the next');
    await bothHold(OTHER, '10.96.9.9');
    expect(await misses()).toBe(before);
  });

  it("does not keep the old answer of a cluster's DNS that hears of the change later", async () => {
    let isKnown = false;
    const soa = recordsFromText('cluster.local. 600 IN SOA ns.dns.cluster.local. host.cluster.local. 1 2 3 4 5', {});
    const late = await FakeUpstream.open((asked: Asked) =>
      isKnown
        ? asked.reply({ answer: recordsFromText(`${nameOf('late')} 600 IN A 10.96.5.1`, {}) })
        : asked.reply({ rcode: RCODE.NXDOMAIN, authority: soa }),
    );
    try {
      const own = await Node.start(late.address);
      await own.follows();
      expect(await addresses(own.watching, nameOf('late'))).toBe('NXDOMAIN');
      const changes = await own.changes();
      await testbed.apply(service('late', '10.96.5.1', 'shop'));
      await until(async () => (await own.changes()) > changes, 'the node has heard of it');
      expect(await addresses(own.watching, nameOf('late'))).toBe('NXDOMAIN');
      isKnown = true;
      await until(
        async () => (await addresses(own.watching, nameOf('late'))) === '10.96.5.1',
        'the answer is the new one',
      );
      await own.server.stop();
    } finally {
      await late.close();
    }
  });

  it('goes on by TTLs while the API server is away, and drops what changed meanwhile once it is back', async () => {
    await testbed.apply(service('away', '10.96.6.1', 'shop'));
    await until(async () => (await addresses(node.watching, nameOf('away'))) === '10.96.6.1');
    await bothHold(nameOf('away'), '10.96.6.1');
    await testbed.killApi();
    await node.server.saw('plugin/service_watch: failed to watch');
    await bothHold(nameOf('away'), '10.96.6.1');
    await testbed.startApi();
    await testbed.apply(service('away', '10.96.6.2', 'shop'));
    await onlyWatchingBecomes(nameOf('away'), '10.96.6.2', '10.96.6.1');
    expect(clusterDns.exitCode).toBeNull();
  });

  it('says so where there is no way to an API server, and answers all the same', async () => {
    const own = await Node.start(`${ADDRESS}:${clusterPort}`, `kubeconfig ${join(folder, 'none')}`);
    await own.server.saw(/Services are not watched: stat .*none: no such file or directory; replies are kept/);
    expect(await addresses(own.watching, OTHER)).toBe('10.96.9.9');
    await own.server.stop();
  });
});
