import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { recordsFromText } from '#dns/record-text.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { type Asked, FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, runProgram, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { service, slice } from './cluster-objects.ts';
import { comparable, type DigReply, dataOf, dig } from './dig.ts';
import { EXAMPLE_QUESTIONS } from './example-questions.ts';
import { needTestbed, titled } from './needs.ts';

const TITLE = 'the server at a real API server';
const { reason, testbed } = await needTestbed(TITLE, ['dig', 'kubectl', 'etcd']);

/** What the world outside the cluster knows: one address, and no reverse names. */
const answerOutside = (asked: Asked): void => {
  const isAddress = asked.message.questions[0]?.type === 1;
  if (isAddress) asked.reply({ answer: recordsFromText('@ 300 IN A 192.0.2.1', {}) });
  else asked.reply({ rcode: RCODE.NXDOMAIN });
};

interface Running {
  readonly server: ServerProcess;
  readonly port: number;
  readonly readyPort: number;
  readonly metricsPort: number;
}

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let upstream: FakeUpstream;
  /** Lives through all tests and sees all that happens to the cluster. */
  let main: Running;
  const others: Running[] = [];

  /** The Corefile that kubeadm installs, on ports of loopback, with this in the kubernetes block. */
  const start = async (connection: string, ...args: string[]): Promise<Running> => {
    const [port, healthPort, readyPort, metricsPort] = await Promise.all([
      freePort(),
      freePort(),
      freePort(),
      freePort(),
    ]);
    const corefile = `.:${port} {
    bind 127.0.0.1
    errors
    health 127.0.0.1:${healthPort}
    ready 127.0.0.1:${readyPort}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        ${connection}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 127.0.0.1:${metricsPort}
    forward . 127.0.0.1:${upstream.port} {
        max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
`;
    const server = await startProcess(['-conf', 'stdin', ...args], { stdin: corefile });
    return { server, port, readyPort, metricsPort };
  };
  /** Stopped with the test. */
  const startOther = async (connection: string, ...args: string[]): Promise<Running> => {
    const running = await start(connection, ...args);
    others.push(running);
    return running;
  };
  const ask = ({ port }: Running, ...question: string[]): Promise<DigReply> =>
    dig(['@127.0.0.1', '-p', `${port}`, '+nocookie', ...question]);
  const ready = async ({ readyPort }: Running): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${readyPort}/ready`);
    return `${response.status} ${await response.text()}`;
  };
  /** How often the caches answered that a name is not there (`denial`) or is (`success`). */
  const hits = async ({ metricsPort }: Running, type: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return Number(new RegExp(`^coredns_cache_hits_total\\{.*type="${type}".*\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  };
  const tookMs: string[] = [];
  /** Asks until the reply is as wished, and notes how many ms after the change that was. */
  const seen = async (
    title: string,
    question: readonly string[],
    isRight: (reply: DigReply) => boolean,
  ): Promise<void> => {
    const startedAt = performance.now();
    let last: DigReply | null = null;
    const text = (): string => `${title}: ${last?.text}`;
    try {
      await until(async () => {
        last = await ask(main, ...question);
        return isRight(last);
      }, '');
    } catch (error) {
      throw new Error(`${text()}\n${main.server.stdout}`, { cause: error });
    }
    tookMs.push(`${title}: ${Math.round(performance.now() - startedAt)} ms`);
  };
  const has =
    (...data: string[]) =>
    (reply: DigReply) =>
      dataOf(reply.answer).join() === data.toSorted().join();
  const isNone = (reply: DigReply): boolean => reply.status === 'NXDOMAIN' && reply.answer.length === 0;

  beforeAll(async () => {
    upstream = await FakeUpstream.open(answerOutside);
    const { stdout } = await runProgram(['manifests', 'examples']);
    // This API server does not have the kind.
    const known = stdout.split('---\n').filter((object) => !object.includes('kind: ServiceCIDR'));
    await testbed.apply(known.join('---\n'));
    main = await start(`endpoint ${testbed.http}`);
    await until(async () => (await ready(main)) === '200 OK');
  });
  afterEach(async () => {
    for (const { server } of others.splice(0)) await server.stop();
  });
  afterAll(async () => {
    console.log(`from kubectl's return to the right answer:\n  ${tookMs.join('\n  ')}`);
    await main?.server.stop();
    await upstream?.close();
    await testbed.stop();
  });

  it.each([
    ['an endpoint over HTTP', () => `endpoint ${testbed.http}`],
    ['a kubeconfig with HTTPS and a token', () => `kubeconfig ${testbed.kubeconfig} mini`],
  ])('gives the same answers from %s as from the directory that was applied', async (_, connection) => {
    expect(EXAMPLE_QUESTIONS.length).toBeGreaterThan(60);
    // Both are new, so that no TTL has run down.
    const [cluster, directory] = [await startOther(connection()), await startOther('', '-manifests', 'examples')];
    await until(async () => (await ready(cluster)) === '200 OK');
    for (const question of EXAMPLE_QUESTIONS) {
      const [one, another] = [await ask(cluster, ...question), await ask(directory, ...question)];
      expect({ question, reply: comparable(one) }).toEqual({ question, reply: comparable(another) });
    }
    expect((await ask(cluster, 'hello-world.default.svc.cluster.local', 'A')).answer).toHaveLength(1);
  });

  it('sees a Service at once whose name was just answered with a cached NXDOMAIN', async () => {
    const question = ['created.default.svc.cluster.local', 'A'];
    const before = await hits(main, 'denial');
    expect(isNone(await ask(main, ...question))).toBe(true);
    expect(isNone(await ask(main, ...question))).toBe(true);
    expect(await hits(main, 'denial')).toBeGreaterThan(before);
    await testbed.apply(service('created', '10.96.5.1'));
    await seen('created after a cached NXDOMAIN', question, has('10.96.5.1'));
    await seen('its reverse name', ['-x', '10.96.5.1'], has('created.default.svc.cluster.local.'));
  });

  it('sees a changed ClusterIP at once, forwards and backwards, though the answers were cached', async () => {
    await testbed.apply(service('moved', '10.96.5.2'));
    const question = ['moved.default.svc.cluster.local', 'A'];
    await seen('created', question, has('10.96.5.2'));
    const before = await hits(main, 'success');
    for (let i = 0; i < 3; i++) {
      expect(dataOf((await ask(main, ...question)).answer)).toEqual(['10.96.5.2']);
      expect(dataOf((await ask(main, '-x', '10.96.5.2')).answer)).toEqual(['moved.default.svc.cluster.local.']);
    }
    expect(await hits(main, 'success')).toBeGreaterThan(before + 3);
    expect(isNone(await ask(main, '-x', '10.96.5.3'))).toBe(true);
    await testbed.apply(service('moved', '10.96.5.3'));
    await seen('a changed ClusterIP', question, has('10.96.5.3'));
    await seen('its old reverse name', ['-x', '10.96.5.2'], isNone);
    await seen('its new reverse name', ['-x', '10.96.5.3'], has('moved.default.svc.cluster.local.'));
  });

  it('sees a deleted Service at once, though its answer was cached', async () => {
    await testbed.apply(service('deleted', '10.96.5.4'));
    const question = ['deleted.default.svc.cluster.local', 'A'];
    await seen('created', question, has('10.96.5.4'));
    expect(dataOf((await ask(main, ...question)).answer)).toEqual(['10.96.5.4']);
    await testbed.kubectl(['delete', 'service', 'deleted', '-n', 'default']);
    await seen('deleted', question, isNone);
    await seen('the reverse name of the deleted', ['-x', '10.96.5.4'], isNone);
  });

  it('sees the endpoints of a headless Service come and go', async () => {
    const question = ['headless.default.svc.cluster.local', 'A'];
    await testbed.apply(service('headless', 'None'));
    await testbed.apply(slice('headless', ['10.244.5.1', '10.244.5.2']));
    await seen('a headless Service', question, has('10.244.5.1', '10.244.5.2'));
    const endpoint = ['10-244-5-3.headless.default.svc.cluster.local', 'A'];
    expect(isNone(await ask(main, ...endpoint))).toBe(true);
    await testbed.apply(slice('headless', ['10.244.5.2', '10.244.5.3']));
    await seen('changed endpoints', question, has('10.244.5.2', '10.244.5.3'));
    await seen('the name of the new endpoint', endpoint, has('10.244.5.3'));
    await seen('the name of the old endpoint', ['10-244-5-1.headless.default.svc.cluster.local', 'A'], isNone);
    await testbed.kubectl(['delete', 'endpointslice', 'headless', '-n', 'default']);
    await seen('no endpoints', question, ({ status, answer }) => status === 'NXDOMAIN' && answer.length === 0);
  });

  it('sees a Namespace go and come back', async () => {
    const question = ['web.shop.svc.cluster.local', 'A'];
    await testbed.kubectl(['create', 'namespace', 'shop']);
    await testbed.apply(service('web', '10.96.5.5', 'shop'));
    await seen('in a new Namespace', question, has('10.96.5.5'));
    await testbed.kubectl(['delete', 'namespace', 'shop', '--wait=false']);
    await seen('its Namespace deleted', question, isNone);
    await testbed.kubectl(['create', 'namespace', 'shop']);
    await seen('its Namespace made again', question, has('10.96.5.5'));
  });

  it('goes on answering while the API server is dead, and sees what changes once it is back', async () => {
    await testbed.killApi();
    await main.server.saw('failed to watch');
    expect(dataOf((await ask(main, 'multi-port.default.svc.cluster.local', 'A')).answer)).toEqual(['10.96.80.90']);
    expect(isNone(await ask(main, 'nobody-asked.default.svc.cluster.local', 'A'))).toBe(true);
    expect(await ready(main)).toBe('200 OK');
    await testbed.startApi();
    await testbed.apply(service('afterwards', '10.96.5.6'));
    await testbed.kubectl(['delete', 'service', 'created', '-n', 'default']);
    await seen('after a restart of the API server', ['afterwards.default.svc.cluster.local', 'A'], has('10.96.5.6'));
    await seen('deleted after that restart', ['created.default.svc.cluster.local', 'A'], isNone);
  });

  it('says SERVFAIL, never NXDOMAIN, and is not ready, until it has seen the cluster', async () => {
    await testbed.killApi();
    const other = await startOther(`endpoint ${testbed.http}\n startup_timeout 1s`);
    expect(await ready(other)).toBe('503 kubernetes');
    for (const name of ['hello-world.default.svc', 'nobody.default.svc', 'a.nowhere.svc', 'nowhere']) {
      const reply = await ask(other, `${name}.cluster.local`, 'A');
      expect([name, reply.status, reply.answer]).toEqual([name, 'SERVFAIL', []]);
    }
    expect((await ask(other, 'www.example.org', 'A')).status).toBe('NOERROR');
    await testbed.startApi();
    await until(async () => (await ready(other)) === '200 OK', 'ready', 40_000);
    expect(other.server.exitCode).toBeNull();
    expect(dataOf((await ask(other, 'hello-world.default.svc.cluster.local', 'A')).answer)).toEqual(['10.96.77.44']);
    expect((await ask(other, 'nobody.default.svc.cluster.local', 'A')).status).toBe('NXDOMAIN');
  });

  it('is never ready with a token that the API server refuses', async () => {
    await testbed.killApi();
    await testbed.startApi('-require-token');
    const config = await testbed.kubectl(['config', 'view', '--raw']);
    const file = join(testbed.kubeconfig, '..', 'refused-kubeconfig');
    writeFileSync(file, config.replace(/token: .*/, 'token: wrong'));
    const other = await startOther(`kubeconfig ${file}\n startup_timeout 1s`);
    rmSync(file);
    await other.server.saw(/401|Unauthorized/);
    expect(await ready(other)).toBe('503 kubernetes');
    const reply = await ask(other, 'hello-world.default.svc.cluster.local', 'A');
    expect(reply.status).toBe('SERVFAIL');
  });
});
