import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { addressRecord, ResourceRecord } from '#dns/record.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { loadLibc } from '#libc/libc.ts';
import { SharedPorts } from '#libc/shared-ports.ts';
import { Metrics } from '#metrics/metrics.ts';
import { Answer, type Reply } from '#plugin/index.ts';
import { testServices } from '#plugin/testing.ts';
import { encodeQuery, framed, TcpClient } from '#test/dns-client.ts';
import { until } from '#test/until.ts';
import { type Chain, groupOf } from './batch/testing.ts';
import { quietTurn } from './quiet-turn.ts';
import { TCP_LIMITS, TcpListener } from './tcp.ts';
import type { TcpLimits } from './tcp-connection.ts';
import { TcpMetrics } from './tcp-metrics.ts';

const KIB = 1024;
let listener: TcpListener | null = null;
const clients: TcpClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await listener?.close();
  listener = null;
});

/** Type A waits until `release`, TXT has `txtOctets` of RDATA, everything else is answered at once. Nothing is remembered. */
const start = async (limits: Partial<TcpLimits> = {}, txtOctets = 100, sharedPorts?: SharedPorts) => {
  const metrics = new Metrics();
  const place = { host: '127.0.0.1', port: 0 };
  const opened = await TcpListener.open(place, new TcpMetrics(metrics), { ...TCP_LIMITS, ...limits }, sharedPorts);
  listener = opened;
  const asked = new Map<number, number>();
  const waiting: (() => void)[] = [];
  const chain: Chain = (query) => {
    query.provenance.forbid();
    const { id, question } = query.request;
    asked.set(id, (asked.get(id) ?? 0) + 1);
    const text = (): ResourceRecord =>
      new ResourceRecord(question.name, RR_TYPE.TXT, 5, Buffer.alloc(txtOctets), CLASS.IN);
    if (query.type === RR_TYPE.A)
      return new Promise<Reply>((resolve) => void waiting.push(() => resolve(new Answer({}))));
    return new Answer({
      answer: [query.type === RR_TYPE.TXT ? text() : addressRecord(question.name, 5, Uint8Array.of(10, 0, 0, 1))],
    });
  };
  opened.serve(groupOf(chain, testServices()));
  return {
    listener: opened,
    /** How often the query with each ID was asked. */
    asked,
    waiting,
    connect: async (from?: string): Promise<TcpClient> => {
      const client = await TcpClient.open({ address: '127.0.0.1', port: opened.port }, from);
      clients.push(client);
      return client;
    },
    metric: async (series: string): Promise<number> => {
      const line = (await metrics.render()).split('\n').find((text) => text.startsWith(`cluster_dns_tcp_${series} `));
      return Number(line?.split(' ')[1]);
    },
  };
};

const slow = (id: number): Buffer => framed(encodeQuery('slow.', 'A', { id }));
const fast = (id: number): Buffer => framed(encodeQuery('fast.', 'AAAA', { id }));
const idOf = async (client: TcpClient): Promise<number | undefined> => (await client.next())?.readUInt16BE(0);

const idsOf = async (client: TcpClient, count: number): Promise<(number | undefined)[]> => {
  const ids: (number | undefined)[] = [];
  while (ids.length < count) ids.push(await idOf(client));
  return ids;
};

describe('a TCP listener', () => {
  it('answers what came before it was told whom to ask', async () => {
    const opened = await TcpListener.open({ host: '127.0.0.1', port: 0 }, new TcpMetrics(new Metrics()));
    listener = opened;
    const client = await TcpClient.open({ address: '127.0.0.1', port: opened.port });
    clients.push(client);
    client.socket.write(fast(1));
    await until(() => opened.connections === 1);
    // What has arrived is read by then, if it is read.
    await quietTurn(() => opened.bufferedOctets);
    opened.serve(groupOf(() => new Answer({}), testServices()));
    client.socket.write(fast(2));
    expect(await idsOf(client, 2)).toEqual([1, 2]);
  });
});

