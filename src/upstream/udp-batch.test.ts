import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EAGAIN, SO_REUSEADDR, SOL_SOCKET } from '#libc/constants.ts';
import { type Libc, loadLibc } from '#libc/libc.ts';
import { UdpBatch } from './udp-batch.ts';
import { openDgramLink, type UdpLink } from './udp-link.ts';

const libc = await loadLibc();
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** An upstream that keeps what it gets, and who sent it. */
const listen = async (type: 'udp4' | 'udp6' = 'udp4') => {
  const socket: Socket = createSocket(type);
  const got: { readonly text: string; readonly port: number; readonly address: string }[] = [];
  socket.on('message', (bytes, { port, address }) => got.push({ text: bytes.toString('latin1'), port, address }));
  socket.bind(0, type === 'udp4' ? '127.0.0.1' : '::1');
  await once(socket, 'listening');
  closing.push(() => socket.close());
  return { socket, got, port: socket.address().port };
};

/** Opens a link and keeps what it tells. */
const opened = (
  open: UdpBatch['open'],
  port: number,
  { host = '127.0.0.1', sourceAddress = null as string | null } = {},
) => {
  const messages: Buffer[] = [];
  const errors: Error[] = [];
  const link: UdpLink = open(
    { host, port, tls: null, sourceAddress },
    { message: (bytes) => messages.push(Buffer.from(bytes)), failed: (error) => errors.push(error) },
  );
  closing.unshift(() => link.close());
  return { link, messages, errors };
};

/** The calls that `changed` does not replace, with the number of times each was made. */
const counting = (changed: Partial<Libc> = {}) => {
  const calls = { sendmmsg: 0, recvmmsg: 0, poll: 0 };
  const counted: Libc = {
    ...libc,
    ...changed,
    sendmmsg: (...given) => {
      calls.sendmmsg++;
      return (changed.sendmmsg ?? libc.sendmmsg)(...given);
    },
    recvmmsg: (...given) => {
      calls.recvmmsg++;
      return (changed.recvmmsg ?? libc.recvmmsg)(...given);
    },
    poll: (...given) => {
      calls.poll++;
      return libc.poll(...given);
    },
  };
  return { calls, libc: counted };
};

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `message ${i}`);

