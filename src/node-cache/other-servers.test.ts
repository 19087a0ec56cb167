import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { servedByOthers, socketsOf, socketText } from './other-servers.ts';

describe('sockets of a network namespace', () => {
  it('are found by address and port', () => {
    const wanted = new Set([socketText('169.254.20.10', 53), socketText('fd00::a', 53)]);
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
   76: 0A14FEA9:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 0
   77: 0A14FEA9:0036 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 0
   78: 000000FD00000000000000000A000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4713 2 0000000000000000 0
`;
    expect(socketsOf(table, wanted)).toEqual(['4711', '4713']);
  });

  it("are another's only where they are not of this process", async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    expect(await servedByOthers([{ address: '127.0.0.1', family: 4 }], port)).toBe(false);
    socket.close();
  });
});
