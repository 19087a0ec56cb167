import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from '#dns/decode.ts';
import { addressRecord } from '#dns/record.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { loadLibc } from '#libc/libc.ts';
import { socketAddress } from '#libc/socket-address.ts';
import { UdpSocket } from '#libc/udp-socket.ts';
import { Answer, DROP, type Peer, type Query } from '#plugin/index.ts';
import { ask, type Endpoint, encodeQuery, exchangeUdp } from '#test/dns-client.ts';
import { until } from '#test/until.ts';
import { Receiver } from './batch/receiver.ts';
import { Sender } from './batch/sender.ts';
import {
  type BatchOptions,
  type Chain,
  groupOf,
  startBatch,
  type TestBatch,
  testDgramQueries,
} from './batch/testing.ts';
import { UdpDgramListener } from './udp-dgram.ts';

const libc = await loadLibc();
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const start = async (chain: Chain, options: BatchOptions = {}): Promise<TestBatch> => {
  const batch = await startBatch(chain, options);
  closers.push(() => batch.close());
  return batch;
};
/** The same chain on a dgram listener. */
const startDgram = async (chain: Chain, { services }: TestBatch): Promise<Endpoint> => {
  const listener = await UdpDgramListener.open({ host: '127.0.0.1', port: 0 }, testDgramQueries());
  closers.push(() => listener.close());
  listener.serve(groupOf(chain, services));
  return { address: '127.0.0.1', port: listener.port };
};

/** As many addresses as the first label of the name says. */
const addresses = (query: Query): Answer => {
  const count = Number.parseInt(query.request.question.name.slice(1), 10) || 1;
  const { name } = query.request.question;
  return new Answer({
    answer: Array.from({ length: count }, (_, i) => addressRecord(name, 5, Uint8Array.of(10, 0, i >> 8, i & 255))),
  });
};
const forbidden =
  (chain: Chain): Chain =>
  (query) => {
    query.provenance.forbid();
    return chain(query);
  };

/** Asks until the threads have answered this often from what they remember. */
const askUntilRemembered = async (batch: TestBatch, name: string, udpSize: number, times = 2): Promise<Message> => {
  const before = await batch.count('remembered_total');
  let message: Message | undefined;
  await until(async () => {
    message = await ask(batch, name, 'A', { udpSize });
    return (await batch.count('remembered_total')) >= before + times;
  });
  return message as Message;
};