describe('a batch of UDP links', () => {
  it('sends what it was given in one turn, in order, by one system call for each 64 of a link', async () => {
    const { got, port } = await listen();
    const { calls, libc: counted } = counting();
    const { link } = opened(new UdpBatch(counted).open, port);
    for (const text of numbers(100)) link.send(Buffer.from(text));
    await vi.waitFor(() => expect(got).toHaveLength(100));
    expect(got.map(({ text }) => text)).toEqual(numbers(100));
    expect(calls.sendmmsg).toBe(2);
  });

  it('takes the replies that wait in other links together with the first, each for its own link', async () => {
    const { socket, got, port } = await listen();
    const { calls, libc: counted } = counting();
    const batch = new UdpBatch(counted);
    const links = Array.from({ length: 4 }, () => opened(batch.open, port));
    for (const { link } of links) link.send(Buffer.from('query'));
    await vi.waitFor(() => expect(got).toHaveLength(4));
    // Sent without giving the links a turn of the event loop in between.
    const sent = got.flatMap(({ port: to }) => numbers(5).map((text) => ({ to, text })));
    await Promise.all(
      sent.map(({ to, text }) => new Promise((resolve) => socket.send(`${text} to ${to}`, to, '127.0.0.1', resolve))),
    );
    await vi.waitFor(() => expect(links.map(({ messages }) => messages.length)).toEqual([5, 5, 5, 5]));
    for (const { link, messages } of links) {
      const own = link.local.split(':')[1];
      expect(messages.map(String)).toEqual(numbers(5).map((text) => `${text} to ${own}`));
    }
    expect(calls.recvmmsg).toBeGreaterThan(0);
    expect(calls.recvmmsg).toBeLessThan(20);
  });

  it('gives datagrams whole up to the largest', async () => {
    const { socket, got, port } = await listen();
    const batch = new UdpBatch(libc);
    const links = [opened(batch.open, port), opened(batch.open, port)];
    const large = Buffer.alloc(65_507, 'large');
    for (const { link } of links) link.send(large);
    await vi.waitFor(() => expect(got).toHaveLength(2));
    expect(got.every(({ text }) => text === large.toString('latin1'))).toBe(true);
    for (const { port: to } of got) socket.send(large, to, '127.0.0.1');
    await vi.waitFor(() => expect(links.map(({ messages }) => messages.length)).toEqual([1, 1]));
    for (const { messages } of links) expect(messages[0]?.equals(large)).toBe(true);
  });

  it('sends the rest later where a send buffer is full', async () => {
    const { got, port } = await listen();
    let calls = 0;
    const full: Libc = {
      ...libc,
      errno: () => (calls === 2 ? EAGAIN : libc.errno()),
      sendmmsg: (fd, headers, count, flags) => {
        calls++;
        return calls === 2 ? -1 : libc.sendmmsg(fd, headers, calls === 1 ? 3 : count, flags);
      },
    };
    const { link, errors } = opened(new UdpBatch(full).open, port);
    for (const text of numbers(10)) link.send(Buffer.from(text));
    await vi.waitFor(() => expect(got).toHaveLength(10));
    expect(got.map(({ text }) => text)).toEqual(numbers(10));
    expect(errors).toEqual([]);
  });

  it('tells that nobody listens, whichever call hears of it', async () => {
    const { socket, port } = await listen();
    closing.splice(closing.length - 1, 1);
    await new Promise<void>((resolve) => socket.close(resolve));
    const { link, errors } = opened(new UdpBatch(libc).open, port);
    link.send(Buffer.from('query'));
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0));
    expect(errors[0]).toMatchObject({ code: 'ECONNREFUSED', syscall: expect.stringMatching(/^(?:recvmm?sg|send)$/) });
  });

  it('speaks IPv6, and from the address that it is told to', async () => {
    const six = await listen('udp6');
    opened(new UdpBatch(libc).open, six.port, { host: '::1' }).link.send(Buffer.from('six'));
    const four = await listen();
    opened(new UdpBatch(libc).open, four.port, { sourceAddress: '127.0.0.9' }).link.send(Buffer.from('four'));
    await vi.waitFor(() => expect([six.got.length, four.got.length]).toEqual([1, 1]));
    expect([six.got[0]?.address, four.got[0]?.address]).toEqual(['::1', '127.0.0.9']);
  });

  it('lets nobody else have its port', async () => {
    const { port } = await listen();
    const fds: number[] = [];
    const { libc: seen } = counting({
      connect: (fd, address, octets) => {
        fds.push(fd);
        return libc.connect(fd, address, octets);
      },
    });
    opened(new UdpBatch(seen).open, port);
    const value = Uint32Array.of(7);
    expect(libc.getsockopt(fds[0] as number, SOL_SOCKET, SO_REUSEADDR, value, Uint32Array.of(4))).toBe(0);
    expect(value[0]).toBe(0);
  });

  it('leaves no descriptor open, whether links could be opened or not', async () => {
    const { port } = await listen();
    const batch = new UdpBatch(libc);
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let i = 0; i < 50; i++) {
      opened(batch.open, port).link.close();
      opened(batch.open, port, { sourceAddress: '192.0.2.1' }).link.close();
    }
    expect(open()).toBe(before);
  });
});

describe.each([
  ['batches', new UdpBatch(libc).open],
  ['dgram', openDgramLink],
])('a link by %s', (_, open) => {
  it('tells once, and later, that it could not be opened, and sends nothing', async () => {
    const { got, port } = await listen();
    const { link, errors } = opened(open, port, { sourceAddress: '192.0.2.1' });
    link.send(Buffer.from('query'));
    expect(errors).toEqual([]);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(errors).toMatchObject([{ code: 'EADDRNOTAVAIL', syscall: 'bind' }]);
    expect(got).toEqual([]);
  });
});
