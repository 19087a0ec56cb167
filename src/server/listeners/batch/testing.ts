import { readdirSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { nameFromText } from '#dns/name.ts';
import { Log } from '#log/log.ts';
import type { BlockInfo, Query, Reply, Services } from '#plugin/index.ts';
import { RecordingSink, testServices } from '#plugin/testing.ts';
import type { Endpoint } from '#test/dns-client.ts';
import { ServerGroup } from '../../server-group.ts';
import { DgramQueries } from '../dgram-queries.ts';
import type { Listener } from '../listener.ts';
import { UdpCounts } from '../udp-counts.ts';
import { UdpListeners, type UdpOptions } from '../udp-listeners.ts';

/** What `npm run build` makes. */
export const THREAD_SCRIPT = new URL('../../../../dist/listener-thread.js', import.meta.url);
const HASH_SEED = 7;
const block: BlockInfo = {
  keys: [],
  zones: [],
  pluginNames: [],
  settings: { listenHosts: [], isDebug: false },
  instances: new Map(),
  index: 0,
};

export type Chain = (query: Query) => Reply | Promise<Reply>;

/** One zone, the root, answered by this chain; what does not forbid it is remembered at once. */
export const groupOf = (chain: Chain, services: Services, memoryOctets = 1_000_000): ServerGroup =>
  new ServerGroup('dns://127.0.0.1:53', [{ zone: nameFromText('.'), block, chain }], {
    services,
    events: { dropped: () => undefined, panic: () => undefined },
    memoryOctets,
    hashSeed: HASH_SEED,
  });

export interface BatchOptions {
  readonly threads?: number;
  readonly host?: string;
  readonly memoryOctets?: number;
  readonly mode?: UdpOptions['mode'];
  readonly threadScript?: URL;
}

/** A listener on listener threads, with no server around it. */
export interface TestBatch extends Endpoint {
  readonly listeners: UdpListeners;
  readonly listener: Listener;
  readonly services: Services;
  readonly lines: readonly string[];
  /** The workers of all threads that were ever started, in their order. */
  readonly workers: readonly Worker[];
  /** Sum of a metric `cluster_dns_udp_NAME` over its threads. */
  count(name: string): Promise<number>;
  close(): Promise<void>;
}

/** What dgram listeners share, with no process around it. */
export const testDgramQueries = (services: Pick<Services, 'metrics' | 'clock'> = testServices()): DgramQueries =>
  new DgramQueries(services, new UdpCounts(services.metrics));

/** Listeners without an address, in the mode `batch` unless another is asked for. */
export const testListeners = ({ mode = 'batch', threadScript }: BatchOptions = {}) => {
  const sink = new RecordingSink();
  const services = testServices({ log: new Log(sink) });
  const workers: Worker[] = [];
  // Node.js tells of each worker, so no door is needed to the threads' own.
  const noteWorker = (worker: Worker): void => void workers.push(worker);
  process.on('worker', noteWorker);
  const listeners = new UdpListeners(
    { mode, threadScript: threadScript ?? THREAD_SCRIPT },
    { services, hashSeed: HASH_SEED },
  );
  const close = async (): Promise<void> => {
    await listeners.close();
    process.off('worker', noteWorker);
  };
  return { listeners, services, lines: sink.lines, workers, close };
};

/** Opens an address and serves it with this chain. */
export const startBatch = async (chain: Chain, options: BatchOptions = {}): Promise<TestBatch> => {
  const { host = '127.0.0.1', threads = 1 } = options;
  const { listeners, services, lines, workers, close } = testListeners(options);
  await listeners.prepare(threads);
  const listener = await listeners.open({ host, port: 0 });
  listener.serve(groupOf(chain, services, options.memoryOctets));
  return {
    address: host || '127.0.0.1',
    port: listener.port,
    listeners,
    listener,
    services,
    lines,
    workers,
    count: async (name) => {
      const text = await services.metrics.render();
      const values = [...text.matchAll(new RegExp(`^cluster_dns_udp_${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))];
      return values.reduce((sum, [, value]) => sum + Number(value), 0);
    },
    close: async () => {
      await listener.close();
      await close();
    },
  };
};

/** Open descriptors and threads of this process. */
export const processCounts = (): { readonly descriptors: number; readonly threads: number } => ({
  descriptors: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
});
