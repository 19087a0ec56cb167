import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '#dns/decode.ts';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import {
  type Clock,
  Generations,
  type PluginDefinition,
  type Services,
  SharedResources,
  systemClock,
} from '#plugin/index.ts';
import { RecordingSink } from '#plugin/testing.ts';
import { PLUGINS } from '#plugins/index.ts';
import { dnsEvents } from '#server/dns-events.ts';
import { DnsServer } from '#server/lifecycle.ts';
import { ask, type Endpoint, exchangeTcp, exchangeUdp, type QueryOptions } from './dns-client.ts';

export interface TestServerOptions {
  /** Blocks without a port get a free one. */
  readonly corefile: string;
  /** A directory of manifests in place of an API server. */
  readonly manifests?: string;
  /** Kubernetes objects, written to a directory of manifests. */
  readonly objects?: readonly unknown[];
  readonly services?: Partial<Services>;
  /** Plugins in front of those that are built in. */
  readonly plugins?: readonly PluginDefinition[];
  /** 0: no reply is remembered. */
  readonly memoryOctets?: number;
  /** How UDP is listened to: by dgram, or by the listener threads that `npm run build` has made. Left out: by dgram. */
  readonly udp?: UdpListener;
  /** Monotonic ms in its first number, in place of the machine's clock, for all threads: shared memory. */
  readonly clock?: Float64Array;
  /** Waited for when the sockets are open. */
  readonly listening?: () => void;
  /** Waited for before the listeners take no more. */
  readonly retiring?: () => Promise<void>;
}

export type UdpListener = 'batch' | 'dgram';
/** What a test of the listeners is run with. */
export const UDP_LISTENERS: readonly UdpListener[] = ['batch', 'dgram'];

/** The listener threads' program. */
const THREAD_SCRIPT = new URL('../../dist/listener-thread.js', import.meta.url);
/** What the wall clock shows when a clock of a test's own shows 0. */
const WALL_ZERO_MS = 1_700_000_000_000;

const clockOf = (clock: Float64Array): Clock => ({
  monotonicMs: () => clock[0] as number,
  wallMs: () => WALL_ZERO_MS + (clock[0] as number),
});

/** A whole server in this process, on real sockets of 127.0.0.1. */
export interface TestServer extends Endpoint {
  readonly server: DnsServer;
  readonly udp: UdpListener;
  readonly services: Services;
  readonly logLines: readonly string[];
  /** Directory of manifests, '' where there is none. */
  readonly manifests: string;
  query(name: string, type: string, options?: QueryOptions): Promise<Message>;
  exchange(bytes: Uint8Array, transport: 'udp' | 'tcp', timeoutMs?: number): Promise<Buffer | null>;
  /** Replaces the Corefile and reloads; null where it worked. */
  reload(corefile: string): Promise<Error | null>;
  stop(): Promise<void>;
}

/** Starts a server with this Corefile. HTTP endpoints that are busy are warnings. Rejects with what the server says of its configuration. */
export const startServer = async (options: TestServerOptions): Promise<TestServer> => {
  let text = options.corefile;
  const place = options.objects === undefined ? '' : mkdtempSync(join(tmpdir(), 'cluster-dns-objects-'));
  if (place !== '')
    writeFileSync(
      join(place, 'objects.json'),
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: options.objects }),
    );
  const manifests = options.manifests ?? place;
  const sink = new RecordingSink();
  const services: Services = {
    metrics: new Metrics(),
    log: new Log(sink),
    generations: new Generations(),
    shared: new SharedResources(),
    clock: options.clock === undefined ? systemClock : clockOf(options.clock),
    random: Math.random,
    manifestDirectories: manifests === '' ? [] : [manifests],
    isLenient: true,
    version: 'test',
    revision: '',
    configuration: { file: 'Corefile', read: async () => text },
    reload: () => server.reload(),
    fatal: (message) => void sink.write('fatal', '', message),
    ...options.services,
  };
  const { udp = 'dgram' } = options;
  const server = new DnsServer({
    plugins: [...(options.plugins ?? []), ...PLUGINS],
    services,
    events: dnsEvents(services.metrics),
    defaultPort: 0,
    defaultHosts: ['127.0.0.1'],
    fileName: 'Corefile',
    ...(options.retiring === undefined ? {} : { retiring: options.retiring }),
    ...(options.memoryOctets === undefined ? {} : { memoryOctets: options.memoryOctets }),
    udp: {
      mode: udp,
      threadScript: THREAD_SCRIPT,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    },
  });
  const clean = (): void => {
    if (place !== '') rmSync(place, { recursive: true, force: true });
  };
  try {
    await server.start(options.listening);
  } catch (error) {
    clean();
    throw error;
  }
  const [first] = server.listening;
  const endpoint: Endpoint = {
    address: first?.host === '' ? '127.0.0.1' : (first?.host ?? ''),
    port: first?.port ?? 0,
  };
  return {
    ...endpoint,
    server,
    udp,
    services,
    logLines: sink.lines,
    manifests,
    query: (name, type, asked) => ask(endpoint, name, type, asked),
    exchange: (bytes, transport, timeoutMs) =>
      transport === 'tcp' ? exchangeTcp(endpoint, bytes) : exchangeUdp(endpoint, bytes, timeoutMs),
    reload: (corefile) => {
      text = corefile;
      return server.reload();
    },
    stop: async () => {
      await server.stop(false);
      clean();
    },
  };
};
