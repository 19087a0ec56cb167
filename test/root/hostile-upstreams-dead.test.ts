import { createSocket, type Socket } from 'node:dgram';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from '#dns/decode.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { ask, type Endpoint, encodeQuery } from '#test/dns-client.ts';
import { type Asked, answerA, FakeUpstream, type Script } from '#test/fake-upstream.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { labelsOf, outcomeOf, RIGHT } from './hostile-replies.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const serve = async (script?: Script): Promise<FakeUpstream> => {
  const fake = await FakeUpstream.open(script);
  closing.push(() => fake.close());
  return fake;
};
const silent: Script = () => undefined;
const isProbe = ({ message }: Asked): boolean => message.questions[0]?.type === 2;

interface Running extends Endpoint {
  readonly server: ServerProcess;
  sample(series: string): Promise<number>;
}

/** A server that forwards with these options, for all names, and remembers. */
const start = async (forward: string): Promise<Running> => {
  const endpoint = { address: '127.0.0.1', port: await freePort() };
  const metricsPort = await freePort();
  const stdin = `.:${endpoint.port} {
    bind 127.0.0.1
    prometheus 127.0.0.1:${metricsPort}
    cache
    forward . ${forward}
}
`;
  const server = await startProcess(['-conf', 'stdin', '-udp-listener', 'batch'], { stdin });
  closing.push(() => server.stop());
  const sample = async (series: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${series} `) || line.startsWith(`${series}{`));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  return { ...endpoint, server, sample };
};

/** Asks from many sockets, so that a burst of replies finds room, and counts the replies by RCODE. */
class Crowd {
  readonly #sockets: Socket[];
  readonly #endpoint: Endpoint;
  readonly rcodes = new Map<number, number>();
  sent = 0;

  constructor(endpoint: Endpoint, sockets: number) {
    this.#endpoint = endpoint;
    this.#sockets = Array.from({ length: sockets }, () => createSocket('udp4'));
    for (const socket of this.#sockets)
      socket.on('message', (bytes) => {
        const { rcode } = decodeMessage(bytes) as Message;
        this.rcodes.set(rcode, (this.rcodes.get(rcode) ?? 0) + 1);
      });
    closing.push(() => {
      for (const socket of this.#sockets) socket.close();
    });
  }

  get answered(): number {
    return [...this.rcodes.values()].reduce((sum, count) => sum + count, 0);
  }

  /** One query with a name of its own. */
  send(): void {
    const socket = this.#sockets[this.sent % this.#sockets.length] as Socket;
    const query = encodeQuery(`n${this.sent++}.crowd.example.`, 'A', { udpSize: 1232 });
    socket.send(query, this.#endpoint.port, this.#endpoint.address);
  }
}

describe('with all upstreams dead', () => {
  it('10,000 queries wait within bounds, remembered names are answered, and all is well when one is back', async () => {
    const QUERIES = 10_000;
    // With two attempts of 2 s each query waits for 4 s.
    const fake = await serve();
    const running = await start(fake.address);
    const { server, sample } = running;
    const remembered = async (): Promise<string> => outcomeOf(await ask(running, 'remembered.example.', 'A'));
    expect([await remembered(), await remembered(), await remembered()]).toEqual([RIGHT, RIGHT, RIGHT]);
    const before = server.residentMiB();
    fake.script = silent;
    const crowd = new Crowd(running, 60);
    const waiting = (): Promise<number> => sample('cluster_dns_forward_in_flight');
    let most = 0;
    while (crowd.sent < QUERIES) {
      for (let n = 0; n < 250; n++) crowd.send();
      // No more than what has arrived leaves room for, so that none is lost on the way there.
      await until(async () => {
        const now = await waiting();
        most = Math.max(most, now);
        return now + crowd.answered >= crowd.sent - 250;
      }, 'queries have arrived');
      expect(await remembered()).toBe(RIGHT);
    }
    expect(most).toBeLessThanOrEqual(8000);
    const grown = server.residentMiB() - before;
    await until(
      async () => {
        expect(await remembered()).toBe(RIGHT);
        return crowd.answered === QUERIES;
      },
      'every query is answered',
      30_000,
    );
    const refused = crowd.rcodes.get(RCODE.REFUSED) ?? 0;
    console.log(`${most} waited at most, ${refused} were refused, ${grown.toFixed(0)} MiB more in memory`);
    expect([...crowd.rcodes.keys()].every((rcode) => rcode === RCODE.REFUSED || rcode === RCODE.SERVFAIL)).toBe(true);
    expect(refused).toBe(await sample('coredns_forward_max_concurrent_rejects_total'));
    expect(grown).toBeLessThan(150);
    expect(await waiting()).toBe(0);
    fake.script = answerA;
    await until(
      async () => outcomeOf(await ask(running, `back-${Math.random()}.example.`, 'A')) === RIGHT,
      'it is back',
    );
    expect(server.stderr).toBe('');
  });

  it('TCP connections to one have a bound, and all who wait for them are answered', async () => {
    const fake = await serve(silent);
    const running = await start(`${fake.address} {\nforce_tcp\nread_timeout 500ms\n}`);
    const crowd = new Crowd(running, 20);
    let most = 0;
    for (let n = 0; n < 1500; n++) crowd.send();
    await until(() => {
      most = Math.max(most, fake.openConnections);
      return crowd.answered === 1500;
    }, 'every query is answered');
    // And one for the health check.
    expect(most).toBeLessThanOrEqual(17);
    expect([...crowd.rcodes.keys()]).toEqual([RCODE.SERVFAIL]);
    // But for that of the health check, which goes on. One that came up when nobody waited any more is kept for as long as an idle one is.
    await until(() => fake.openConnections <= 1, 'connections are given back', 30_000);
    expect(readdirSync(`/proc/${running.server.pid}/fd`).length).toBeLessThan(100);
    fake.script = answerA;
    await until(
      async () => outcomeOf(await ask(running, `back-${Math.random()}.example.`, 'A')) === RIGHT,
      'it is back',
    );
  });
});

describe('an upstream', () => {
  it('that dies and comes back under load leaves nobody without a reply', async () => {
    // Of the ports that are not given to sockets: on one of those somebody else might listen while it is dead.
    let fake = await FakeUpstream.open(answerA, 'plain', await freePort());
    closing.push(() => fake.close());
    const { port } = fake;
    const running = await start(`${fake.address} {\nread_timeout 100ms\nhealth_check 20ms\n}`);
    const outcomes: string[] = [];
    let isOver = false;
    let asked = 0;
    const ask1 = async (transport: 'udp' | 'tcp'): Promise<void> => {
      while (!isOver) outcomes.push(outcomeOf(await ask(running, `n${asked++}.example.`, 'A', { transport })));
    };
    const load = [...Array.from({ length: 20 }, () => ask1('udp')), ...Array.from({ length: 5 }, () => ask1('tcp'))];
    const last = (count: number, outcome: string): boolean =>
      outcomes.length >= count && outcomes.slice(-count).every((each) => each === outcome);
    for (let n = 0; n < 3; n++) {
      await until(() => last(200, RIGHT), 'it answers');
      await fake.close();
      await until(() => last(200, 'SERVFAIL'), 'it is dead');
      fake = await FakeUpstream.open(answerA, 'plain', port);
    }
    await until(() => last(200, RIGHT), 'it answers again');
    isOver = true;
    await Promise.all(load);
    expect([outcomes.length, new Set(outcomes)]).toEqual([asked, new Set([RIGHT, 'SERVFAIL'])]);
    expect(await running.sample('cluster_dns_forward_in_flight')).toBe(0);
    expect(running.server.stderr).toBe('');
  });

  it.each([
    ['that is silent', silent],
    ['that sends garbage', (asked: Asked) => asked.send(Buffer.alloc(60, 0xee))],
  ])('%s beside one that answers costs no answer, and is soon asked for its health only', async (_, script) => {
    const [dead, alive] = [await serve(script), await serve()];
    const options = 'read_timeout 50ms\nhealth_check 10ms\nmax_fails 1\n';
    const running = await start(`${dead.address} ${alive.address} {\n${options}}`);
    const questions = (): number => dead.asked.filter((asked) => !isProbe(asked)).length;
    for (let n = 0; n < 60; n++) expect(outcomeOf(await ask(running, `n${n}.example.`, 'A'))).toBe(RIGHT);
    // The first failure sets off the checks, of which two must fail, a second each.
    await until(async () => (await running.sample('coredns_proxy_healthcheck_failures_total')) >= 2, 'it is down');
    const before = questions();
    for (let n = 0; n < 100; n++) expect(outcomeOf(await ask(running, `m${n}.example.`, 'A'))).toBe(RIGHT);
    expect([before > 0, questions()]).toEqual([true, before]);
    dead.script = answerA;
    await until(async () => {
      expect(outcomeOf(await ask(running, `o${Math.random()}.example.`, 'A'))).toBe(RIGHT);
      return questions() > before;
    }, 'it is asked again');
  });

  it('that floods us with what nobody asked for keeps nobody from a reply', async () => {
    const FLOOD = 20_000;
    let sent = 0;
    const flood = async (asked: Asked): Promise<void> => {
      const wrong = asked.encode({ id: asked.message.id ^ 1 });
      for (; sent < FLOOD; sent++) {
        asked.send(wrong);
        if (sent % 100 === 0) await delay(1);
      }
    };
    const fake = await serve((asked) => {
      const isFirst = sent === 0;
      if (labelsOf(asked)[0] !== 'flood') answerA(asked);
      else if (isFirst) void flood(asked);
    });
    const running = await start(fake.address);
    const flooded = ask(running, 'flood.example.', 'A');
    let asked = 0;
    // One socket of 16 is full, and what is lost on it is asked again after 2 s; both on that socket is one in 256.
    while (sent < FLOOD)
      expect([RIGHT, 'SERVFAIL']).toContain(outcomeOf(await ask(running, `n${asked++}.example.`, 'A')));
    expect(outcomeOf(await flooded)).toBe('SERVFAIL');
    expect(await running.sample('cluster_dns_forward_ignored_replies_total')).toBeGreaterThan(1000);
    expect(outcomeOf(await ask(running, 'after.example.', 'A'))).toBe(RIGHT);
  });
});
