// The cluster's DNS behind the cache, over UDP and TCP: any name has one address, that of who asks, with a TTL above the cache's own:
// node cluster-dns.mjs ADDRESS
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [address = ''] = process.argv.slice(2);
/** An A record that points to the question's name, TTL 3600, but for its address. */
const RECORD = [0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4] as const;

const replyTo = (query: Buffer, peer: string): Buffer => {
  let end = 12;
  for (let label = query[end] ?? 0; label !== 0; label = query[end] ?? 0) end += label + 1;
  const reply = Buffer.concat([query.subarray(0, end + 5), Buffer.from([...RECORD, ...peer.split('.').map(Number)])]);
  reply.writeUInt16BE(0x8580, 2);
  reply.fill(0, 6, 12);
  reply[7] = 1;
  return reply;
};

const udp = createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
udp.on('message', (query, peer) => udp.send(replyTo(query, peer.address), peer.port, peer.address));
const tcp = createServer({ noDelay: true }, (socket) => {
  const peer = socket.remoteAddress ?? '';
  let waiting = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (part) => {
    waiting = Buffer.concat([waiting, part]);
    const replies: Buffer[] = [];
    while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
      const end = 2 + waiting.readUInt16BE(0);
      const reply = replyTo(waiting.subarray(2, end), peer);
      replies.push(Buffer.from([reply.length >> 8, reply.length & 255]), reply);
      waiting = waiting.subarray(end);
    }
    if (replies.length > 0) socket.write(Buffer.concat(replies));
  });
});
udp.bind(53, address, () => tcp.listen(53, address, () => process.stdout.write('ready\n')));
