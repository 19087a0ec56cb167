import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Libc, loadLibc } from './libc.ts';
import { SharedPorts } from './shared-ports.ts';
import { withoutIpv6 } from './testing.ts';

const libc = await loadLibc();
const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** An instance that has a port, and the number of connections that it was given. */
interface Instance {
  readonly server: Server;
  readonly port: number;
  accepted: number;
  leave(): Promise<void>;
}

/** Each has `SharedPorts` of its own, as each is a process of its own. */
const open = async (host: string, { port = 0, calls = libc as Libc } = {}): Promise<Instance> => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    instance.accepted++;
    sockets.push(socket.on('error', () => undefined));
    socket.on('end', () => socket.end()).resume();
  });
  const shared = await new SharedPorts(calls).listen(server, host, port);
  servers.push(server);
  const instance = {
    server,
    port: (server.address() as { readonly port: number }).port,
    accepted: 0,
    leave: () => shared.leave(),
  };
  return instance;
};

/** Makes connections from as many ports. */
const connectTo = async (address: string, port: number, count: number): Promise<void> => {
  for (let n = 0; n < count; n++) {
    const socket = connect(port, address);
    sockets.push(socket);
    await once(socket, 'connect');
    socket.end();
    await once(socket.resume(), 'end');
  }
};

describe('a shared port', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['', '127.0.0.1'],
    ['', '::1'],
  ])('on "%s" leads new connections to the other instance, whichever came first', async (host, address) => {
    for (const isFirst of [true, false]) {
      const one = await open(host);
      const two = await open(host, { port: one.port });
      const [going, staying] = isFirst ? [one, two] : [two, one];
      await connectTo(address, one.port, 40);
      expect(going.accepted).toBeGreaterThan(0);
      expect(staying.accepted).toBeGreaterThan(0);
      await going.leave();
      const before = [going.accepted, staying.accepted];
      await connectTo(address, one.port, 40);
      expect([going.accepted, staying.accepted]).toEqual([before[0], (before[1] as number) + 40]);
      going.server.close();
      await connectTo(address, one.port, 40);
      // The one that stays hands over to the next in its turn, though its predecessor's steering was never undone.
      const next = await open(host, { port: one.port });
      await staying.leave();
      await connectTo(address, one.port, 40);
      expect(next.accepted).toBe(41);
    }
  });

  it('takes connections as ever where no other instance has it', async () => {
    const alone = await open('127.0.0.1');
    // Who listens elsewhere on the port is no other instance.
    await open('127.0.0.2', alone);
    await alone.leave();
    // Nobody is looked for.
    expect(alone.accepted).toBe(0);
    const later = await open('127.0.0.1', { port: alone.port });
    await connectTo('127.0.0.1', alone.port, 40);
    // Nothing steers: both get their share.
    expect(alone.accepted).toBeGreaterThan(0);
    expect(later.accepted).toBeGreaterThan(0);
  });

  it('is kept where the other instance does not answer', async () => {
    const going = await open('127.0.0.1');
    const other = await open('127.0.0.1', { port: going.port });
    other.server.removeAllListeners('connection');
    other.server.on('connection', (socket) => void sockets.push(socket));
    await going.leave();
    const before = going.accepted;
    for (let n = 0; n < 40; n++) sockets.push(connect(going.port, '127.0.0.1'));
    await Promise.all(sockets.slice(-40).map((socket) => once(socket, 'connect')));
    await expect.poll(() => going.accepted - before).toBeGreaterThan(0);
  });

  it('is kept where a third answers what is sent to it, as where rules send that to another machine', async () => {
    const going = await open('');
    const staying = await open('', { port: going.port });
    // Who has the address itself gets what is sent to it.
    await open('127.0.0.1', { port: going.port });
    await going.leave();
    await connectTo('::1', going.port, 40);
    expect(going.accepted).toBeGreaterThan(0);
    expect(staying.accepted).toBeGreaterThan(0);
  });

  it.each([0, 1, 2])('of three instances the one that came %i after the first leads to the others', async (n) => {
    const first = await open('127.0.0.1');
    const all = [first, await open('127.0.0.1', first), await open('127.0.0.1', first)];
    const [going] = all.splice(n, 1) as [Instance];
    await going.leave();
    const before = going.accepted;
    await connectTo('127.0.0.1', first.port, 40);
    expect(going.accepted).toBe(before);
    expect(all.reduce((sum, { accepted }) => sum + accepted, 0)).toBeGreaterThanOrEqual(40);
  });

  it('is had once in a process, and again when it was closed', async () => {
    const ports = new SharedPorts(libc);
    const listen = async (port: number): Promise<Server> => {
      const server = createServer();
      await ports.listen(server, '127.0.0.1', port);
      servers.push(server);
      return server;
    };
    const first = await listen(0);
    const { port } = first.address() as { readonly port: number };
    await expect(listen(port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await new Promise((resolve) => first.close(resolve));
    await listen(port);
  });

  it('says why it can not be had', async () => {
    const stranger = createServer();
    stranger.listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    servers.push(stranger);
    const { port } = stranger.address() as { readonly port: number };
    await expect(open('127.0.0.1', { port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(open('192.0.2.1')).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });

  it('is not given to who does not share it', async () => {
    const { port } = await open('127.0.0.1');
    const stranger = createServer();
    stranger.listen(port, '127.0.0.1');
    expect(await once(stranger, 'error')).toMatchObject([{ code: 'EADDRINUSE' }]);
  });

  it('is that of IPv4 alone for all addresses where the kernel has no IPv6', async () => {
    const calls = withoutIpv6(libc);
    const one = await open('', { calls });
    const two = await open('', { port: one.port, calls });
    await one.leave();
    const before = two.accepted;
    await connectTo('127.0.0.1', one.port, 10);
    expect(two.accepted - before).toBe(10);
    await expect(open('::1', { calls })).rejects.toMatchObject({ code: 'EAFNOSUPPORT' });
  });
});
