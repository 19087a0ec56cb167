// An upstream that has an address for any name, and gives it after a while or never: node upstream.mjs PORT DELAY_MS|dead
import { createSocket, type RemoteInfo } from 'node:dgram';

const [port = '', delay = '0'] = process.argv.slice(2);
const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
/** An A record that points to the question's name. */
const RECORD = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 1]);
const TICK_MS = 2;

const reply = (query: Buffer, { port, address }: RemoteInfo): void => {
  let end = 12;
  for (let label = query[end] ?? 0; label !== 0; label = query[end] ?? 0) end += label + 1;
  const octets = Buffer.concat([query.subarray(0, end + 5), RECORD]);
  octets.writeUInt16BE(0x8180, 2);
  octets.fill(0, 6, 12);
  octets[7] = 1;
  socket.send(octets, port, address);
};

const waiting: { readonly dueMs: number; readonly query: Buffer; readonly peer: RemoteInfo }[] = [];
let first = 0;
if (delay !== 'dead')
  socket.on('message', (query, peer) => {
    if (delay === '0') reply(query, peer);
    else waiting.push({ dueMs: performance.now() + Number(delay), query, peer });
  });
setInterval(() => {
  const now = performance.now();
  for (let next = waiting[first]; next !== undefined && next.dueMs <= now; next = waiting[++first])
    reply(next.query, next.peer);
  waiting.splice(0, first);
  first = 0;
}, TICK_MS);
socket.bind(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
