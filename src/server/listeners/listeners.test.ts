import { afterEach, describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from '#dns/decode.ts';
import { addressRecord } from '#dns/record.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { Metrics } from '#metrics/metrics.ts';
import { Answer, DROP, type Query, type Reply } from '#plugin/index.ts';
import { testServices } from '#plugin/testing.ts';
import { ask, encodeQuery, exchangeUdp, TcpClient } from '#test/dns-client.ts';
import type { ServerGroup } from '../server-group.ts';
import { type Chain, groupOf as rememberingGroupOf, testDgramQueries } from './batch/testing.ts';
import type { Listener } from './listener.ts';
import { TCP_LIMITS, TcpListener } from './tcp.ts';
import type { TcpLimits } from './tcp-connection.ts';
import { TcpMetrics } from './tcp-metrics.ts';
import { UdpDgramListener } from './udp-dgram.ts';

const opened: Listener[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((listener) => listener.close()));
});

const hello = (query: Query): Answer =>
  new Answer({ answer: [addressRecord(query.request.question.name, 5, Uint8Array.of(10, 0, 0, 1))] });

/** Nothing is remembered: each query reaches the chain. */
const groupOf = (chain: Chain): ServerGroup =>
  rememberingGroupOf(
    (query) => {
      query.provenance.forbid();
      return chain(query);
    },
    testServices(),
    100_000,
  );

const udp = async (chain: (query: Query) => Reply | Promise<Reply>, host = '127.0.0.1') => {
  const listener = await UdpDgramListener.open({ host, port: 0 }, testDgramQueries());
  opened.push(listener);
  listener.serve(groupOf(chain));
  return { address: host, port: listener.port };
};

const tcp = async (chain: (query: Query) => Reply | Promise<Reply>, limits: Partial<TcpLimits> = {}) => {
  const metrics = new TcpMetrics(new Metrics());
  const listener = await TcpListener.open({ host: '127.0.0.1', port: 0 }, metrics, { ...TCP_LIMITS, ...limits });
  opened.push(listener);
  listener.serve(groupOf(chain));
  return { listener, endpoint: { address: '127.0.0.1', port: listener.port } };
};

describe('UDP by dgram', () => {
  it('answers over IPv4 and IPv6', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const endpoint = await udp(hello, host);
      expect((await ask(endpoint, 'a.', 'A')).answer).toHaveLength(1);
    }
  });

  it('answers SERVFAIL where a plugin throws or rejects, and goes on', async () => {
    const endpoint = await udp((query) => {
      if (query.type === 1) throw new Error('broken');
      return query.type === 28 ? Promise.reject(new Error('broken later')) : hello(query);
    });
    expect((await ask(endpoint, 'a.', 'A')).rcode).toBe(RCODE.SERVFAIL);
    expect((await ask(endpoint, 'a.', 'AAAA')).rcode).toBe(RCODE.SERVFAIL);
    expect((await ask(endpoint, 'a.', 'TXT')).rcode).toBe(RCODE.NOERROR);
  });

  it('says nothing to a response, a short message or a dropped query, and goes on', async () => {
    const endpoint = await udp((query) => (query.type === 16 ? DROP : hello(query)));
    const response = encodeQuery('a.', 'A');
    response[2] = 0x80;
    for (const bytes of [response, Buffer.alloc(5), encodeQuery('a.', 'TXT')])
      expect(await exchangeUdp(endpoint, bytes, 100)).toBeNull();
    expect((await ask(endpoint, 'a.', 'A')).answer).toHaveLength(1);
  });

  it('answers BADVERS to an EDNS version that is not 0, and REFUSED to another class', async () => {
    const endpoint = await udp(hello);
    const versioned = encodeQuery('a.', 'A', { udpSize: 1232 });
    versioned[versioned.length - 5] = 1;
    const badVersion = decodeMessage((await exchangeUdp(endpoint, versioned)) as Buffer) as Message;
    expect(badVersion).toMatchObject({ rcode: RCODE.BADVERS, edns: { udpSize: 0, version: 0 } });
    expect((await ask(endpoint, 'a.', 'A', { class: 3 })).rcode).toBe(RCODE.REFUSED);
  });

  it('echoes size, DO and the options that a reply repeats, and no others', async () => {
    const endpoint = await udp(hello);
    const options = [
      { code: 10, data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
      { code: 8, data: Uint8Array.of(0, 1, 0, 0) },
    ];
    const { edns } = await ask(endpoint, 'a.', 'A', { udpSize: 100, isDnssecOk: true, options });
    expect(edns).toMatchObject({ udpSize: 100, isDnssecOk: true });
    expect(edns?.options.map(({ code }) => code)).toEqual([10]);
  });

  it('says what Go says of a port that is taken', async () => {
    const { port } = await udp(hello);
    await expect(UdpDgramListener.open({ host: '127.0.0.1', port }, testDgramQueries())).rejects.toThrow(
      `listen udp 127.0.0.1:${port}: bind: address already in use`,
    );
  });

  it('answers on each local address from that address where it listens on all', async () => {
    const endpoint = await udp(hello, '');
    const { port } = endpoint;
    for (const address of ['127.0.0.1', '::1'])
      expect((await ask({ address, port }, 'a.', 'A')).answer).toHaveLength(1);
  });
});

