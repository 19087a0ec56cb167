import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '#test/until.ts';
import { POLLIN, SO_RCVBUF, SO_RCVBUFFORCE, SOL_SOCKET } from './constants.ts';
import { type Libc, loadLibc } from './libc.ts';
import { withoutIpv6 } from './testing.ts';
import { UdpSocket } from './udp-socket.ts';

const libc = await loadLibc();
const EPERM = 1;
const opened: UdpSocket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close();
});

const open = (host: string, { port = 0, octets = 65_536, calls = libc as Libc } = {}): UdpSocket => {
  const socket = UdpSocket.open(calls, { host, port, receiveBufferOctets: octets });
  opened.push(socket);
  return socket;
};

/** Sends so many datagrams of this size to 127.0.0.1. */
const sendTo = async (port: number, count: number, octets = 100): Promise<void> => {
  const socket = createSocket('udp4');
  for (let n = 0; n < count; n++) {
    const bytes = Buffer.alloc(octets);
    bytes.writeUInt16BE(n);
    await new Promise<void>((resolve, reject) =>
      socket.send(bytes, port, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
    );
  }
  socket.close();
  await once(socket, 'close');
};

/** True where something can be read. */
const isReadable = ({ fd }: UdpSocket): boolean => {
  const entry = Int32Array.of(fd, POLLIN);
  return libc.poll(libc.addressOf(new Uint8Array(entry.buffer)), 1, 0) > 0;
};

/** The IDs of the datagrams that wait in a socket. */
const idsIn = (socket: UdpSocket): number[] => {
  const ids: number[] = [];
  const bytes = new Uint8Array(2);
  while (isReadable(socket)) {
    libc.read(socket.fd, bytes, 2);
    ids.push(((bytes[0] as number) << 8) | (bytes[1] as number));
  }
  return ids;
};

const bufferOf = ({ fd }: UdpSocket): number => {
  const value = new Uint32Array(1);
  libc.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, Uint32Array.of(4));
  return value[0] as number;
};

describe('UdpSocket', () => {
  it('has a port of its own where the kernel chooses, though others could be shared', () => {
    const ports = Array.from({ length: 700 }, () => open('127.0.0.1').port);
    expect(new Set(ports).size).toBe(700);
  });

  it('shares a port that the kernel has chosen with those that name it', async () => {
    const first = open('127.0.0.1');
    const more = [1, 2, 3].map(() => open('127.0.0.1', { port: first.port }));
    for (let n = 0; n < 40; n++) await sendTo(first.port, 1);
    await until(() => more.some(isReadable) && isReadable(first));
  });

  it('shares its address with others that do, and with nobody else', async () => {
    const first = open('127.0.0.1');
    expect(open('127.0.0.1', { port: first.port }).port).toBe(first.port);
    const stranger = createSocket('udp4');
    stranger.bind(0, '127.0.0.1');
    await once(stranger, 'listening');
    const { port } = stranger.address();
    expect(() => open('127.0.0.1', { port })).toThrow('bind: EADDRINUSE');
    stranger.close();
  });

  it('says why it does not open, and keeps no descriptor of the attempt', () => {
    const before = open('127.0.0.1').fd;
    for (const [host, code] of [
      ['192.0.2.1', 'EADDRNOTAVAIL'],
      ['2001:db8::1', 'EADDRNOTAVAIL'],
      ['fe80::1%nothing', 'EINVAL'],
      ['name', 'not an IP address'],
    ] as const)
      expect(() => open(host)).toThrow(code);
    expect(open('127.0.0.1').fd).toBe(before + 1);
  });

  it('counts what the kernel drops because its buffer is full', async () => {
    const socket = open('127.0.0.1', { octets: 4096 });
    expect(socket.drops).toBe(0);
    await sendTo(socket.port, 50, 1000);
    await until(() => socket.drops > 0);
    const ids = idsIn(socket);
    expect(ids.length).toBeGreaterThan(0);
    await until(() => ids.length + socket.drops === 50);
    const { drops } = socket;
    await sendTo(socket.port, 1);
    expect(socket.drops).toBe(drops);
  });

  it('takes the buffer that the system gives where it may not have a larger one', () => {
    const most = Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8'));
    // What a process without CAP_NET_ADMIN sees.
    let error: number | null = null;
    const calls: Libc = {
      ...libc,
      setsockopt: (fd, level, option, value, octets) => {
        error = option === SO_RCVBUFFORCE ? EPERM : null;
        return error === null ? libc.setsockopt(fd, level, option, value, octets) : -1;
      },
      errno: () => error ?? libc.errno(),
    };
    // The kernel doubles what it is asked for, for its own bookkeeping.
    expect(bufferOf(open('127.0.0.1', { octets: 2 ** 30, calls }))).toBe(2 * most);
  });

  it('takes IPv4 alone for all addresses where the kernel has no IPv6, and fails for an IPv6 address', async () => {
    const calls = withoutIpv6(libc);
    const socket = open('', { calls });
    expect(socket.hasPacketInfo).toBe(true);
    await sendTo(socket.port, 1);
    await until(() => isReadable(socket));
    expect(() => open('::1', { calls })).toThrow('socket: EAFNOSUPPORT');
  });

  it('leaves new datagrams to the other sockets of the address, and keeps what it holds', async () => {
    for (const host of ['127.0.0.1', '']) {
      const first = open(host);
      const sockets = [first, open(host, { port: first.port }), open(host, { port: first.port })];
      const [second, third] = sockets.slice(1) as [UdpSocket, UdpSocket];
      // Each comes from another port, and so each socket gets its share of many.
      for (let n = 0; n < 300 && !isReadable(third); n++) await sendTo(first.port, 1);
      second.refuse();
      third.refuse();
      expect(idsIn(third)).toEqual([0]);
      idsIn(first);
      idsIn(second);
      for (let n = 0; n < 40; n++) await sendTo(first.port, 1);
      await until(() => isReadable(first));
      expect(idsIn(first)).toHaveLength(40);
      expect([second, third].map(isReadable)).toEqual([false, false]);
    }
  });

  it('is for this user alone, though Node.js is given it', async () => {
    const socket = UdpSocket.open(libc, { host: '127.0.0.1', port: 0, receiveBufferOctets: 65_536 });
    const taken = createSocket('udp4');
    taken.bind({ fd: socket.fd });
    socket.keepToUser();
    const stranger = createSocket({ type: 'udp4', reuseAddr: true });
    stranger.bind(socket.port, '127.0.0.1');
    expect(await once(stranger, 'error')).toMatchObject([{ code: 'EADDRINUSE' }]);
    stranger.close();
    taken.close();
  });
});
