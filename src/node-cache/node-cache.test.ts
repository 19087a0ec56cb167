import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { until } from '#test/until.ts';
import type { Link } from './link/link.ts';
import { NodeCacheMetrics } from './metrics.ts';
import { NodeCache } from './node-cache.ts';
import type { Bypass } from './rules/bypass.ts';
import type { NodeCacheSettings } from './settings.ts';

let server: Socket | null = null;
afterEach(() => void server?.close());

/** Something that answers on the cache's address; gives its port. */
const openServer = async (): Promise<number> => {
  const socket = createSocket('udp4');
  server = socket;
  socket.on('message', (query, { port, address }) => socket.send(query, port, address));
  socket.bind(0, '127.0.0.9');
  await once(socket, 'listening');
  return socket.address().port;
};

interface Failing {
  readonly link?: Error;
  readonly rules?: Error;
  /** Looked at each time that queries are to come to the cache. */
  alive?: Error | undefined;
}

/** A node cache between a link and rules that only tell what is done with them. */
const scene = async (failing: Failing = {}, settings: Partial<NodeCacheSettings> = {}) => {
  const steps: string[] = [];
  const step = async (name: string, error?: Error): Promise<void> => {
    steps.push(name);
    if (error !== undefined) throw error;
  };
  const link: Link = {
    setUp: async () => {
      await step('link', failing.link);
      return 'loopback';
    },
    repair: async () => [],
    onChange: () => undefined,
    undo: () => step('undo link'),
    remove: () => step('remove link'),
    close: () => void steps.push('close link'),
  };
  const bypass: Bypass = {
    setUp: () => step('rules', failing.rules),
    keepAlive: (addresses) => step(`alive ${addresses.map(({ address }) => address).join(' ')}`, failing.alive),
    repair: async () => [],
    onChange: () => undefined,
    drain: () => step('drain'),
    tearDown: () => step('tear down'),
    undo: () => step('undo rules'),
  };
  const metrics = new Metrics();
  const node = new NodeCache({
    settings: {
      addresses: [{ address: '127.0.0.9', family: 4 }],
      dnsPort: await openServer(),
      rules: 'nftables',
      interfaceName: 'nodelocaldns',
      syncMs: 60_000,
      skipTeardown: false,
      ...settings,
    } as NodeCacheSettings,
    link,
    bypass,
    metrics: new NodeCacheMetrics(metrics),
    log: new Log({ write: () => undefined, flush: async () => undefined }),
  });
  return { node, steps, metrics, step };
};

describe('a node cache', () => {
  it('has its addresses before the server starts, and is alive once that answers', async () => {
    const { node, steps, step, metrics } = await scene();
    await node.start(async (link) => {
      await link;
      await step('serve');
    });
    expect(steps.slice(0, 3)).toEqual(['link', 'rules', 'serve']);
    expect(steps.slice(3)).toEqual(['alive 127.0.0.9']);
    expect(await metrics.render()).toContain('cluster_dns_nodecache_alive{address="127.0.0.9"} 1');
    await node.stop();
  });

  it('is announced once queries come to it, and takes all back where that fails', async () => {
    const { node, steps } = await scene();
    await node.start(
      async () => undefined,
      () => void steps.push('announced'),
    );
    expect(steps.slice(0, 4)).toEqual(['link', 'rules', 'alive 127.0.0.9', 'announced']);
    await node.stop();
    const other = await scene();
    const failing = (): never => {
      throw new Error('no such file');
    };
    await expect(other.node.start(async () => undefined, failing)).rejects.toThrow('no such file');
    expect(other.steps.slice(3)).toEqual(['undo rules', 'undo link', 'close link']);
  });

  it('tells that queries go past it while they can not be brought to it', async () => {
    const failing: Failing = {};
    const { node, metrics } = await scene(failing);
    const tells = (value: 0 | 1): Promise<void> =>
      until(async () => (await metrics.render()).includes(`cluster_dns_nodecache_alive{address="127.0.0.9"} ${value}`));
    await node.start(async () => undefined);
    await tells(1);
    failing.alive = new Error('no');
    await tells(0);
    failing.alive = undefined;
    await tells(1);
    await node.stop();
  });

  it('turns queries away before the server ends, and takes its rules out after that', async () => {
    const { node, steps, step } = await scene();
    await node.start(async () => undefined);
    steps.length = 0;
    await node.drain();
    await step('server ends');
    await node.stop();
    expect(steps).toEqual(['drain', 'server ends', 'tear down', 'close link']);
  });

  it('leaves everything where teardown is to be skipped', async () => {
    const { node, steps } = await scene({}, { skipTeardown: true });
    await node.start(async () => undefined);
    steps.length = 0;
    await node.drain();
    await node.stop();
    expect(steps).toEqual(['close link']);
  });

  it.each([
    [
      'the link',
      { link: new Error('no') },
      ['link', 'rules', 'undo rules', 'undo link', 'close link'],
      'interface_add',
    ],
    ['the rules', { rules: new Error('no') }, ['link', 'rules', 'undo rules', 'undo link', 'close link'], 'iptables'],
  ])('takes all back where %s can not be set up', async (_, failing, expected, type) => {
    const { node, steps, metrics } = await scene(failing);
    await expect(node.start(async () => undefined)).rejects.toThrow('no');
    await node.stop();
    expect(steps.slice(0, expected.length)).toEqual(expected);
    expect(steps).not.toContain('tear down');
    expect(await metrics.render()).toContain(`coredns_nodecache_setup_errors_total{errortype="${type}"} 1`);
  });

  it('takes all back where the server does not start', async () => {
    const { node, steps } = await scene();
    await expect(node.start(() => Promise.reject(new Error('port taken')))).rejects.toThrow('port taken');
    expect(steps).toEqual(['link', 'rules', 'undo rules', 'undo link', 'close link']);
  });
});