describe('TCP', () => {
  it('answers pipelined queries as they become ready', async () => {
    let release: (reply: Reply) => void = () => undefined;
    const { endpoint } = await tcp((query) =>
      query.type === 1
        ? new Promise<Reply>((resolve) => {
            release = resolve;
          })
        : hello(query),
    );
    const client = await TcpClient.open(endpoint);
    client.send(encodeQuery('slow.', 'A', { id: 1 }));
    client.send(encodeQuery('fast.', 'TXT', { id: 2 }));
    expect((await client.next())?.readUInt16BE(0)).toBe(2);
    release(new Answer({}));
    expect((await client.next())?.readUInt16BE(0)).toBe(1);
    client.close();
  });

  it('puts a query together that comes octet by octet', async () => {
    const { endpoint } = await tcp(hello);
    const client = await TcpClient.open(endpoint);
    const bytes = encodeQuery('a.', 'A', { id: 9 });
    const frame = Buffer.concat([Buffer.from([0, bytes.length]), bytes]);
    for (const octet of frame) client.socket.write(Buffer.from([octet]));
    expect((await client.next())?.readUInt16BE(0)).toBe(9);
    client.close();
  });

  it('still answers a client that has closed its side', async () => {
    let release: (reply: Reply) => void = () => undefined;
    const { endpoint } = await tcp(
      () =>
        new Promise<Reply>((resolve) => {
          release = resolve;
        }),
    );
    const client = await TcpClient.open(endpoint);
    client.send(encodeQuery('a.', 'A', { id: 3 }));
    client.socket.end();
    setImmediate(function wait() {
      release(new Answer({}));
      if (!client.socket.destroyed) setImmediate(wait);
    });
    expect((await client.next())?.readUInt16BE(0)).toBe(3);
    expect(await client.next()).toBeNull();
  });

  it('closes on a frame of length 0, after the idle limit, and when a frame is not completed in time', async () => {
    const { endpoint } = await tcp(hello, { idleMs: 50, readMs: 50 });
    const first = await TcpClient.open(endpoint);
    first.socket.write(Buffer.from([0, 0]));
    expect(await first.next()).toBeNull();
    const idle = await TcpClient.open(endpoint);
    idle.send(encodeQuery('a.', 'A'));
    expect(await idle.next()).not.toBeNull();
    expect(await idle.next()).toBeNull();
    const slow = await TcpClient.open(endpoint);
    slow.socket.write(Buffer.from([0, 30, 1, 2]));
    expect(await slow.next()).toBeNull();
  });

  it('closes the connection that has been idle longest where there are too many', async () => {
    const { endpoint, listener } = await tcp(hello, { maxConnections: 2 });
    const clients: TcpClient[] = [];
    for (let i = 0; i < 3; i++) {
      const client = await TcpClient.open(endpoint);
      client.send(encodeQuery('a.', 'A', { id: i }));
      expect(await client.next()).not.toBeNull();
      clients.push(client);
    }
    expect(await clients[0]?.next()).toBeNull();
    expect(listener.connections).toBe(2);
    clients[2]?.send(encodeQuery('a.', 'A', { id: 77 }));
    expect((await clients[2]?.next())?.readUInt16BE(0)).toBe(77);
    for (const client of clients) client.close();
  });

  it('bounds the connections of one client', async () => {
    const { endpoint, listener } = await tcp(hello, { maxConnectionsPerClient: 1 });
    const first = await TcpClient.open(endpoint);
    const second = await TcpClient.open(endpoint);
    expect(await first.next()).toBeNull();
    second.send(encodeQuery('a.', 'A'));
    expect(await second.next()).not.toBeNull();
    expect(listener.connections).toBe(1);
    second.close();
  });
});
