import { describe, expect, it } from 'vitest';
import { ApiScene, isServiceWatch, paused, service, serviceEvents } from '#test/api-scene.ts';
import { refuse, SERVICES, status } from '#test/fake-api-server.ts';
import { until } from '#test/until.ts';

const scene = ApiScene.use();

describe('a watch', () => {
  it('gives what is added, changed and deleted', async () => {
    const test = await scene.startWatching();
    scene.server.put(SERVICES, service('web'));
    scene.server.put(SERVICES, service('web', '10.96.0.2'));
    scene.server.remove(SERVICES, 'shop', 'web');
    await until(() => serviceEvents(test).length === 3);
    expect(serviceEvents(test)).toEqual(['+ shop/web', '+ shop/web', '- shop/web']);
    expect(test.changes[1]).toMatchObject({ type: 'set', object: { clusterIPs: ['10.96.0.2'] } });
  });

  it('takes an event that comes in pieces, and several in one piece', async () => {
    const test = await scene.startWatching();
    const line = (name: string): string =>
      `${JSON.stringify({ type: 'ADDED', object: { metadata: { name, namespace: 'shop', resourceVersion: '200' } } })}\n`;
    const text = line('ä') + line('b');
    scene.server.send(SERVICES, text.slice(0, 25));
    await until(() => scene.server.watchesOf(SERVICES).every(({ response }) => response.writableLength === 0));
    scene.server.send(SERVICES, text.slice(25));
    await until(() => serviceEvents(test).length === 2);
    expect(serviceEvents(test)).toEqual(['+ shop/ä', '+ shop/b']);
  });

  it('goes on, with no pause and no list, after the server has ended it in good order', async () => {
    const test = await scene.startWatching();
    scene.server.put(SERVICES, service('web'));
    await until(() => serviceEvents(test).length === 1);
    scene.server.watchesOf(SERVICES)[0]?.response.end();
    await until(() => scene.server.requestsOf(SERVICES, true).length === 2);
    const [, second] = scene.server.requestsOf(SERVICES, true);
    expect(second?.query.get('resourceVersion')).toBe(String(scene.server.resourceVersion));
    expect(scene.server.requestsOf(SERVICES, false)).toHaveLength(1);
    expect(test.clock.pauses).toEqual([]);
    expect(test.lines).toEqual([]);
  });

  it('is asked for again at once when the kept connection turns out to be closed', async () => {
    scene.server.once(isServiceWatch, (_, response) => !!response.socket?.resetAndDestroy());
    const test = scene.start();
    await until(() => scene.server.watches.size === 2);
    expect(scene.server.requestsOf(SERVICES, true)).toHaveLength(2);
    expect(test.clock.pauses).toEqual([]);
  });

  it('takes again whole what was cut off in a good end', async () => {
    const test = await scene.startWatching();
    scene.server.put(SERVICES, service('web'));
    await until(() => serviceEvents(test).length === 1);
    scene.server.watchesOf(SERVICES)[0]?.response.end('{"type":"ADDED","object":{"metadata":{"name":"half"');
    scene.server.put(SERVICES, service('half'));
    await until(() => serviceEvents(test).length === 2);
    expect(serviceEvents(test)).toEqual(['+ shop/web', '+ shop/half']);
  });

  it('begins again at the last bookmark', async () => {
    const test = await scene.startWatching();
    scene.server.resourceVersion = 5000;
    scene.server.bookmark(SERVICES);
    scene.server.watchesOf(SERVICES)[0]?.response.end();
    await until(() => scene.server.requestsOf(SERVICES, true).length === 2);
    expect(scene.server.requestsOf(SERVICES, true)[1]?.query.get('resourceVersion')).toBe('5000');
    expect(test.events.filter((event) => !event.startsWith('synced'))).toEqual([]);
  });

  it('pauses where the server ends it at once', async () => {
    scene.server.always(isServiceWatch, (_, response) => !!response.writeHead(200).end());
    const test = scene.start();
    await paused(test);
    expect(test.clock.pauses).toEqual([1200]);
    test.clock.wake();
    await until(() => test.clock.pauses.length === 2);
    expect(test.clock.pauses[1]).toBe(2000);
  });

  it.each([
    [
      'an ERROR event',
      (): void =>
        scene.server.send(
          SERVICES,
          `${JSON.stringify({ type: 'ERROR', object: status(410, 'too old resource version') })}\n`,
        ),
    ],
    [
      'an HTTP 410',
      (): void => {
        scene.server.once(isServiceWatch, refuse(410, 'too old resource version'));
        scene.server.watchesOf(SERVICES)[0]?.response.end();
      },
    ],
  ])('that is too old (%s) is followed by a list, which gives only the difference', async (_, expire) => {
    for (const name of ['a', 'b', 'c']) scene.server.put(SERVICES, service(name), true);
    const test = await scene.startWatching();
    scene.server.bookmark(SERVICES);
    test.events.length = 0;
    scene.server.remove(SERVICES, 'shop', 'a', true);
    scene.server.put(SERVICES, service('b', '10.96.0.9'), true);
    expire();
    await until(
      () =>
        scene.server.requestsOf(SERVICES, true).at(-1)?.query.get('resourceVersion') ===
        `${scene.server.resourceVersion}`,
    );
    expect(scene.server.requestsOf(SERVICES, false)).toHaveLength(2);
    expect(serviceEvents(test)).toEqual(['+ shop/b', '- shop/a']);
  });

  it('that is too old after an outage is followed by a list at once', async () => {
    const test = await scene.startWatching();
    await scene.server.stop();
    await until(() => test.clock.sleeping.size === 2);
    await scene.server.start();
    scene.server.once(isServiceWatch, refuse(410, 'too old resource version'));
    test.clock.time += 60_000;
    test.clock.wake();
    await until(() => scene.server.watches.size === 2);
    expect(scene.server.requestsOf(SERVICES, false)).toHaveLength(2);
    expect(test.clock.pauses).toHaveLength(2);
  });

  it('that is too old right after each list does not list in a loop', async () => {
    scene.server.always(isServiceWatch, refuse(410, 'too old resource version'));
    const test = scene.start();
    await paused(test);
    expect(scene.server.requestsOf(SERVICES, false).length).toBeLessThanOrEqual(2);
  });

  it('waits as long as a busy server asks each time, and lists nothing anew for it', async () => {
    const test = await scene.startWatching();
    const stop = scene.server.always(isServiceWatch, refuse(429, 'too many requests', { 'retry-after': '2' }));
    // Both watches have lasted long enough to be in order.
    test.clock.expire(5000, 5000);
    scene.server.watchesOf(SERVICES)[0]?.response.end();
    for (let i = 1; i < 8; i++) {
      await until(() => test.clock.pauses.filter((ms) => ms === 2400).length === i);
      if (i === 7) stop();
      test.clock.wake();
    }
    await until(() => scene.server.watches.size === 2);
    expect(scene.server.requestsOf(SERVICES, false)).toHaveLength(1);
    expect(test.lines.filter((line) => line.startsWith('warning'))).toHaveLength(1);
  });

  it('resumes where it was after a reset in the middle of an event', async () => {
    scene.server.put(SERVICES, service('web'), true);
    const test = await scene.startWatching();
    scene.server.put(SERVICES, service('api'));
    await until(() => serviceEvents(test).length === 2);
    const version = String(scene.server.resourceVersion);
    const [watch] = scene.server.watchesOf(SERVICES);
    watch?.response.write('{"type":"ADDED","obj');
    await until(() => watch?.response.writableLength === 0);
    watch?.response.socket?.resetAndDestroy();
    scene.server.put(SERVICES, service('new'));
    await paused(test);
    // A watch that was in order is resumed soon, and is no trouble yet.
    expect(test.clock.pauses).toEqual([50]);
    expect(test.lines.filter((line) => !line.startsWith('debug'))).toEqual([]);
    test.clock.wake();
    await until(() => serviceEvents(test).length === 3);
    expect(scene.server.requestsOf(SERVICES, true).at(-1)?.query.get('resourceVersion')).toBe(version);
    expect(scene.server.requestsOf(SERVICES, false)).toHaveLength(1);
    expect(serviceEvents(test).at(-1)).toBe('+ shop/new');
  });

  it('with a line that is not JSON is said and begun again', async () => {
    const test = await scene.startWatching();
    scene.server.send(SERVICES, '{"type":"ADDED",}\n');
    await paused(test);
    expect(test.lines).toEqual([expect.stringMatching(/^warning: failed to watch Services: watch event is not JSON/)]);
    test.clock.wake();
    scene.server.put(SERVICES, service('web'));
    await until(() => serviceEvents(test).length === 1);
    expect(test.lines.at(-1)).toBe('info: watching Services again');
  });

  it('that never ends is taken as half-open, and begun again', async () => {
    const test = await scene.startWatching();
    test.clock.expire(450_000);
    await until(() => test.clock.sleeping.size === 2);
    expect(test.lines.join()).toContain('the server did not end the watch within 480000 ms');
    test.clock.wake();
    await until(
      () => scene.server.watchesOf(SERVICES).length === 1 && scene.server.requestsOf(SERVICES, true).length === 2,
    );
  });

  it('that is silent for three minutes is taken as hung, if it had sent a bookmark', async () => {
    const test = await scene.startWatching();
    const silences = (): number => [...test.clock.deadlines].filter(({ ms }) => ms === 180_000).length;
    expect(silences()).toBe(0);
    scene.server.bookmark(SERVICES);
    await until(() => silences() === 1);
    scene.server.put(SERVICES, service('web'));
    await until(() => serviceEvents(test).length === 1);
    expect(silences()).toBe(1);
    const before = scene.server.requestsOf(SERVICES, true).length;
    test.clock.expire(180_000, 180_000);
    await until(() => scene.server.requestsOf(SERVICES, true).length > before || test.clock.sleeping.size > 0);
    test.clock.wake();
    await until(() => scene.server.requestsOf(SERVICES, true).length > before);
    expect(silences()).toBe(0);
  });

  it('passes over an event of an unknown type and an object without a name', async () => {
    const test = await scene.startWatching();
    scene.server.send(SERVICES, '{"type":"ODD","object":{}}\n{"type":"ADDED","object":{"metadata":{}}}\n');
    scene.server.put(SERVICES, service('web'));
    await until(() => serviceEvents(test).length > 0);
    expect(serviceEvents(test)).toEqual(['+ shop/web']);
    expect(test.lines).toEqual([]);
  });
});
