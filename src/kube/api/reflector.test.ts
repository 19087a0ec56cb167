import { describe, expect, it } from 'vitest';
import { ApiScene, isServiceList, isServiceWatch, service, serviceEvents } from '#test/api-scene.ts';
import { refuse, SERVICES } from '#test/fake-api-server.ts';
import type { SourceUnderTest } from '#test/source-under-test.ts';
import { until } from '#test/until.ts';

const isAny = (): boolean => true;
const scene = ApiScene.use();

describe('an outage', () => {
  it('is said once for all kinds, and the data is complete after it', async () => {
    for (const name of ['a', 'b']) scene.server.put(SERVICES, service(name), true);
    const test = await scene.startWatching();
    await scene.server.stop();
    await until(() => test.clock.sleeping.size === 2);
    for (let i = 0; i < 20; i++) {
      const before = test.clock.pauses.length;
      test.clock.wake();
      await until(() => test.clock.pauses.length >= before + 2 && test.clock.sleeping.size === 2);
    }
    expect(test.source.isSynced()).toBe(true);
    const warnings = test.lines.filter((line) => line.startsWith('warning'));
    // Reset, refused, and what the next tries ran into.
    expect(warnings.length).toBeLessThanOrEqual(3);
    expect(new Set(warnings.map((line) => line.replace(/\w+s:/, ''))).size).toBe(warnings.length);
    expect(Math.max(...test.clock.pauses)).toBeLessThanOrEqual(30_000);
    scene.server.remove(SERVICES, 'shop', 'a', true);
    scene.server.put(SERVICES, service('c'), true);
    test.events.length = 0;
    await scene.server.start();
    test.clock.wake();
    await until(() => scene.server.watches.size === 2);
    expect(serviceEvents(test).sort()).toEqual(['+ shop/c', '- shop/a']);
    for (const watch of scene.server.watches) scene.server.bookmark(watch.request.path);
    await until(() => test.lines.filter((line) => line.startsWith('info: watching')).length === 2);
    expect(test.events.filter((event) => event.startsWith('synced'))).toEqual([]);
  });

  it('ends for every kind as soon as one has reached the server', async () => {
    const test = await scene.startWatching();
    await scene.server.stop();
    await until(() => test.clock.sleeping.size === 2);
    test.clock.wake();
    await until(() => test.clock.sleeping.size === 2 && test.clock.pauses.length >= 4);
    await scene.server.start();
    test.clock.time += 5000;
    // Only one of the two pauses ends by itself.
    const [first] = test.clock.sleeping;
    first?.fire();
    await until(() => scene.server.watches.size === 2);
  });
});

describe('a server that is back after an outage', () => {
  /** Away until each kind has failed six times; then back. */
  const beAway = async (test: SourceUnderTest, meanwhile: () => void): Promise<void> => {
    // Both watches have lasted long enough to be in order.
    test.clock.expire(5000, 5000);
    await scene.server.stop();
    await until(() => test.clock.sleeping.size === 2);
    // The first break is resumed at once, and not counted.
    for (let i = 0; i < 6; i++) {
      const before = test.clock.pauses.length;
      test.clock.wake();
      await until(() => test.clock.pauses.length >= before + 2 && test.clock.sleeping.size === 2);
    }
    meanwhile();
    scene.server.requests.length = 0;
    await scene.server.start();
    test.clock.wake();
    await until(() => scene.server.watches.size === 2);
  };
  const lists = (): (string | null)[] =>
    scene.server.requestsOf(SERVICES, false).map(({ query }) => query.get('limit'));

  it('is asked for what has changed, and lists nothing anew', async () => {
    for (const name of ['a', 'b']) scene.server.put(SERVICES, service(name), true);
    const test = await scene.startWatching();
    test.events.length = 0;
    await beAway(test, () => scene.server.put(SERVICES, service('c')));
    await until(() => serviceEvents(test).length === 1);
    expect(serviceEvents(test)).toEqual(['+ shop/c']);
    // One object, to see how far the server is.
    expect(lists()).toEqual(['1']);
  });

  it('lists anew where it has gone back in time', async () => {
    for (const name of ['a', 'b']) scene.server.put(SERVICES, service(name), true);
    const test = await scene.startWatching();
    test.events.length = 0;
    await beAway(test, () => {
      scene.server.remove(SERVICES, 'shop', 'b', true);
      scene.server.resourceVersion = 50;
    });
    await until(() => serviceEvents(test).length === 1);
    expect(serviceEvents(test)).toEqual(['- shop/b']);
    expect(lists()).toEqual(['1', '1000']);
  });

  it('lists anew where it has refused watches all the while', async () => {
    const test = await scene.startWatching();
    const stop = scene.server.always(isServiceWatch, refuse(500, 'no'));
    test.clock.expire(5000, 5000);
    scene.server.watchesOf(SERVICES)[0]?.response.end();
    for (let i = 1; i <= 5; i++) {
      await until(() => test.clock.pauses.length === i && test.clock.sleeping.size === 1);
      if (i === 5) stop();
      test.clock.wake();
    }
    await until(() => scene.server.watches.size === 2);
    expect(lists()).toEqual(['1000', '1000']);
  });
});