describe('a TCP connection with as many queries on their way as it may have', () => {
  it('takes one more once only, though that is answered at once', async () => {
    const { asked, connect, waiting } = await start({ maxInFlight: 4 });
    const client = await connect();
    for (let id = 1; id <= 3; id++) client.socket.write(slow(id));
    await until(() => waiting.length === 3);
    // In octets of their own, and behind others in one piece.
    client.socket.write(fast(10));
    expect(await idOf(client)).toBe(10);
    client.socket.write(Buffer.concat([fast(11), fast(12), slow(4), fast(13)]));
    expect(await idsOf(client, 2)).toEqual([11, 12]);
    await until(() => waiting.length === 4);
    expect(asked.has(13)).toBe(false);
    waiting[0]?.();
    expect((await idsOf(client, 2)).sort()).toEqual([1, 13]);
    for (const release of waiting) release();
    expect((await idsOf(client, 3)).sort()).toEqual([2, 3, 4]);
    expect([...asked.values()].every((times) => times === 1)).toBe(true);
  });

  it('has one query at a time where all connections together have too many', async () => {
    const { listener, asked, connect, waiting } = await start({ maxInFlightOfAll: 3 });
    const [one, other] = [await connect(), await connect()];
    one.socket.write(Buffer.concat([slow(1), slow(2), slow(3), slow(4)]));
    await until(() => waiting.length === 3);
    other.socket.write(Buffer.concat([slow(5), slow(6)]));
    await until(() => waiting.length === 4);
    expect([...asked.keys()]).toEqual([1, 2, 3, 5]);
    waiting[3]?.();
    expect(await idOf(other)).toBe(5);
    await until(() => asked.has(6));
    while (asked.size < 6 || listener.inFlight > 0) {
      for (const release of waiting.splice(0)) release();
      await new Promise(setImmediate);
    }
    expect((await idsOf(one, 4)).sort()).toEqual([1, 2, 3, 4]);
  });
});

