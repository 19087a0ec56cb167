import type { ServerResponse } from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import { ApiScene, isServiceList, isServiceWatch, paused, service, serviceEvents } from '#test/api-scene.ts';
import type { SeenRequest } from '#test/fake-api-server.ts';
import { envelope, writeEvent, writeList, writeMessage } from '#test/kube-protobuf.ts';
import { until } from '#test/until.ts';
import { KIND_SCHEMAS, STATUS } from '../protobuf/schema.ts';

const TYPE = 'application/vnd.kubernetes.protobuf';
const scene = ApiScene.use();
const { Service } = KIND_SCHEMAS;

/** Responses of the watches of Services that are open. */
let open: ServerResponse[] = [];
beforeEach(() => {
  open = [];
});

const object = (name: string, resourceVersion: string, annotations = {}): Record<string, unknown> => {
  const { metadata, spec } = service(name);
  return { metadata: { ...metadata, resourceVersion, annotations }, spec };
};
const event = (type: string, of: Record<string, unknown>): Buffer =>
  writeEvent(type, envelope('Service', writeMessage(of, Service)));
const status = (code: number, message: string): Buffer =>
  envelope('Status', writeMessage({ code, message, reason: '' }, STATUS));

const isWatchList = (request: SeenRequest): boolean =>
  isServiceWatch(request) && request.query.has('sendInitialEvents');

/** From now on Services are served in protobuf: a list of two pages, and watches that are written by the test. */
const serveProtobuf = (): void => {
  scene.server.always(isServiceList, ({ query }, response) => {
    const isFirst = !query.has('continue');
    const metadata = isFirst ? { resourceVersion: '5', continue: 'more' } : { resourceVersion: '5', continue: '' };
    response.writeHead(200, { 'content-type': TYPE });
    response.end(writeList(metadata, [object(isFirst ? 'a' : 'b', '3')], Service));
    return true;
  });
  scene.server.always(isServiceWatch, (_, response) => {
    response.writeHead(200, { 'content-type': `${TYPE};stream=watch` });
    response.flushHeaders();
    open.push(response);
    return true;
  });
};

describe('a server that speaks protobuf', () => {
  it('is asked for it, and listed page by page, then watched', async () => {
    serveProtobuf();
    const test = scene.start();
    await until(() => test.source.isSynced() && open.length === 1);
    expect(serviceEvents(test)).toEqual(['+ shop/a', '+ shop/b']);
    expect(test.changes.find((change) => change.type === 'set' && change.object.name === 'a')).toMatchObject({
      object: { kind: 'Service', namespace: 'shop', resourceVersion: '3', clusterIPs: ['10.96.0.1'] },
    });
    const stream = Buffer.concat([event('ADDED', object('c', '6')), event('DELETED', object('a', '7'))]);
    open[0]?.write(stream.subarray(0, 33));
    open[0]?.write(stream.subarray(33));
    await until(() => serviceEvents(test).length === 4);
    expect(serviceEvents(test).slice(2)).toEqual(['+ shop/c', '- shop/a']);
  });

  it('may begin a watch with all objects', async () => {
    scene.server.canWatchList = true;
    serveProtobuf();
    const test = scene.start();
    await until(() => open.length === 1);
    expect(scene.server.requests.filter(isWatchList)).toHaveLength(1);
    open[0]?.write(event('ADDED', object('a', '3')));
    await until(() => serviceEvents(test).length === 1);
    expect(test.source.isSynced()).toBe(false);
    open[0]?.write(event('BOOKMARK', object('', '9', { 'k8s.io/initial-events-end': 'true' })));
    await until(() => test.source.isSynced());
    expect(scene.server.requestsOf('/api/v1/services', false)).toEqual([]);
  });

  it('tells in a Status why it refuses', async () => {
    scene.server.always(isServiceList, (_, response) => {
      response.writeHead(403, { 'content-type': TYPE });
      response.end(status(403, 'services is forbidden'));
      return true;
    });
    const test = scene.start();
    await paused(test);
    expect(test.lines).toEqual([expect.stringContaining('HTTP 403: services is forbidden')]);
  });

  it('is listed anew where the resourceVersion is too old', async () => {
    serveProtobuf();
    const test = scene.start();
    await until(() => test.source.isSynced() && open.length === 1);
    open[0]?.write(event('ADDED', object('c', '6')));
    await until(() => serviceEvents(test).length === 3);
    open[0]?.write(writeEvent('ERROR', status(410, 'too old resource version')));
    await until(() => open.length === 2);
    expect(serviceEvents(test)).toEqual(['+ shop/a', '+ shop/b', '+ shop/c', '- shop/c']);
  });

  it.each([
    ['a list', isServiceList, Buffer.from('k8s\0\x0a\xff\xff\xff\xff\x0f', 'latin1'), /list broken off: /],
    [
      'a list that is cut',
      isServiceList,
      writeList({}, [object('a', '3')], Service).subarray(0, 60),
      /list ended early/,
    ],
    ['an event', isServiceWatch, Buffer.from([0, 0, 0, 3, 0x12, 9, 9]), /watch event is not protobuf: /],
  ])('that sends nonsense for %s is said, and asked again', async (_, matches, octets, said) => {
    serveProtobuf();
    scene.server.once(matches, (_request, response) => {
      response.writeHead(200, { 'content-type': TYPE });
      response.end(octets);
      return true;
    });
    const test = scene.start();
    await paused(test);
    expect(test.lines).toEqual([expect.stringMatching(said)]);
    test.clock.wake();
    await until(() => test.source.isSynced() && open.length === 1);
  });
});
