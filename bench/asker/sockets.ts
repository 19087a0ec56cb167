import { AF_INET, MSG_DONTWAIT, SO_RCVBUF, SOCK_DGRAM, SOL_SOCKET } from '#libc/constants.ts';
import { checked } from '#libc/errno.ts';
import { socketAddress } from '#libc/socket-address.ts';
import { DatagramBatch } from '../support/datagram-batch.ts';
import { addressOf, IPPROTO_TCP, libc, recv, SOCK_STREAM, TCP_NODELAY } from '../support/libc.ts';

/** Called for every message that is there, with where its header begins. */
export type OnMessage = (octets: Buffer, offset: number) => void;

/** One socket of the asker's. */
export interface AskerSocket {
  readonly fd: number;
  /** Hands on what has come, without waiting. */
  receive(onMessage: OnMessage): void;
}

const int = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeInt32LE(value);
  return octets;
};

const connected = (type: number, port: number): number => {
  const fd = checked(libc, 'socket', libc.socket(AF_INET, type, 0));
  const address = socketAddress('127.0.0.1', port, 4);
  checked(libc, 'connect', libc.connect(fd, address, address.length));
  return fd;
};

/** UDP sockets that share one batch: what is received is looked at before the next is. */
export const udpSockets = (count: number, port: number): readonly AskerSocket[] => {
  const batch = new DatagramBatch(64, 4096);
  return Array.from({ length: count }, () => {
    const fd = connected(SOCK_DGRAM, port);
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int(4 << 20), 4);
    return {
      fd,
      receive(onMessage) {
        const got = libc.recvmmsg(fd, batch.address, batch.count, MSG_DONTWAIT, 0);
        for (let i = 0; i < got; i++) {
          if (batch.received(i) >= 12) onMessage(batch.octets, i * batch.room);
          batch.makeRoom(i);
        }
      },
    };
  });
};

/** A TCP connection that is kept. */
export const tcpSocket = (port: number): AskerSocket => {
  const fd = connected(SOCK_STREAM, port);
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, int(1), 4);
  const octets = Buffer.alloc(1 << 18);
  const address = addressOf(octets);
  let end = 0;
  return {
    fd,
    receive(onMessage) {
      const got = recv(fd, address + end, octets.length - end, MSG_DONTWAIT);
      if (got === 0) throw new Error('the server closed the connection');
      if (got < 0) return; // nothing there
      end += got;
      let at = 0;
      for (; end - at >= 2 && end - at >= 2 + octets.readUInt16BE(at); at += 2 + octets.readUInt16BE(at))
        onMessage(octets, at + 2);
      octets.copyWithin(0, at, end);
      end -= at;
    },
  };
};
