import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer, type FakeObject, refuse, SERVICES, type SeenRequest, status } from '#test/fake-api-server.ts';
import { type SourceUnderTest, startSource } from '#test/source-under-test.ts';
import { until } from '#test/until.ts';

const service = (name: string, clusterIP = '10.96.0.1'): FakeObject => ({
  metadata: { name, namespace: 'shop' },
  spec: { clusterIP },
});

const isServiceList = (request: SeenRequest): boolean => request.path === SERVICES && !request.isWatch;
const isServiceWatch = (request: SeenRequest): boolean => request.path === SERVICES && request.isWatch;
const isAny = (): boolean => true;

let server: FakeApiServer;
let running: SourceUnderTest | null = null;

const start = (): SourceUnderTest => {
  running = startSource({ connection: { kind: 'endpoint', url: server.url } });
  return running;
};

/** Started, listed and watching. */
const startWatching = async (): Promise<SourceUnderTest> => {
  const test = start();
  await until(() => test.source.isSynced() && server.watches.size === 2, 'two watches');
  return test;
};

const serviceEvents = ({ events }: SourceUnderTest): string[] => events.filter((event) => event.includes('shop/'));
const pausedServices = ({ clock }: SourceUnderTest): Promise<void> => until(() => clock.sleeping.size > 0, 'a pause');

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
});

afterEach(async () => {
  await running?.source.stop();
  running = null;
  await server.stop();
});

