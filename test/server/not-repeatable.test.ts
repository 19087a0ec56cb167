/** Answers that must be made anew each time, or told of each time, are: whatever else is remembered beside them. */
import { afterEach, describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from '#dns/decode.ts';
import { recordToText } from '#dns/record-text.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { Answer, definePlugin, failure, type PluginDefinition, type Query, RCODE, txtRecord } from '#plugin/index.ts';
import { encodeQuery } from '#test/dns-client.ts';
import { startServer, type TestServer, UDP_LISTENERS } from '#test/server.ts';
import { askMany } from './ask-many.ts';
import { rememberedOverUdp } from './counted.ts';

const TIMES = 20;
const LOCAL = '127.0.0.1';
const OTHER = '127.0.0.2';
const NGINX = 'nginx.default.svc.cluster.local.';
const HELLO = 'hello-world.default.svc.cluster.local.';

/** Answers every query with how many there have been, as what depends on metadata of a query might. */
const counter = definePlugin({
  name: 'counter',
  setup: () => {
    let count = 0;
    const handle = ({ request }: Query) =>
      new Answer({ answer: [txtRecord(request.question.name, 30, [String(++count)])] });
    return { handle };
  },
});

/** Refuses whoever asks from OTHER. It does not say that its answers may be repeated. */
const gate = definePlugin({
  name: 'gate',
  setup: () => ({ handle: (query, next) => (query.peer.address === OTHER ? failure(RCODE.REFUSED) : next(query)) }),
});

/** The same, for the Service nginx only, and it says so for each query. */
const narrowGate = definePlugin({
  name: 'narrowgate',
  isRepeatable: true,
  setup: () => ({
    handle: (query, next) => {
      if (!query.name.startsWith('\x05nginx')) return next(query);
      query.provenance.forbid();
      return query.peer.address === OTHER ? failure(RCODE.REFUSED) : next(query);
    },
  }),
});

/** Stands for the plugin that chooses between server blocks by anything about a query. */
const view = definePlugin({
  name: 'view',
  isRepeatable: true,
  setup: () => ({ handle: (query, next) => next(query) }),
});

let server: TestServer | null = null;
afterEach(() => server?.stop());

describe.each(UDP_LISTENERS)('UDP by %s', (udp) => {
  const start = async (corefile: string, ...plugins: readonly PluginDefinition[]): Promise<TestServer> => {
    server = await startServer({ udp, plugins, corefile, manifests: 'examples' });
    return server;
  };

  const ask = async (to: TestServer, name: string, type = 'A', from = LOCAL): Promise<string> => {
    const [reply] = await askMany(to, 'udp', [encodeQuery(name, type)], from);
    const { rcode, answer } = decodeMessage(reply as Buffer) as Message;
    const data = answer.map((record) => recordToText(record).split(' ').slice(4).join(' '));
    return [rcodeName(rcode), ...data.sort()].join(' ');
  };

  it('each query is logged where there is a log, and the others are remembered', async () => {
    const to = await start(`default.svc.cluster.local {
        log
        kubernetes cluster.local
        cache 30
      }
      test {
        hosts {
          192.0.2.7 inline.test
        }
        cache 30
      }`);
    const logged = () => to.logLines.filter((line) => line.includes(` IN ${NGINX} `)).length;
    const first = await ask(to, NGINX);
    expect(first).toMatch(/^NOERROR 10\./);
    for (let i = 2; i <= TIMES; i++) {
      expect(await ask(to, NGINX)).toBe(first);
      expect(await ask(to, 'inline.test.')).toBe('NOERROR 192.0.2.7');
      expect(logged()).toBe(i);
    }
    expect(await rememberedOverUdp(to)).toBeGreaterThan(TIMES / 2);
    expect(to.logLines.filter((line) => line.includes('inline.test'))).toEqual([]);
  });

  it('a plugin that says nothing of repeating is asked each time', async () => {
    const to = await start('. {\n counter\n}', counter);
    for (let i = 1; i <= TIMES; i++) expect(await ask(to, 'any.test.', 'TXT')).toBe(`NOERROR "${i}"`);
    expect(await rememberedOverUdp(to)).toBe(0);
  });

  it.each([
    ['that says nothing of repeating', gate],
    ['that forbids it for a query', narrowGate],
  ])('what a plugin %s decides by the address of the client is decided for each', async (_title, plugin) => {
    const to = await start(`. {\n ${plugin.name}\n kubernetes cluster.local\n cache 30\n loadbalance\n}`, plugin);
    const answer = await ask(to, NGINX);
    for (let i = 0; i < TIMES; i++) {
      expect(await ask(to, NGINX, 'A', OTHER)).toBe('REFUSED');
      expect(await ask(to, NGINX)).toBe(answer);
    }
    expect(await rememberedOverUdp(to)).toBe(0);
    for (let i = 0; i < TIMES; i++) await ask(to, HELLO);
    expect((await rememberedOverUdp(to)) > 0).toBe(plugin === narrowGate);
  });

  it('nothing is remembered at an address where one block has a view', async () => {
    const to = await start(
      '. {\n kubernetes cluster.local\n cache 30\n}\nother.test {\n view\n kubernetes cluster.local\n}',
      view,
    );
    const answer = await ask(to, NGINX);
    for (let i = 0; i < TIMES; i++) expect(await ask(to, NGINX)).toBe(answer);
    expect(await rememberedOverUdp(to)).toBe(0);
  });
});
