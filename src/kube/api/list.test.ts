import { describe, expect, it } from 'vitest';
import { ApiScene, isServiceList, paused, service, serviceEvents } from '#test/api-scene.ts';
import { refuse, SERVICES, type SeenRequest } from '#test/fake-api-server.ts';
import { until } from '#test/until.ts';

const scene = ApiScene.use();

describe('a list', () => {
  it('goes through all pages, then watches from the list on, with bookmarks', async () => {
    for (let i = 0; i < 2500; i++) scene.server.put(SERVICES, service(`s${i}`), true);
    const test = await scene.startWatching();
    expect(serviceEvents(test)).toHaveLength(2500);
    expect(scene.server.requestsOf(SERVICES, false).map(({ query }) => query.get('continue'))).toEqual([
      null,
      '1000',
      '2000',
    ]);
    // The first asks for any version, which API servers have in memory; a token goes without one.
    expect(scene.server.requestsOf(SERVICES, false).map(({ query }) => query.get('resourceVersion'))).toEqual([
      '0',
      null,
      null,
    ]);
    const [watch] = scene.server.requestsOf(SERVICES, true);
    expect(watch?.query.get('resourceVersion')).toBe(String(scene.server.resourceVersion));
    expect(watch?.query.get('allowWatchBookmarks')).toBe('true');
    expect(watch?.query.get('timeoutSeconds')).toBe('450');
  });

  it('is asked for as it is now, once a list is known that it must not be older than', async () => {
    const test = await scene.startWatching();
    scene.server.once(({ isWatch, path }) => isWatch && path === SERVICES, refuse(410, 'too old resource version'));
    // The watch was in order.
    test.clock.expire(5000, 5000);
    scene.server.watchesOf(SERVICES)[0]?.response.end();
    await until(() => scene.server.requestsOf(SERVICES, false).length === 2);
    expect(scene.server.requestsOf(SERVICES, false).map(({ query }) => query.get('resourceVersion'))).toEqual([
      '0',
      null,
    ]);
  });

  it('is whole only at its last page: not synced before', async () => {
    for (let i = 0; i < 1001; i++) scene.server.put(SERVICES, service(`s${i}`), true);
    let held: (() => void) | null = null;
    scene.server.once(
      ({ query }) => query.has('continue'),
      (request, response) => {
        held = () => refuse(500, 'away')(request, response);
        return true;
      },
    );
    const test = scene.start();
    await until(() => held !== null && test.events.includes('synced Namespace'));
    expect(test.source.isSynced()).toBe(false);
    expect(serviceEvents(test)).toHaveLength(1000);
    (held as unknown as () => void)();
    await paused(test);
    expect(test.events).not.toContain('synced Service');
    test.clock.wake();
    await until(() => test.source.isSynced());
    // What the first try gave is not given again.
    expect(serviceEvents(test)).toHaveLength(1001);
  });

  it('is read whole, without pages, when the server forgot the continue token', async () => {
    for (let i = 0; i < 1500; i++) scene.server.put(SERVICES, service(`s${i}`), true);
    scene.server.once(({ query }) => query.has('continue'), refuse(410, 'the provided continue parameter is too old'));
    const test = await scene.startWatching();
    expect(serviceEvents(test)).toHaveLength(1500);
    expect(scene.server.requestsOf(SERVICES, false).map(({ query }) => query.get('limit'))).toEqual([
      '1000',
      '1000',
      null,
    ]);
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
    scene.server.put(SERVICES, service('web'), true);
    scene.server.once(isServiceList, interception);
    const test = scene.start();
    await paused(test);
    expect(test.source.isSynced()).toBe(false);
    expect(test.lines.filter((line) => line.startsWith('warning: failed to list Services'))).toHaveLength(1);
    test.clock.wake();
    await until(() => test.source.isSynced());
    expect(serviceEvents(test)).toEqual(['+ shop/web']);
  });

  it('waits as long as Retry-After says, and a moment more', async () => {
    scene.server.once(isServiceList, refuse(429, 'too many requests', { 'retry-after': '17' }));
    const test = scene.start();
    await paused(test);
    expect(test.clock.pauses).toEqual([17_400]);
  });

  it('that stands still is broken off', async () => {
    scene.server.once(isServiceList, (_, response) => {
      response.write('{"metadata":');
      return true;
    });
    const test = scene.start();
    await until(() => test.source.isSynced() || test.events.includes('synced Namespace'));
    await until(() => scene.server.requestsOf(SERVICES, false).length === 1 && test.clock.deadlines.size >= 2);
    test.clock.expire(30_000, 30_000);
    await paused(test);
    expect(test.lines.join()).toContain('failed to list Services');
  });
});
