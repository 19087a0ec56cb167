/** `Receiver` and `Sender` on real sockets of this machine. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { loadLibc } from '#libc/libc.ts';
import { localAddressOf, turnAround } from '#libc/packet-info.ts';
import { hostOf, isIPv4Peer, portOf, socketAddress } from '#libc/socket-address.ts';
import { UdpSocket } from '#libc/udp-socket.ts';
import { until } from '#test/until.ts';
import { BATCH, Receiver } from './receiver.ts';
import { Sender } from './sender.ts';

const libc = await loadLibc();
const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const open = (host: string, port = 0): UdpSocket => {
  const socket = UdpSocket.open(libc, { host, port, receiveBufferOctets: 4 * 1024 * 1024 });
  closers.push(() => socket.close());
  return socket;
};

/** A dgram client with the datagrams that came to it. */
const client = async (address: string): Promise<{ socket: Socket; got: string[]; from: string[] }> => {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const got: string[] = [];
  const from: string[] = [];
  socket.on('message', (bytes, remote) => {
    got.push(bytes.toString('latin1'));
    from.push(remote.address);
  });
  socket.bind(0, address);
  await once(socket, 'listening');
  closers.push(() => socket.close());
  return { socket, got, from };
};

const send = (socket: Socket, bytes: Uint8Array, port: number, address: string): Promise<void> =>
  new Promise((resolve, reject) => socket.send(bytes, port, address, (error) => (error ? reject(error) : resolve())));

interface Received {
  readonly bytes: Uint8Array;
  readonly isCut: boolean;
  readonly from: string;
  readonly port: number;
  readonly isIPv4: boolean;
  readonly controlOctets: number;
  /** Our address that it was sent to, as it came and as it is when turned around. */
  readonly to: readonly [string, string];
}

const look = (receiver: Receiver, i: number): Received => {
  const { headers, names, controls, slots } = receiver;
  const controlOctets = headers.controlOctets(i);
  const asked = localAddressOf(controls, 40 * i, controlOctets);
  turnAround(controls, 40 * i, controlOctets);
  return {
    bytes: (slots[i] as Uint8Array).slice(0, headers.length(i)),
    isCut: receiver.isCut(i),
    from: hostOf(names, 32 * i),
    port: portOf(names, 32 * i),
    isIPv4: isIPv4Peer(names, 32 * i),
    controlOctets,
    to: [asked, localAddressOf(controls, 40 * i, controlOctets)],
  };
};

/** So many datagrams, in as many batches as they come in. */
const receive = async (receiver: Receiver, { fd }: UdpSocket, count: number): Promise<Received[]> => {
  const all: Received[] = [];
  await until(() => {
    const found = receiver.receive(fd);
    expect(found).toBeLessThanOrEqual(BATCH);
    for (let i = 0; i < found; i++) all.push(look(receiver, i));
    receiver.rearm(found);
    return all.length >= count;
  });
  return all;
};

describe('Receiver', () => {
  it('takes datagrams with their senders, at most 64 at a time', async () => {
    const socket = open('127.0.0.1');
    const receiver = new Receiver(libc);
    expect(receiver.receive(socket.fd)).toBe(0);
    const asker = await client('127.0.0.1');
    for (let n = 0; n < BATCH + 2; n++) await send(asker.socket, Buffer.alloc(n, n), socket.port, '127.0.0.1');
    const { port } = asker.socket.address();
    expect(await receive(receiver, socket, BATCH + 2)).toEqual(
      Array.from({ length: BATCH + 2 }, (_, n) => ({
        bytes: new Uint8Array(n).fill(n),
        isCut: false,
        from: '127.0.0.1',
        port,
        isIPv4: true,
        controlOctets: 0,
        to: ['', ''],
      })),
    );
  });

  it('marks a message that is larger than its slot as cut, and no other after it', async () => {
    const socket = open('127.0.0.1');
    const receiver = new Receiver(libc);
    const asker = await client('127.0.0.1');
    for (const size of [4096, 4097, 65_000, 10]) {
      await send(asker.socket, Buffer.alloc(size, size), socket.port, '127.0.0.1');
      const [found] = await receive(receiver, socket, 1);
      expect([found?.isCut, found?.bytes]).toEqual([size > 4096, new Uint8Array(Math.min(size, 4096)).fill(size)]);
    }
  });

  it('tells on a socket for all addresses which was asked, over both families', async () => {
    const socket = open('');
    const receiver = new Receiver(libc);
    for (const [from, to] of [
      ['127.0.0.1', '127.0.0.1'],
      ['127.0.0.1', '127.0.0.9'],
      ['::1', '::1'],
    ] as const) {
      const asker = await client(from);
      await send(asker.socket, Buffer.from('x'), socket.port, to);
      const found = await receive(receiver, socket, 1);
      expect(found).toMatchObject([{ from, isIPv4: from !== '::1', controlOctets: 40, to: [to, to] }]);
    }
  });

  it('throws where its socket is none', () => {
    expect(() => new Receiver(libc).receive(-1)).toThrow('recvmmsg: EBADF');
  });
});

