// Asks over UDP, each ms, until an answer comes from the cache, and prints when, in ns of the machine's monotonic clock: the cluster's DNS gives the
// address of who asks, so what this program gets without the cache has its own. node first-answer.mjs ADDRESS NAME OWN_ADDRESS
import { createSocket } from 'node:dgram';
import { encodeQuery } from '#test/dns-client.ts';

const [address = '', name = '', own = ''] = process.argv.slice(2);
const EVERY_MS = 1;
const socket = createSocket('udp4');
socket.on('error', () => undefined);
socket.on('message', (reply) => {
  const came = process.hrtime.bigint();
  // NOERROR with an answer; a SERVFAIL is that of a server that is not there yet.
  if (((reply[3] ?? 15) & 15) !== 0 || reply.readUInt16BE(6) === 0) return;
  if (reply.subarray(-4).join('.') !== own) process.stdout.write(`${came}\n`, () => process.exit());
});
socket.bind(0, () => {
  process.stdout.write('ready\n');
  let id = 0;
  setInterval(() => {
    id = (id + 1) & 0xffff;
    socket.send(encodeQuery(name, 'A', { id }), 53, address, () => undefined);
  }, EVERY_MS);
});