describe('trouble that is with the server', () => {
  /** Both kinds are refused for long; then one pause ends by itself. */
  const refusedForLong = async (code: number): Promise<void> => {
    const stop = scene.server.always(isAny, refuse(code, 'no'));
    const test = scene.start();
    for (let i = 1; i <= 5; i++) {
      await until(() => test.clock.pauses.length === 2 * i && test.clock.sleeping.size === 2);
      if (i < 5) test.clock.wake();
    }
    stop();
    test.clock.time += 5000;
    const [first] = test.clock.sleeping;
    first?.fire();
  };

  it.each([500, 503, 401])('(%i) is over for every kind as soon as it is for one', async (code) => {
    await refusedForLong(code);
    await until(() => scene.server.watches.size === 2);
  });

  it('is not taken for over by a watch that is accepted and ended at once', async () => {
    scene.server.always(
      ({ isWatch }) => isWatch,
      (_, response) => !!response.writeHead(200).end(),
    );
    const test = scene.start();
    await until(() => test.clock.pauses.length === 2);
    for (let i = 3; i < 10; i++) {
      test.clock.time += 5000;
      const [first] = test.clock.sleeping;
      first?.fire();
      await until(() => test.clock.sleeping.size === 2);
      expect(test.clock.pauses).toHaveLength(i);
    }
  });
});

describe('stop', () => {
  it.each([
    [
      'while watching',
      (): void => undefined,
      (test: SourceUnderTest) => until(() => test.source.isSynced() && scene.server.watches.size === 2),
    ],
    [
      'in a pause',
      (): void => void scene.server.always(isAny, refuse(500, 'away')),
      (test: SourceUnderTest) => until(() => test.clock.sleeping.size === 2),
    ],
    [
      'while the server does not answer',
      (): void => void scene.server.always(isAny, () => true),
      () => until(() => scene.server.requests.length === 2),
    ],
    [
      'in the middle of a list',
      (): void => void scene.server.always(isServiceList, (_, response) => response.write('{"items":[{')),
      (test: SourceUnderTest) =>
        until(() => test.events.includes('synced Namespace') && scene.server.watches.size === 1),
    ],
  ])('%s leaves nothing open', async (_, prepare, reach) => {
    prepare();
    const test = scene.start();
    await reach(test);
    await test.source.stop();
    await until(() => scene.server.connections === 0);
    expect(test.clock.sleeping.size).toBe(0);
    expect(test.clock.deadlines.size).toBe(0);
    const seen = scene.server.requests.length;
    scene.server.bookmark(SERVICES);
    await new Promise(setImmediate);
    expect(scene.server.requests).toHaveLength(seen);
    expect(test.lines.filter((line) => line.includes('aborted'))).toEqual([]);
  });
});
