// The same loop as echo.c from JavaScript: what the calls cost when they are made through koffi, before any DNS is done. One thread, which blocks.
//
//   node echo.mjs 127.0.0.1 PORT
import { AF_INET, SOCK_DGRAM } from '#libc/constants.ts';
import { checked } from '#libc/errno.ts';
import { socketAddress } from '#libc/socket-address.ts';
import { DatagramBatch } from '../support/datagram-batch.ts';
import { libc, MSG_WAITFORONE } from '../support/libc.ts';

const QR = 0x80;
const batch = new DatagramBatch(64, 4096);
const fd = checked(libc, 'socket', libc.socket(AF_INET, SOCK_DGRAM, 0));
const address = socketAddress('127.0.0.1', Number(process.argv[3]), 4);
checked(libc, 'bind', libc.bind(fd, address, address.length));

for (;;) {
  const count = libc.recvmmsg(fd, batch.address, batch.count, MSG_WAITFORONE, 0);
  for (let i = 0; i < count; i++) {
    const flags = i * batch.room + 2;
    batch.octets[flags] = (batch.octets[flags] as number) | QR;
    batch.setLength(i, batch.received(i));
  }
  if (count > 0) libc.sendmmsg(fd, batch.address, count, 0);
  for (let i = 0; i < count; i++) batch.makeRoom(i);
}
