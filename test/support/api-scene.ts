import { afterEach, beforeEach } from 'vitest';
import { FakeApiServer, type FakeObject, SERVICES, type SeenRequest } from '#test/fake-api-server.ts';
import { type SourceUnderTest, startSource } from '#test/source-under-test.ts';
import { until } from '#test/until.ts';

/** Each watch has a deadline of at least this many ms. */
const SHORTEST_WATCH_MS = 300_000;

/** A Service, as an API server would give it. */
export const service = (name: string, clusterIP = '10.96.0.1'): FakeObject => ({
  metadata: { name, namespace: 'shop' },
  spec: { clusterIP },
});

export const isServiceList = (request: SeenRequest): boolean => request.path === SERVICES && !request.isWatch;
export const isServiceWatch = (request: SeenRequest): boolean => request.path === SERVICES && request.isWatch;

/** What a source gave of Services in the Namespace `shop`. */
export const serviceEvents = ({ events }: SourceUnderTest): string[] =>
  events.filter((event) => event.includes('shop/'));

/** Resolves when some kind pauses after a failure. */
export const paused = ({ clock }: SourceUnderTest): Promise<void> => until(() => clock.sleeping.size > 0, 'a pause');

/** A fake API server, and a source of Services and Namespaces at it; both end with the test. */
export class ApiScene {
  server = new FakeApiServer();
  #running: SourceUnderTest | null = null;

  /** Sets up and tears down around each test of the file. */
  static use(): ApiScene {
    const scene = new ApiScene();
    beforeEach(async () => {
      scene.server = new FakeApiServer();
      await scene.server.start();
    });
    afterEach(async () => {
      await scene.#running?.source.stop();
      await scene.server.stop();
    });
    return scene;
  }

  start(): SourceUnderTest {
    this.#running = startSource({ connection: { kind: 'endpoint', url: this.server.url } });
    return this.#running;
  }

  /** Started, listed, and both watches open at either end. */
  async startWatching(): Promise<SourceUnderTest> {
    const test = this.start();
    const open = (): number => [...test.clock.deadlines].filter(({ ms }) => ms >= SHORTEST_WATCH_MS).length;
    await until(() => test.source.isSynced() && this.server.watches.size === 2 && open() === 2, 'two watches');
    return test;
  }
}