describe('Sender', () => {
  /** Puts a reply to an address down. */
  const put = (sender: Sender, text: string, to: { host: string; port: number }): void => {
    const room = sender.room(text.length);
    sender.octets.set(Buffer.from(text, 'latin1'), room);
    const name = socketAddress(to.host, to.port, 4);
    kept.push(name);
    sender.add(text.length, libc.addressOf(name), name.length, 0, 0);
  };
  /** Addresses must stay where they are until the batch is sent. */
  const kept: unknown[] = [];

  it('sends a batch, and has room for the next', async () => {
    const socket = open('127.0.0.1');
    const asker = await client('127.0.0.1');
    const to = { host: '127.0.0.1', port: asker.socket.address().port };
    const sender = new Sender(libc, 4, 64);
    for (const round of [0, 1]) {
      for (const text of ['a', 'bbbbbbbb', 'cc', '']) put(sender, text, to);
      expect([sender.count, sender.room(1)]).toEqual([4, -1]);
      expect(sender.flush(socket.fd)).toBe(0);
      expect(sender.count).toBe(0);
      await until(() => asker.got.length === 4 * (round + 1));
    }
    expect(asker.got.slice(4)).toEqual(['a', 'bbbbbbbb', 'cc', '']);
    expect([sender.room(64), sender.room(65)]).toEqual([0, -1]);
  });

  it('leaves out each message that the kernel refuses, wherever it stands, and sends the rest', async () => {
    const socket = open('127.0.0.1');
    const asker = await client('127.0.0.1');
    const good = { host: '127.0.0.1', port: asker.socket.address().port };
    const noPort = { host: '127.0.0.1', port: 0 };
    // From a socket of the loopback interface there is no way there.
    const noWay = { host: '192.0.2.1', port: 53 };
    const sender = new Sender(libc, 8, 1024);
    for (const [text, to] of [
      ['x', noPort],
      ['1', good],
      ['x', noWay],
      ['x', noPort],
      ['2', good],
      ['3', good],
      ['x', noPort],
    ] as const)
      put(sender, text, to);
    expect(sender.flush(socket.fd)).toBe(4);
    await until(() => asker.got.length === 3);
    expect(asker.got).toEqual(['1', '2', '3']);
  });

  it('fails to send from an address that is not ours, and sends the rest from the address that was asked', async () => {
    const socket = open('');
    const asker = await client('127.0.0.1');
    const sender = new Sender(libc, 8, 1024);
    for (const to of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) {
      const receiver = new Receiver(libc);
      kept.push(receiver);
      await send(asker.socket, Buffer.from(to), socket.port, to);
      const [found] = await receive(receiver, socket, 1);
      sender.octets.set(found?.bytes ?? [], sender.room(9));
      // The address stands at octet 16, as ::ffff:127.0.0.3.
      if (to === '127.0.0.3') receiver.controls.set([192, 0, 2, 77], 28);
      sender.add(9, receiver.nameAddress(0), 28, receiver.controlAddress(0), 40);
    }
    expect(sender.flush(socket.fd)).toBe(1);
    await until(() => asker.got.length === 2);
    expect(asker.from).toEqual(['127.0.0.2', '127.0.0.4']);
    expect(asker.got).toEqual(asker.from);
  });
});