describe('a list', () => {
  it('goes through all pages, then watches from the list on, with bookmarks', async () => {
    for (let i = 0; i < 2500; i++) server.put(SERVICES, service(`s${i}`), true);
    const test = await startWatching();
    expect(serviceEvents(test)).toHaveLength(2500);
    expect(server.requestsOf(SERVICES, false).map(({ query }) => query.get('continue'))).toEqual([
      null,
      '1000',
      '2000',
    ]);
    const [watch] = server.requestsOf(SERVICES, true);
    expect(watch?.query.get('resourceVersion')).toBe(String(server.resourceVersion));
    expect(watch?.query.get('allowWatchBookmarks')).toBe('true');
    expect(watch?.query.get('timeoutSeconds')).toBe('450');
  });

  it('is whole only at its last page: not synced before', async () => {
    for (let i = 0; i < 1001; i++) server.put(SERVICES, service(`s${i}`), true);
    let held: (() => void) | null = null;
    server.once(
      ({ query }) => query.has('continue'),
      (request, response) => {
        held = () => refuse(500, 'away')(request, response);
        return true;
      },
    );
    const test = start();
    await until(() => held !== null && test.events.includes('synced Namespace'));
    expect(test.source.isSynced()).toBe(false);
    expect(serviceEvents(test)).toHaveLength(1000);
    (held as unknown as () => void)();
    await pausedServices(test);
    expect(test.events).not.toContain('synced Service');
    test.clock.wake();
    await until(() => test.source.isSynced());
    // What the first try gave is not given again.
    expect(serviceEvents(test)).toHaveLength(1001);
  });

  it('is read whole, without pages, when the server forgot the continue token', async () => {
    for (let i = 0; i < 1500; i++) server.put(SERVICES, service(`s${i}`), true);
    server.once(({ query }) => query.has('continue'), refuse(410, 'the provided continue parameter is too old'));
    const test = await startWatching();
    expect(serviceEvents(test)).toHaveLength(1500);
    expect(server.requestsOf(SERVICES, false).map(({ query }) => query.get('limit'))).toEqual(['1000', '1000', null]);
    expect(test.clock.pauses).toEqual([]);
  });

  it.each([
    ['an HTTP 500', refuse(500, 'etcd is away')],
    ['an HTTP 403', refuse(403, 'services is forbidden')],
    [
      'what is not JSON',
      (_: SeenRequest, response: Parameters<ReturnType<typeof refuse>>[1]) => !!response.end('<html>'),
    ],
    [
      'half a list',
      (_: SeenRequest, response: Parameters<ReturnType<typeof refuse>>[1]) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"metadata":{"resourceVersion":"5"},"items":[{"metadata":{');
        setImmediate(() => response.destroy());
        return true;
      },
    ],
    [
      'a list with no resourceVersion',
      (_: SeenRequest, response: Parameters<ReturnType<typeof refuse>>[1]) => !!response.end('{"items":[]}'),
    ],
  ])('is tried again after %s', async (_, interception) => {
    server.put(SERVICES, service('web'), true);
    server.once(isServiceList, interception);
    const test = start();
    await pausedServices(test);
    expect(test.source.isSynced()).toBe(false);
    expect(test.lines.filter((line) => line.startsWith('warning: failed to list Services'))).toHaveLength(1);
    test.clock.wake();
    await until(() => test.source.isSynced());
    expect(serviceEvents(test)).toEqual(['+ shop/web']);
  });

  it('waits as long as Retry-After says', async () => {
    server.once(isServiceList, refuse(429, 'too many requests', { 'retry-after': '17' }));
    const test = start();
    await pausedServices(test);
    expect(test.clock.pauses).toEqual([17_000]);
  });

  it('that stands still is broken off', async () => {
    server.once(isServiceList, (_, response) => {
      response.write('{"metadata":');
      return true;
    });
    const test = start();
    await until(() => test.source.isSynced() || test.events.includes('synced Namespace'));
    await until(() => server.requestsOf(SERVICES, false).length === 1 && test.clock.deadlines.size >= 2);
    test.clock.expire(30_000, 30_000);
    await pausedServices(test);
    expect(test.lines.join()).toContain('failed to list Services');
  });
});

describe('a watch', () => {
  it('gives what is added, changed and deleted', async () => {
    const test = await startWatching();
    server.put(SERVICES, service('web'));
    server.put(SERVICES, service('web', '10.96.0.2'));
    server.remove(SERVICES, 'shop', 'web');
    await until(() => serviceEvents(test).length === 3);
    expect(serviceEvents(test)).toEqual(['+ shop/web', '+ shop/web', '- shop/web']);
    expect(test.changes[1]).toMatchObject({ type: 'set', object: { clusterIPs: ['10.96.0.2'] } });
  });

  it('takes an event that comes in pieces, and several in one piece', async () => {
    const test = await startWatching();
    const line = (name: string): string =>
      `${JSON.stringify({ type: 'ADDED', object: { metadata: { name, namespace: 'shop', resourceVersion: '200' } } })}\n`;
    const text = line('ä') + line('b');
    server.send(SERVICES, text.slice(0, 25));
    await until(() => server.watchesOf(SERVICES).every(({ response }) => response.writableLength === 0));
    server.send(SERVICES, text.slice(25));
    await until(() => serviceEvents(test).length === 2);
    expect(serviceEvents(test)).toEqual(['+ shop/ä', '+ shop/b']);
  });

  it('goes on, with no pause and no list, after the server has ended it in good order', async () => {
    const test = await startWatching();
    server.put(SERVICES, service('web'));
    await until(() => serviceEvents(test).length === 1);
    server.watchesOf(SERVICES)[0]?.response.end();
    await until(() => server.requestsOf(SERVICES, true).length === 2);
    const [, second] = server.requestsOf(SERVICES, true);
    expect(second?.query.get('resourceVersion')).toBe(String(server.resourceVersion));
    expect(server.requestsOf(SERVICES, false)).toHaveLength(1);
    expect(test.clock.pauses).toEqual([]);
    expect(test.lines).toEqual([]);
  });

  it('is asked for again at once when the kept connection turns out to be closed', async () => {
    server.once(isServiceWatch, (_, response) => !!response.socket?.resetAndDestroy());
    const test = start();
    await until(() => server.watches.size === 2);
    expect(server.requestsOf(SERVICES, true)).toHaveLength(2);
    expect(test.clock.pauses).toEqual([]);
  });

  it('takes again whole what was cut off in a good end', async () => {
    const test = await startWatching();
    server.put(SERVICES, service('web'));
    await until(() => serviceEvents(test).length === 1);
    server.watchesOf(SERVICES)[0]?.response.end('{"type":"ADDED","object":{"metadata":{"name":"half"');
    server.put(SERVICES, service('half'));
    await until(() => serviceEvents(test).length === 2);
    expect(serviceEvents(test)).toEqual(['+ shop/web', '+ shop/half']);
  });

  it('begins again at the last bookmark', async () => {
    const test = await startWatching();
    server.resourceVersion = 5000;
    server.bookmark(SERVICES);
    server.watchesOf(SERVICES)[0]?.response.end();
    await until(() => server.requestsOf(SERVICES, true).length === 2);
    expect(server.requestsOf(SERVICES, true)[1]?.query.get('resourceVersion')).toBe('5000');
    expect(test.events.filter((event) => !event.startsWith('synced'))).toEqual([]);
  });

  it('pauses where the server ends it at once', async () => {
    server.always(isServiceWatch, (_, response) => !!response.writeHead(200).end());
    const test = start();
    await pausedServices(test);
    expect(test.clock.pauses).toEqual([1200]);
    test.clock.wake();
    await until(() => test.clock.pauses.length === 2);
    expect(test.clock.pauses[1]).toBe(2000);
  });

  it.each([
    [
      'an ERROR event',
      (): void =>
        server.send(
          SERVICES,
          `${JSON.stringify({ type: 'ERROR', object: status(410, 'too old resource version') })}\n`,
        ),
    ],
    [
      'an HTTP 410',
      (): void => {
        server.once(isServiceWatch, refuse(410, 'too old resource version'));
        server.watchesOf(SERVICES)[0]?.response.end();
      },
    ],
  ])('that is too old (%s) is followed by a list, which gives only the difference', async (_, expire) => {
    for (const name of ['a', 'b', 'c']) server.put(SERVICES, service(name), true);
    const test = await startWatching();
    server.bookmark(SERVICES);
    test.events.length = 0;
    server.remove(SERVICES, 'shop', 'a', true);
    server.put(SERVICES, service('b', '10.96.0.9'), true);
    expire();
    await until(
      () => server.requestsOf(SERVICES, true).at(-1)?.query.get('resourceVersion') === `${server.resourceVersion}`,
    );
    expect(server.requestsOf(SERVICES, false)).toHaveLength(2);
    expect(serviceEvents(test)).toEqual(['+ shop/b', '- shop/a']);
  });

  it('that is too old right after each list does not list in a loop', async () => {
    server.always(isServiceWatch, refuse(410, 'too old resource version'));
    const test = start();
    await pausedServices(test);
    expect(server.requestsOf(SERVICES, false).length).toBeLessThanOrEqual(2);
  });

  it('resumes where it was after a reset in the middle of an event', async () => {
    server.put(SERVICES, service('web'), true);
    const test = await startWatching();
    server.put(SERVICES, service('api'));
    await until(() => serviceEvents(test).length === 2);
    const version = String(server.resourceVersion);
    const [watch] = server.watchesOf(SERVICES);
    watch?.response.write('{"type":"ADDED","obj');
    await until(() => watch?.response.writableLength === 0);
    watch?.response.socket?.resetAndDestroy();
    server.put(SERVICES, service('new'));
    await pausedServices(test);
    // A watch that was in order is resumed soon, and is no trouble yet.
    expect(test.clock.pauses).toEqual([50]);
    expect(test.lines.filter((line) => !line.startsWith('debug'))).toEqual([]);
    test.clock.wake();
    await until(() => serviceEvents(test).length === 3);
    expect(server.requestsOf(SERVICES, true).at(-1)?.query.get('resourceVersion')).toBe(version);
    expect(server.requestsOf(SERVICES, false)).toHaveLength(1);
    expect(serviceEvents(test).at(-1)).toBe('+ shop/new');
  });

  it('with a line that is not JSON is said and begun again', async () => {
    const test = await startWatching();
    server.send(SERVICES, '{"type":"ADDED",}\n');
    await pausedServices(test);
    expect(test.lines).toEqual([expect.stringMatching(/^warning: failed to watch Services: watch event is not JSON/)]);
    test.clock.wake();
    server.put(SERVICES, service('web'));
    await until(() => serviceEvents(test).length === 1);
    expect(test.lines.at(-1)).toBe('info: watching Services again');
  });

  it('that never ends is taken as half-open, and begun again', async () => {
    const test = await startWatching();
    test.clock.expire(450_000);
    await until(() => test.clock.sleeping.size === 2);
    expect(test.lines.join()).toContain('the server did not end the watch within 480000 ms');
    test.clock.wake();
    await until(() => server.watchesOf(SERVICES).length === 1 && server.requestsOf(SERVICES, true).length === 2);
  });

  it('passes over an event of an unknown type and an object without a name', async () => {
    const test = await startWatching();
    server.send(SERVICES, '{"type":"ODD","object":{}}\n{"type":"ADDED","object":{"metadata":{}}}\n');
    server.put(SERVICES, service('web'));
    await until(() => serviceEvents(test).length > 0);
    expect(serviceEvents(test)).toEqual(['+ shop/web']);
    expect(test.lines).toEqual([]);
  });
});

describe('an outage', () => {
  it('is said once a kind, and the data is complete after it', async () => {
    for (const name of ['a', 'b']) server.put(SERVICES, service(name), true);
    const test = await startWatching();
    await server.stop();
    await until(() => test.clock.sleeping.size === 2);
    for (let i = 0; i < 20; i++) {
      const before = test.clock.pauses.length;
      test.clock.wake();
      await until(() => test.clock.pauses.length >= before + 2 && test.clock.sleeping.size === 2);
    }
    expect(test.source.isSynced()).toBe(true);
    const warnings = test.lines.filter((line) => line.startsWith('warning'));
    expect(warnings.length).toBeLessThanOrEqual(6);
    expect(Math.max(...test.clock.pauses)).toBeLessThanOrEqual(30_000);
    server.remove(SERVICES, 'shop', 'a', true);
    server.put(SERVICES, service('c'), true);
    test.events.length = 0;
    await server.start();
    test.clock.wake();
    await until(() => server.watches.size === 2);
    expect(serviceEvents(test).sort()).toEqual(['+ shop/c', '- shop/a']);
    for (const watch of server.watches) server.bookmark(watch.request.path);
    await until(() => test.lines.filter((line) => line.startsWith('info: watching')).length === 2);
    expect(test.events.filter((event) => event.startsWith('synced'))).toEqual([]);
  });

  it('ends for every kind as soon as one has reached the server', async () => {
    const test = await startWatching();
    await server.stop();
    await until(() => test.clock.sleeping.size === 2);
    test.clock.wake();
    await until(() => test.clock.sleeping.size === 2 && test.clock.pauses.length >= 4);
    await server.start();
    test.clock.time += 5000;
    // Only one of the two pauses ends by itself.
    const [first] = test.clock.sleeping;
    first?.fire();
    await until(() => server.watches.size === 2);
  });
});

describe('stop', () => {
  it.each([
    [
      'while watching',
      (): void => undefined,
      (test: SourceUnderTest) => until(() => test.source.isSynced() && server.watches.size === 2),
    ],
    [
      'in a pause',
      (): void => void server.always(isAny, refuse(500, 'away')),
      (test: SourceUnderTest) => until(() => test.clock.sleeping.size === 2),
    ],
    [
      'while the server does not answer',
      (): void => void server.always(isAny, () => true),
      () => until(() => server.requests.length === 2),
    ],
    [
      'in the middle of a list',
      (): void => void server.always(isServiceList, (_, response) => response.write('{"items":[{')),
      (test: SourceUnderTest) => until(() => test.events.includes('synced Namespace') && server.watches.size === 1),
    ],
  ])('%s leaves nothing open', async (_, prepare, reach) => {
    prepare();
    const test = start();
    await reach(test);
    await test.source.stop();
    await until(() => server.connections === 0);
    expect(test.clock.sleeping.size).toBe(0);
    expect(test.clock.deadlines.size).toBe(0);
    const seen = server.requests.length;
    server.bookmark(SERVICES);
    await new Promise(setImmediate);
    expect(server.requests).toHaveLength(seen);
    expect(test.lines.filter((line) => line.includes('aborted'))).toEqual([]);
  });
});