describe('time for a query over TCP', () => {
  /** Sends the octets one by one, each as late as the one before it left time for; gives how many were taken. */
  const drip = async (client: TcpClient, bytes: Buffer, everyMs: number): Promise<number> => {
    let sent = 0;
    for (const octet of bytes) {
      if (client.socket.destroyed || client.socket.readableEnded) break;
      client.socket.write(Buffer.of(octet));
      sent++;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
    return sent;
  };

  it.each([
    ['of a new connection', false],
    ['after another', true],
  ])('runs from its first octet %s, whatever comes after it', async (_, isAfterAnother) => {
    const { connect, metric } = await start({ readMs: 150, idleMs: 60_000 });
    const client = await connect();
    if (isAfterAnother) {
      client.socket.write(fast(1));
      expect(await idOf(client)).toBe(1);
    }
    // An octet each 60 ms: were each, or the first two, to give 150 ms more, it would not end.
    const sent = await drip(client, Buffer.concat([Buffer.of(0, 200), Buffer.alloc(60)]), 60);
    expect(sent).toBeLessThan(12);
    expect(await client.next()).toBeNull();
    expect(await metric('closed_total{reason="slow"}')).toBe(1);
  });

  it('goes on running while replies to other queries leave', async () => {
    const { connect, waiting, metric } = await start({ readMs: 150, idleMs: 60_000 });
    const client = await connect();
    client.socket.write(Buffer.concat([slow(1), slow(2), slow(3), slow(4), slow(5), slow(6), Buffer.of(0, 30, 1)]));
    await until(() => waiting.length === 6);
    const releasing = setInterval(() => waiting.shift()?.(), 60);
    while ((await client.next()) !== null);
    clearInterval(releasing);
    expect(await metric('closed_total{reason="slow"}')).toBe(1);
    expect(waiting.length).toBeGreaterThan(0);
  });

  it('is all that a connection has that sends nothing', async () => {
    const { connect, metric } = await start({ readMs: 60, idleMs: 60_000 });
    expect(await (await connect()).next()).toBeNull();
    expect(await metric('closed_total{reason="slow"}')).toBe(1);
    expect(await metric('connections')).toBe(0);
  });
});

describe('a TCP connection that does not read', () => {
  it('is not asked for more than fits, and gets every reply when it reads again', async () => {
    // 400 replies of 60 KiB are more than the kernel keeps.
    const { asked, connect, listener } = await start({}, 60_000);
    const client = await connect();
    client.socket.pause();
    const ids = Array.from({ length: 400 }, (_, id) => id);
    client.socket.write(Buffer.concat(ids.map((id) => framed(encodeQuery('large.', 'TXT', { id })))));
    let before = -1;
    await until(async () => {
      const isStill = asked.size > 0 && asked.size === before;
      before = asked.size;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return isStill;
    }, 'no more is taken');
    expect(asked.size).toBeLessThan(400);
    expect(listener.bufferedOctets).toBeLessThan(400 * KIB);
    client.socket.resume();
    expect(await idsOf(client, 400)).toEqual(ids);
    expect(listener.unsentOctets).toBe(0);
  });

  it('is given up after the idle limit, for that reason', async () => {
    const { connect, metric, listener } = await start({ idleMs: 100 }, 60_000);
    const client = await connect();
    client.socket.pause();
    client.socket.write(
      Buffer.concat(Array.from({ length: 400 }, (_, id) => framed(encodeQuery('large.', 'TXT', { id })))),
    );
    await until(async () => (await metric('closed_total{reason="unread"}')) === 1);
    expect([listener.connections, listener.bufferedOctets]).toEqual([0, 0]);
  });

  it('is given up at once where replies that came later are too many, for one or for all', async () => {
    for (const limits of [{ maxUnsentOctets: 200 * KIB }, { maxUnsentOctetsOfAll: 200 * KIB }]) {
      const { connect, metric, listener: opened } = await start(limits, 60_000);
      const client = await connect();
      client.socket.pause();
      client.socket.write(
        Buffer.concat(Array.from({ length: 400 }, (_, id) => framed(encodeQuery('large.', 'TXT', { id })))),
      );
      // Held at 64 KiB: only what was on its way by then can be more.
      await until(() => opened.unsentOctets > 64 * KIB);
      expect(await metric('closed_total{reason="unread"}')).toBe(0);
      expect(opened.unsentOctets).toBeLessThan(200 * KIB);
      client.close();
      await until(() => opened.connections === 0);
      expect(opened.bufferedOctets).toBe(0);
      await opened.close();
    }
  });

  it('does not keep the listener open', async () => {
    const { connect, listener: opened } = await start({}, 60_000);
    const client = await connect();
    client.socket.pause();
    client.socket.write(
      Buffer.concat(Array.from({ length: 400 }, (_, id) => framed(encodeQuery('large.', 'TXT', { id })))),
    );
    await until(() => opened.unsentOctets > 0);
    await opened.close();
    expect(opened.connections).toBe(0);
  });
});

describe('lengths over TCP', () => {
  it('of 0 end the connection, but what was asked before is answered', async () => {
    const { connect, waiting, metric } = await start();
    const client = await connect();
    client.socket.write(Buffer.concat([slow(1), fast(2), Buffer.of(0, 0), fast(3)]));
    expect(await idOf(client)).toBe(2);
    await until(() => waiting.length === 1);
    waiting[0]?.();
    expect([await idOf(client), await client.next()]).toEqual([1, null]);
    expect(await metric('closed_total{reason="bad_length"}')).toBe(1);
  });

  it('that promise more than comes get nothing but their time', async () => {
    const { connect, metric, listener } = await start({ readMs: 100 });
    const client = await connect();
    client.socket.write(Buffer.concat([Buffer.of(0xff, 0xff), encodeQuery('a.', 'AAAA')]));
    expect(await client.next()).toBeNull();
    expect(await metric('closed_total{reason="slow"}')).toBe(1);
    expect(listener.queryOctets).toBe(0);
  });

  it('that promise too little leave garbage that is read as the next one', async () => {
    const { connect } = await start();
    const client = await connect();
    const query = encodeQuery('a.', 'AAAA', { id: 7 });
    const lying = framed(query);
    lying.writeUInt16BE(13, 0);
    client.socket.write(lying);
    const reply = await client.next();
    expect([reply?.readUInt16BE(0), (reply?.[3] ?? 0) & 15]).toEqual([7, 1]);
  });

  it('of 65,535 that are kept are answered', async () => {
    const { connect, listener } = await start();
    const client = await connect();
    client.send(Buffer.concat([encodeQuery('a.', 'AAAA', { id: 8 }), Buffer.alloc(65_500)]).subarray(0, 65_535));
    expect(await idOf(client)).toBe(8);
    expect(listener.queryOctets).toBe(0);
  });
});

describe('memory for queries that come over TCP', () => {
  it('is bounded over all connections: large parts go, a usual query still comes through', async () => {
    const { connect, metric, listener } = await start({ maxQueryOctetsOfAll: 200 * KIB });
    const usual = await connect();
    usual.socket.write(fast(1).subarray(0, 20));
    const part = Buffer.concat([Buffer.of(0xff, 0xff), Buffer.alloc(60_000)]);
    for (let n = 0; n < 5; n++) (await connect()).socket.write(part);
    await until(async () => (await metric('closed_total{reason="memory"}')) === 2);
    await until(() => listener.queryOctets > 180_000);
    expect(listener.queryOctets).toBeLessThanOrEqual(200 * KIB);
    usual.socket.write(fast(1).subarray(20));
    expect(await idOf(usual)).toBe(1);
  });

  it('counts large queries until they are answered', async () => {
    const { connect, waiting, listener } = await start();
    const client = await connect();
    const large = Buffer.concat([encodeQuery('a.', 'A', { id: 8 }), Buffer.alloc(10_000)]);
    client.send(large);
    await until(() => waiting.length === 1);
    expect(listener.queryOctets).toBe(large.length);
    waiting[0]?.();
    expect(await idOf(client)).toBe(8);
    expect(listener.queryOctets).toBe(0);
  });
});

describe('too many TCP connections', () => {
  it('close the one whose last whole query is longest ago: parts of one do not count', async () => {
    const { connect, metric, waiting } = await start({ maxConnections: 3 });
    const busy = await connect();
    busy.socket.write(slow(1));
    await until(() => waiting.length === 1);
    const dripping = await connect();
    const idle = await connect();
    idle.socket.write(fast(2));
    expect(await idOf(idle)).toBe(2);
    dripping.socket.write(Buffer.of(0, 40, 1, 2));
    const last = await connect();
    expect(await dripping.next()).toBeNull();
    for (const [id, client] of [idle, last].entries()) {
      client.socket.write(fast(id));
      expect(await idOf(client)).toBe(id);
    }
    waiting[0]?.();
    expect(await idOf(busy)).toBe(1);
    expect(await metric('closed_total{reason="limit"}')).toBe(1);
  });

  it('close the new one where all others wait for answers', async () => {
    const { connect, waiting } = await start({ maxConnections: 2 });
    for (let id = 0; id < 2; id++) (await connect()).socket.write(slow(id));
    await until(() => waiting.length === 2);
    expect(await (await connect()).next()).toBeNull();
    for (const release of waiting) release();
    expect(await Promise.all(clients.slice(0, 2).map(idOf))).toEqual([0, 1]);
  });

  it('are 5,001, of many clients: 5,000 go on and the one that was idle longest does not', async () => {
    const { connect, listener, metric } = await start({ readMs: 60_000, idleMs: 60_000 });
    const idle: TcpClient[] = [];
    const { maxConnections, maxConnectionsPerClient } = TCP_LIMITS;
    const clientOf = (n: number): string => `127.0.1.${1 + Math.floor(n / maxConnectionsPerClient)}`;
    for (let n = 0; n < maxConnections; n += 50)
      idle.push(...(await Promise.all(Array.from({ length: 50 }, (_, i) => connect(clientOf(n + i))))));
    await until(() => listener.connections === 5000);
    // All but one ask, in another order than that in which they came.
    const longest = idle[1234] as TcpClient;
    const others = idle.filter((each) => each !== longest).reverse();
    const askAll = async (all: readonly TcpClient[]): Promise<void> => {
      for (const each of all) each.socket.write(fast(77));
      for (const each of all) expect(await idOf(each)).toBe(77);
    };
    await askAll(others);
    const last = await connect('127.0.2.1');
    expect(await longest.next()).toBeNull();
    await askAll([...others, last]);
    expect([await metric('connections'), await metric('closed_total{reason="limit"}')]).toEqual([5000, 1]);
    expect(await metric('closed_total{reason="client_limit"}')).toBe(0);
  }, 90_000);

  it('close several where several come at once', async () => {
    const { connect, listener, metric } = await start({ maxConnections: 3 });
    await Promise.all(Array.from({ length: 20 }, () => connect()));
    await until(async () => (await metric('accepted_total')) === 20);
    expect(listener.connections).toBe(3);
    expect(await metric('closed_total{reason="limit"}')).toBe(17);
  });

  it('of one client are its own loss', async () => {
    const { connect, metric } = await start({ maxConnectionsPerClient: 2 });
    const neighbour = await connect('127.0.0.2');
    const own = [await connect(), await connect(), await connect()] as const;
    expect(await own[0].next()).toBeNull();
    for (const [id, client] of [neighbour, own[1], own[2]].entries()) {
      client.socket.write(fast(id));
      expect(await idOf(client)).toBe(id);
    }
    expect(await metric('closed_total{reason="client_limit"}')).toBe(1);
  });
});

describe('half of a TCP connection', () => {
  it('that ends without a query, or in the middle of one, is closed by the other half', async () => {
    const { connect, listener, metric } = await start();
    for (const first of [Buffer.alloc(0), Buffer.of(0), Buffer.of(0, 30, 1, 2)]) {
      const client = await connect();
      client.socket.end(first);
      expect(await client.next()).toBeNull();
    }
    await until(() => listener.connections === 0);
    expect(await metric('closed_total{reason="client"}')).toBe(3);
  });

  it('that ends after queries is closed when all are answered, though the connection was held', async () => {
    const { connect, waiting } = await start({ maxInFlight: 2 });
    const client = await connect();
    client.socket.end(Buffer.concat([slow(1), slow(2), slow(3), fast(4)]));
    await until(() => waiting.length === 2);
    waiting[0]?.();
    await until(() => waiting.length === 3);
    for (const release of waiting) release();
    expect((await idsOf(client, 4)).sort()).toEqual([1, 2, 3, 4]);
    expect(await client.next()).toBeNull();
  });
});

describe('a TCP connection to a port that another instance may have, when this one leaves it', () => {
  const startShared = async () => start({}, 100, new SharedPorts(await loadLibc()));
  /** Has the listener retire; resolves once nobody can connect any more, which is when connections are told. */
  const leave = async (opened: TcpListener): Promise<{ readonly retired: Promise<void> }> => {
    const retired = opened.retire();
    await until(async () => {
      const socket = connect(opened.port, '127.0.0.1');
      const isMade = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      return !isMade;
    }, 'refusal');
    return { retired };
  };

  it('ends behind the next reply, each by itself', async () => {
    const { listener: opened, connect: open } = await startShared();
    const [one, other] = [await open(), await open()];
    for (const client of [one, other]) client.socket.write(fast(1));
    expect([await idOf(one), await idOf(other)]).toEqual([1, 1]);
    const { retired } = await leave(opened);
    one.socket.write(fast(2));
    expect(await idsOf(one, 2)).toEqual([2, undefined]);
    // The first one's end was not that of all.
    other.socket.write(fast(3));
    expect(await idsOf(other, 2)).toEqual([3, undefined]);
    await retired;
  });

  it('with queries on their way ends behind the last reply, and is answered what it asks before', async () => {
    const { listener: opened, connect: open, waiting } = await startShared();
    const client = await open();
    client.socket.write(Buffer.concat([slow(1), slow(2)]));
    await until(() => waiting.length === 2);
    await leave(opened);
    waiting[1]?.();
    expect(await idOf(client)).toBe(2);
    client.socket.write(fast(3));
    expect(await idOf(client)).toBe(3);
    waiting[0]?.();
    expect(await idsOf(client, 2)).toEqual([1, undefined]);
  });

  it('does not end in the middle of a query', async () => {
    const { listener: opened, connect: open } = await startShared();
    const client = await open();
    client.socket.write(Buffer.concat([fast(1), fast(2).subarray(0, 10)]));
    expect(await idOf(client)).toBe(1);
    await leave(opened);
    client.socket.write(Buffer.concat([fast(2).subarray(10), fast(3).subarray(0, 10)]));
    expect(await idOf(client)).toBe(2);
    client.socket.write(fast(3).subarray(10));
    expect(await idsOf(client, 2)).toEqual([3, undefined]);
  });

  it('ends all the same where it asks nothing more', async () => {
    const { listener: opened, connect: open } = await startShared();
    const client = await open();
    client.socket.write(fast(1));
    expect(await idOf(client)).toBe(1);
    await opened.retire();
    expect(await idOf(client)).toBe(undefined);
  });
});
