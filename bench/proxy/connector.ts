// Makes new TCP connections, one after the other, to addresses in turn, and prints how many us each took, as JSON. Usage: PORT COUNT ADDRESS...
import { AF_INET, SO_SNDTIMEO, SOL_SOCKET } from '#libc/constants.ts';
import { checked } from '#libc/errno.ts';
import { socketAddress } from '#libc/socket-address.ts';
import { libc, SO_LINGER, SOCK_STREAM } from '../support/libc.ts';

/** While code is compiled and neighbours are learnt. */
const NOT_TIMED = 60;

const [port, count, ...addresses] = process.argv.slice(2);
const targets = addresses.map((address) => socketAddress(address, Number(port), 4));
/** Closes at once by a reset, so that no port waits. */
const reset = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
/** 2 s, then the connection has failed. */
const patience = Buffer.alloc(16);
patience.writeUInt8(2);

const connect = (target: Uint8Array): number => {
  const fd = checked(libc, 'socket', libc.socket(AF_INET, SOCK_STREAM, 0));
  libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, reset, reset.length);
  libc.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, patience, patience.length);
  const began = process.hrtime.bigint();
  const result = libc.connect(fd, target, target.length);
  const took = Number(process.hrtime.bigint() - began) / 1000;
  checked(libc, 'connect', result);
  libc.close(fd);
  return took;
};

const times: number[] = [];
for (let i = 0; i < NOT_TIMED + Number(count); i++) {
  const took = connect(targets[i % targets.length] as Uint8Array);
  if (i >= NOT_TIMED) times.push(took);
}
console.log(JSON.stringify(times));
