// The same loop as echo.c from JavaScript: what the calls cost when they are made through koffi, before any DNS is done. One thread, which blocks.
//
//   node echo.mjs 127.0.0.1 PORT
import { DatagramBatch } from '../support/datagram-batch.ts';
import {
  AF_INET,
  bind,
  check,
  loopback,
  MSG_WAITFORONE,
  recvmmsg,
  SOCK_DGRAM,
  sendmmsg,
  socket,
} from '../support/libc.ts';

const QR = 0x80;
const batch = new DatagramBatch(64, 4096);
const fd = check('socket', socket(AF_INET, SOCK_DGRAM, 0));
check('bind', bind(fd, loopback(Number(process.argv[3])), 16));

for (;;) {
  const count = recvmmsg(fd, batch.address, batch.count, MSG_WAITFORONE, 0);
  for (let i = 0; i < count; i++) {
    const flags = i * batch.room + 2;
    batch.octets[flags] = (batch.octets[flags] as number) | QR;
    batch.setLength(i, batch.received(i));
  }
  if (count > 0) sendmmsg(fd, batch.address, count, 0);
  for (let i = 0; i < count; i++) batch.makeRoom(i);
}