describe('UDP by batches', () => {
  it('gives a plugin the peer and the address that was asked', async () => {
    const seen: Peer[] = [];
    const batch = await start(
      forbidden((query) => {
        seen.push(query.peer);
        return addresses(query);
      }),
      { host: '' },
    );
    for (const address of ['127.0.0.1', '127.0.0.5', '::1']) await ask({ address, port: batch.port }, 'a.', 'A');
    expect(
      seen.map(({ address, family, localAddress, localPort }) => [address, family, localAddress, localPort]),
    ).toEqual([
      ['127.0.0.1', 4, '127.0.0.1', batch.port],
      ['127.0.0.1', 4, '127.0.0.5', batch.port],
      ['::1', 6, '::1', batch.port],
    ]);
    const bound = await start(
      forbidden((query) => {
        seen.push(query.peer);
        return addresses(query);
      }),
    );
    await ask(bound, 'a.', 'A');
    expect(seen.at(-1)?.localAddress).toBe('127.0.0.1');
  });

  it('answers an oversized query as dgram does, or FORMERR where it can not see all of it', async () => {
    const batch = await start(forbidden(addresses));
    const dgram = await startDgram(forbidden(addresses), batch);
    const query = (padding: number): Buffer =>
      encodeQuery('a.', 'A', { id: 1, udpSize: 1232, options: [{ code: 65_001, data: new Uint8Array(padding) }] });
    const rcodes = async (bytes: Uint8Array): Promise<(number | undefined)[]> => {
      const replies = await Promise.all([exchangeUdp(batch, bytes), exchangeUdp(dgram, bytes)]);
      return replies.map((reply) => (decodeMessage(reply as Buffer) as Message).rcode);
    };
    const overhead = query(0).length;
    expect(await rcodes(query(4096 - overhead))).toEqual([RCODE.NOERROR, RCODE.NOERROR]);
    for (const size of [4097, 9000, 65_000])
      expect(await rcodes(query(size - overhead))).toEqual([RCODE.FORMERR, RCODE.NOERROR]);
    // What stands behind a whole query is nobody's business, cut or not.
    for (const size of [4097, 9000, 65_000]) {
      const trailing = Buffer.concat([encodeQuery('a.', 'A', { id: 1 }), Buffer.alloc(size)]);
      expect(await rcodes(trailing)).toEqual([RCODE.NOERROR, RCODE.NOERROR]);
    }
    for (const size of [4097, 9000, 65_000]) {
      const junk = Buffer.alloc(size, 0xc0);
      junk.writeUInt16BE(0x0100, 2);
      junk.writeUInt16BE(1, 4);
      junk.fill(0, 6, 12);
      expect(await rcodes(junk)).toEqual([RCODE.FORMERR, RCODE.FORMERR]);
    }
  });

  it('says nothing to what gets no reply, and its credit comes back', async () => {
    const batch = await start((query) => (query.type === 16 ? DROP : forbidden(addresses)(query)));
    const response = encodeQuery('a.', 'A');
    response[2] = 0x80;
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(5), response, encodeQuery('a.', 'TXT')])
      expect(await exchangeUdp(batch, bytes, 50)).toBeNull();
    expect((await ask(batch, 'a.', 'A')).answer).toHaveLength(1);
    expect(await batch.count('dropped_total')).toBe(0);
  });

  it.each([1, 254, 255, 4000])('sends %s addresses whole to who takes them, remembered or not', async (count) => {
    const batch = await start(addresses);
    for (let n = 0; n < 3; n++) {
      const { answer, flags } = await ask(batch, `${count}.`, 'A', { udpSize: 65_535 });
      expect([answer.length, flags & 0x0200]).toEqual([count, 0]);
    }
    // Header, question, 16 octets an address, OPT: 4,096 octets are those of 254 addresses.
    const isTaught = count <= 254;
    if (isTaught) expect((await askUntilRemembered(batch, `${count}.`, 65_535)).answer).toHaveLength(count);
    else expect(await batch.count('remembered_total')).toBe(0);
  });

  it.each([
    ['remembered', addresses],
    ['not remembered', forbidden(addresses)],
  ])('cuts a reply to the size that a client takes and sets TC, where it is %s for others', async (kind, chain) => {
    const batch = await start(chain);
    const dgram = await startDgram(forbidden(addresses), batch);
    if (kind === 'remembered') await askUntilRemembered(batch, '100.', 4096);
    for (const udpSize of [0, 512, 800, 1232, 1400, 1631, 1632, 4096]) {
      const bytes = encodeQuery('100.', 'A', { id: 7, ...(udpSize > 0 && { udpSize }) });
      const [ours, theirs] = await Promise.all([exchangeUdp(batch, bytes), exchangeUdp(dgram, bytes)]);
      expect([udpSize, ours]).toEqual([udpSize, theirs]);
      expect((ours as Buffer).length).toBeLessThanOrEqual(Math.max(512, udpSize));
      expect((((ours as Buffer)[2] as number) & 2) !== 0).toBe(udpSize < 1632);
    }
  });

  /** A client that counts what comes to it. */
  const client = async (): Promise<{ socket: Socket; replies: number[] }> => {
    const socket = createSocket('udp4');
    const replies: number[] = [];
    socket.on('message', (bytes) => replies.push(bytes.readUInt16BE(0)));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.setRecvBufferSize(4 * 1024 * 1024);
    closers.push(() => socket.close());
    return { socket, replies };
  };
  const sendAll = (socket: Socket, messages: readonly Buffer[], port: number): Promise<unknown> =>
    Promise.all(
      messages.map(
        (bytes) =>
          new Promise<void>((resolve, reject) =>
            socket.send(bytes, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
          ),
      ),
    );
  const numbered = (name: string, from: number, count: number): Buffer[] =>
    Array.from({ length: count }, (_, i) => encodeQuery(name, 'A', { id: from + i }));

  it('drops and counts what goes beyond the credit of a thread, and answers what it remembers meanwhile', async () => {
    const CREDIT = 10_000;
    let handled = 0;
    const batch = await start((query) => {
      if (query.type === 1) return addresses(query);
      handled++;
      query.provenance.forbid();
      return new Promise(() => undefined);
    });
    await askUntilRemembered(batch, 'known.', 1232);
    const { socket } = await client();
    const unanswered = encodeQuery('never.', 'TXT');
    // Few at a time: neither a buffer nor the ring is to be what drops them.
    for (let sent = 0; sent < CREDIT; sent += 200) {
      await sendAll(socket, new Array(200).fill(unanswered), batch.port);
      await until(() => handled === sent + 200);
    }
    expect(await batch.count('dropped_total')).toBe(0);
    const received = await batch.count('received_total');
    await sendAll(socket, new Array(200).fill(unanswered), batch.port);
    await until(async () => (await batch.count('received_total')) === received + 200);
    expect([handled, await batch.count('dropped_total')]).toEqual([CREDIT, 200]);
    expect((await ask(batch, 'known.', 'A', { udpSize: 1232 })).answer).toHaveLength(1);
    expect(await batch.count('remembered_total')).toBeGreaterThan(2);
  });

  it('answers all that came before it is closed', async () => {
    const batch = await startBatch(forbidden(addresses));
    const socket = UdpSocket.open(libc, { host: '127.0.0.1', port: 0, receiveBufferOctets: 8 * 1024 * 1024 });
    closers.push(() => socket.close());
    const sender = new Sender(libc, 2000, 2000 * 64);
    const name = socketAddress('127.0.0.1', batch.port, 4);
    for (const bytes of numbered('a.', 0, 2000)) {
      sender.octets.set(bytes, sender.room(bytes.length));
      sender.add(bytes.length, libc.addressOf(name), name.length, 0, 0);
    }
    // All in one step: main has no turn before it is told to close.
    expect(sender.flush(socket.fd)).toBe(0);
    await batch.close();
    const receiver = new Receiver(libc);
    const ids = new Set<number>();
    await until(() => {
      const found = receiver.receive(socket.fd);
      for (let i = 0; i < found; i++) ids.add(Buffer.from(receiver.slots[i] as Uint8Array).readUInt16BE(0));
      receiver.rearm(found);
      return ids.size === 2000;
    });
  });

  it('loses no query where threads come and go, and counts each once', async () => {
    const batch = await start((query) =>
      query.name.length % 2 === 0 ? addresses(query) : forbidden(addresses)(query),
    );
    const { socket, replies } = await client();
    let sent = 0;
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        await sendAll(socket, [...numbered('ab.', sent, 25), ...numbered('abc.', sent + 25, 25)], batch.port);
        sent += 50;
        await until(() => replies.length >= sent - 200);
      }
    })();
    const threads: number[] = [];
    for (const wanted of [3, 2, 4, 1, 4, 1, 2]) {
      await batch.listeners.prepare(wanted);
      await batch.listeners.settle(wanted);
      threads.push(await batch.count('threads'));
      const target = sent + 500;
      await until(() => replies.length >= target);
    }
    isOver = true;
    await load;
    await until(() => replies.length === sent);
    expect(new Set(replies).size).toBe(sent);
    expect(threads).toEqual([3, 2, 4, 1, 4, 1, 2]);
    expect(await batch.count('received_total')).toBe(sent);
    expect((await batch.count('remembered_total')) + (await batch.count('handed_over_total'))).toBe(sent);
    expect(await batch.count('dropped_total')).toBe(0);
  });
});
