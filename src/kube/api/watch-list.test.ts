import { describe, expect, it } from 'vitest';
import { ApiScene, isServiceList, isServiceWatch, paused, service, serviceEvents } from '#test/api-scene.ts';
import { refuse, SERVICES, type SeenRequest } from '#test/fake-api-server.ts';
import { until } from '#test/until.ts';

const scene = ApiScene.use();
const isAllObjects = (request: SeenRequest): boolean =>
  isServiceWatch(request) && request.query.has('sendInitialEvents');

/** A line of a watch. */
const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;

const TOO_OLD = line('ERROR', { kind: 'Status', code: 410, message: 'too old' });

describe('a watch that begins with all objects', () => {
  it('takes the place of the list, and goes on with changes', async () => {
    scene.server.canWatchList = true;
    for (const name of ['a', 'b']) scene.server.put(SERVICES, service(name), true);
    const test = await scene.startWatching();
    expect(serviceEvents(test)).toEqual(['+ shop/a', '+ shop/b']);
    scene.server.put(SERVICES, service('c'));
    await until(() => serviceEvents(test).length === 3);
    expect(scene.server.requestsOf(SERVICES, false)).toEqual([]);
    expect(scene.server.requestsOf(SERVICES, true).map(({ query }) => Object.fromEntries(query))).toMatchObject([
      { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' },
    ]);
  });

  it('is not tried again where the server refuses it, and nobody is told', async () => {
    const test = await scene.startWatching();
    expect(scene.server.watchListsRefused).toBeLessThanOrEqual(2);
    const refused = scene.server.watchListsRefused;
    scene.server.put(SERVICES, service('a'));
    scene.server.send(SERVICES, TOO_OLD);
    await until(() => scene.server.requestsOf(SERVICES, false).length === 2);
    expect(scene.server.watchListsRefused).toBe(refused);
    expect(test.lines.filter((text) => text.includes('sendInitialEvents'))).toEqual([]);
  });

  it('is not tried again where the server accepts it and refuses it in an event, and costs no pause', async () => {
    scene.server.canWatchList = true;
    scene.server.always(isAllObjects, (_, response) => {
      response.writeHead(200);
      response.end(line('ERROR', { kind: 'Status', code: 500, message: 'RequestWatchProgress is disabled' }));
      return true;
    });
    const test = await scene.startWatching();
    expect(scene.server.requests.filter(isAllObjects)).toHaveLength(1);
    expect(test.clock.pauses).toEqual([]);
    expect(test.lines).toEqual([]);
  });

  it('is no sync before the bookmark that ends the objects, and takes changes on the way', async () => {
    scene.server.canWatchList = true;
    scene.server.once(isAllObjects, (request, response) => {
      response.writeHead(200);
      scene.server.watches.add({ request, response });
      response.write(line('ADDED', service('a')));
      response.write(line('ADDED', service('b')));
      response.write(line('BOOKMARK', { metadata: { resourceVersion: '150' } }));
      response.write(line('DELETED', service('a')));
      return true;
    });
    const test = scene.start();
    await until(() => serviceEvents(test).length === 3);
    expect(test.source.isSynced()).toBe(false);
    scene.server.endObjects(SERVICES);
    await until(() => test.source.isSynced());
    expect(serviceEvents(test)).toEqual(['+ shop/a', '+ shop/b', '- shop/a']);
  });

  it('begins with all objects again where it breaks before their end', async () => {
    scene.server.canWatchList = true;
    scene.server.put(SERVICES, service('a'), true);
    scene.server.once(isAllObjects, (_, response) => {
      response.writeHead(200);
      response.write(line('ADDED', service('a')), () => response.socket?.resetAndDestroy());
      return true;
    });
    const test = scene.start();
    await paused(test);
    expect(test.source.isSynced()).toBe(false);
    expect(test.lines).toEqual([expect.stringMatching(/^warning: failed to list Services: /)]);
    // The way that failed is not the next one to be tried.
    test.clock.wake();
    await until(() => test.source.isSynced());
    expect(scene.server.requestsOf(SERVICES, false)).toHaveLength(1);
  });

  it('gives way to a list where it fails, and is tried again after the list has failed, too', async () => {
    scene.server.canWatchList = true;
    scene.server.once(isAllObjects, refuse(500, 'no bookmarks today'));
    scene.server.once(isServiceList, refuse(500, 'no lists today'));
    const test = scene.start();
    await paused(test);
    test.clock.wake();
    await until(() => scene.server.requestsOf(SERVICES, false).length === 1 && test.clock.sleeping.size > 0);
    test.clock.wake();
    await until(() => test.source.isSynced());
    expect(scene.server.requests.filter(isAllObjects)).toHaveLength(2);
  });

  it('gives of a second time only what is new and what is gone', async () => {
    scene.server.canWatchList = true;
    for (const name of ['a', 'b', 'c']) scene.server.put(SERVICES, service(name), true);
    const test = await scene.startWatching();
    scene.server.put(SERVICES, service('d'));
    for (const name of ['a', 'b']) scene.server.remove(SERVICES, 'shop', name, true);
    scene.server.send(SERVICES, TOO_OLD);
    await until(() => serviceEvents(test).length === 6);
    expect(serviceEvents(test).slice(4)).toEqual(['- shop/a', '- shop/b']);
    scene.server.put(SERVICES, service('a'));
    await until(() => serviceEvents(test).length === 7);
    expect(serviceEvents(test)[6]).toBe('+ shop/a');
  });

  it('that stands still before the end of the objects is broken off', async () => {
    scene.server.canWatchList = true;
    scene.server.once(isAllObjects, (_, response) => {
      response.writeHead(200);
      response.write(line('ADDED', service('a')));
      return true;
    });
    const test = scene.start();
    await until(() => serviceEvents(test).length === 1 && test.events.includes('synced Namespace'));
    test.clock.expire(30_000, 30_000);
    await paused(test);
    expect(test.lines).toEqual([expect.stringMatching(/the list stood still for 30000 ms/)]);
  });
});
