/** An answer is never older than what the server had applied, or somebody been answered with, before the query was sent. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { definePlugin, Generations, mapReply, type PluginDefinition, type Reply } from '#plugin/index.ts';
import { encodeQuery, exchangeTcp } from '#test/dns-client.ts';
import { FakeApiServer, SERVICES, SLICES } from '#test/fake-api-server.ts';
import { startServer, type TestServer, type UdpListener } from '#test/server.ts';
import { until } from '#test/until.ts';
import { fill, isAbsent, NOTHING, OBJECTS, QUESTIONS, versionIn } from './churn/changing.ts';
import { LoadProgram } from './churn/load-program.ts';
import { LoadThread } from './churn/load-thread.ts';
import { rememberedOverUdp } from './counted.ts';

const CHANGES = 200;
let program: LoadProgram;
beforeAll(async () => {
  program = await LoadProgram.build();
});
afterAll(() => program?.remove());

/** Tells of the next change that is applied. */
class WatchedGenerations extends Generations {
  whenApplied: (() => void) | null = null;

  override bump(slot: number): void {
    super.bump(slot);
    const { whenApplied } = this;
    this.whenApplied = null;
    // All of a change is applied in the turn that it begins in: what that turn does not reach is a fault.
    if (whenApplied !== null) queueMicrotask(whenApplied);
  }
}

interface Scene {
  readonly generations: WatchedGenerations;
  readonly api: FakeApiServer;
  readonly server: TestServer;
  readonly load: LoadThread;
}

const withScene = async <T>(
  udp: UdpListener,
  corefile: string,
  plugins: readonly PluginDefinition[],
  use: (scene: Scene) => Promise<T>,
): Promise<T> => {
  const api = new FakeApiServer();
  await api.start();
  fill(api);
  const generations = new WatchedGenerations();
  const services = { generations };
  const server = await startServer({ udp, plugins, services, corefile: corefile.replace('API', api.url) });
  const load = new LoadThread(program.url, server.port);
  try {
    await until(() => api.watchesOf(SERVICES).length === 1 && api.watchesOf(SLICES).length === 1);
    return await use({ api, generations, server, load });
  } finally {
    // Where the test has failed before it asked for the report, the load still runs.
    await Promise.allSettled([load.stop()]);
    await server.stop();
    await api.stop();
  }
};

const corefile = (more: string): string => `. {
  errors
  multisocket 2
  ${more}
  kubernetes cluster.local in-addr.arpa {
    endpoint API
    ttl 30
  }
  loadbalance
}`;

/** Asks over TCP until it is answered with the object's version. */
const seeOverTcp = async ({ server, load: { watermarks } }: Scene, object: number, version: number): Promise<void> => {
  const { name, type } = QUESTIONS.find((question) => question.object === object) as (typeof QUESTIONS)[number];
  await until(async () => {
    const least = watermarks.seen(object);
    const found = versionIn((await exchangeTcp(server, encodeQuery(name, type))) as Buffer);
    expect(watermarks.judge(object, least, found)).toBe('');
    return found === (isAbsent(version) ? NOTHING : version);
  });
};

/** Changes one object after the other under the load; gives what it has found. */
const churn = async (scene: Scene, changes: number, judgedEach: number) => {
  const { api, generations, server, load } = scene;
  const judgeMore = (): Promise<void> => {
    const judgedBefore = load.judged;
    return until(() => load.judged >= judgedBefore + judgedEach);
  };
  for (let change = 0; change < changes; change++) {
    await judgeMore();
    const object = change % OBJECTS.length;
    const version = Math.floor(change / OBJECTS.length) + 1;
    load.watermarks.put(object, version);
    generations.whenApplied = () => load.watermarks.see(object, version);
    OBJECTS[object]?.put(api, version);
    await seeOverTcp(scene, object, version);
  }
  await judgeMore();
  const { faults, lost } = await load.stop();
  return { faults, lost, judged: load.judged, remembered: await rememberedOverUdp(server) };
};

// `judgedEach`: replies between two changes, enough for each question, in each variant, to be remembered again by each thread.
describe.each([
  { udp: 'batch', more: 'cache 30', judgedEach: 600 },
  { udp: 'batch', more: '', judgedEach: 600 },
  { udp: 'dgram', more: 'cache 30', judgedEach: 300 },
] as const)('under load and changes, UDP by $udp, "$more",', ({ udp, more, judgedEach }) => {
  it(`nobody is answered with what one of ${CHANGES} changes had replaced`, { timeout: 120_000 }, async () => {
    const { faults, lost, judged, remembered } = await withScene(udp, corefile(more), [], (scene) =>
      churn(scene, CHANGES, judgedEach),
    );
    expect({ faults, lost }).toEqual({ faults: [], lost: 0 });
    expect(judged).toBeGreaterThanOrEqual(CHANGES * judgedEach);
    // Else it was not the memory that this was about.
    expect(remembered).toBeGreaterThan(judged / 2);
  });
});

it('an answer that is too old is found', { timeout: 60_000 }, async () => {
  const stale = definePlugin({
    name: 'stale',
    setup: () => {
      const first = new Map<string, Reply>();
      return {
        handle: (query, next) => {
          if (query.transport === 'tcp') return next(query);
          const key = `${query.name}/${query.type}`;
          const known = first.get(key);
          if (known !== undefined) return known;
          return mapReply(next(query), (reply) => {
            first.set(key, reply);
            return reply;
          });
        },
      };
    },
  });
  const { faults } = await withScene('batch', corefile('stale'), [stale], (scene) => churn(scene, 2, 600));
  expect(faults).toContainEqual(
    expect.stringContaining('object 0: version 0 to a query that was sent after 1 was seen'),
  );
});
