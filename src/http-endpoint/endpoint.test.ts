import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readHttpAddress } from './address.ts';
import { claimEndpoint, type EndpointResources } from './claim.ts';
import { ANY_PATH, HttpEndpoint } from './endpoint.ts';

const opened: HttpEndpoint[] = [];
const open = async (address = '127.0.0.1:0'): Promise<HttpEndpoint> => {
  const endpoint = new HttpEndpoint(address);
  opened.push(endpoint);
  await endpoint.open();
  return endpoint;
};
afterEach(async () => {
  for (const endpoint of opened.splice(0)) await endpoint.close();
});
const get = (endpoint: HttpEndpoint, path: string, init?: RequestInit): Promise<Response> =>
  fetch(`http://127.0.0.1:${endpoint.port}${path}`, init);

describe('an HTTP endpoint', () => {
  it('answers GET and HEAD on its paths and 404 on others', async () => {
    const endpoint = await open();
    endpoint.serve('/health', () => ({ status: 200, body: 'OK' }));
    const response = await get(endpoint, '/health?full=1');
    expect([response.status, await response.text(), response.headers.get('content-type')]).toEqual([
      200,
      'OK',
      'text/plain; charset=utf-8',
    ]);
    const head = await get(endpoint, '/health', { method: 'HEAD' });
    expect([head.status, await head.text(), head.headers.get('content-length')]).toEqual([200, '', '2']);
    const missing = await get(endpoint, '/');
    expect(missing.status).toBe(404);
    expect(missing.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await get(endpoint, '/health/')).status).toBe(404);
    expect((await get(endpoint, '/health', { method: 'POST', body: 'x' })).status).toBe(405);
  });

  it('answers a path by its newest handler, and by the one before when that is gone', async () => {
    const endpoint = await open();
    const endOld = endpoint.serve('/x', () => ({ status: 200, body: 'old' }));
    const endNew = endpoint.serve('/x', () => ({ status: 200, body: 'new' }));
    expect(await (await get(endpoint, '/x')).text()).toBe('new');
    endNew();
    expect(await (await get(endpoint, '/x')).text()).toBe('old');
    endOld();
    expect((await get(endpoint, '/x')).status).toBe(404);
  });

  it('answers any path that nobody serves where a handler takes all', async () => {
    const endpoint = await open();
    endpoint.serve(ANY_PATH, () => ({ status: 200, body: 'any' }));
    endpoint.serve('/x', () => ({ status: 200, body: 'x' }));
    expect(await (await get(endpoint, '/x')).text()).toBe('x');
    expect(await (await get(endpoint, '/healthz?a=b')).text()).toBe('any');
    expect(await (await get(endpoint, '/')).text()).toBe('any');
  });

  it('answers 500 where a handler fails, and goes on', async () => {
    const endpoint = await open();
    endpoint.serve('/x', () => Promise.reject(new Error('no disk')));
    const response = await get(endpoint, '/x');
    expect([response.status, await response.text()]).toEqual([500, 'no disk\n']);
    expect((await get(endpoint, '/x')).status).toBe(500);
  });

  it.each([
    ['gzip', true],
    ['deflate, gzip;q=1.0, *;q=0.5', true],
    ['gzip;q=0', false],
    ['identity', false],
  ])('reads Accept-Encoding %s as %s for gzip', async (accepted, expected) => {
    const endpoint = await open();
    let accepts: boolean | null = null;
    endpoint.serve('/x', ({ acceptsGzip }) => {
      accepts = acceptsGzip;
      return { status: 200, body: '' };
    });
    await get(endpoint, '/x', { headers: { 'accept-encoding': accepted } });
    expect(accepts).toBe(expected);
  });

  it('refuses headers of more than 16 KiB', async () => {
    const endpoint = await open();
    const response = await get(endpoint, '/', { headers: { big: 'x'.repeat(20_000) } });
    expect(response.status).toBe(431);
  });

  it('survives what is not HTTP', async () => {
    const endpoint = await open();
    endpoint.serve('/x', () => ({ status: 200, body: 'still here' }));
    const socket = connect(endpoint.port, '127.0.0.1');
    socket.end('\0\x01\x02 nonsense\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    expect(await (await get(endpoint, '/x')).text()).toBe('still here');
  });

  it('says in the words of Go that an address is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await expect(new HttpEndpoint(`127.0.0.1:${port}`).open()).rejects.toThrow(
      `listen tcp 127.0.0.1:${port}: bind: address already in use`,
    );
    taken.close();
  });

  it('refuses a port that is no number when it opens', async () => {
    await expect(new HttpEndpoint('bla:a').open()).rejects.toThrow('lookup tcp/a: unknown port');
  });

  it('listens on localhost', async () => {
    const endpoint = await open('localhost:0');
    expect((await get(endpoint, '/')).status).toBe(404);
  });
});

describe('claiming an endpoint', () => {
  const resources = (endpoints: HttpEndpoint[]): EndpointResources => ({
    claim: (_key, create) => {
      const value = create();
      endpoints.push(value);
      return { value, release: () => value.close() };
    },
  });

  it('takes all addresses for loopback where the server is lenient', async () => {
    const made: HttpEndpoint[] = [];
    const claim = { shared: resources(made), address: ':0', isLenient: true, warn: () => undefined };
    const claimed = await claimEndpoint(claim);
    expect(made[0]?.address).toBe('127.0.0.1:0');
    await claimed?.release();
  });

  it('makes a busy port a warning where the server is lenient, else an error', async () => {
    const busy = await open();
    const address = `127.0.0.1:${busy.port}`;
    const warnings: string[] = [];
    const claim = { shared: resources([]), address, warn: (message: string) => void warnings.push(message) };
    expect(await claimEndpoint({ ...claim, isLenient: true })).toBeNull();
    expect(warnings).toEqual([`listen tcp ${address}: bind: address already in use`]);
    await expect(claimEndpoint({ ...claim, isLenient: false })).rejects.toThrow('address already in use');
  });
});

describe('an endpoint on a port that another instance has, too', () => {
  it('answers, and asks for new connections, until the other one has them all', async () => {
    let hasLeft = (): void => undefined;
    const left = new Promise<void>((resolve) => {
      hasLeft = resolve;
    });
    const endpoint = new HttpEndpoint('127.0.0.1:0', null, {
      listen: async (server, host, port) => {
        await new Promise<void>((resolve) => server.listen({ host, port }, resolve));
        return { leave: () => left };
      },
    });
    await endpoint.open();
    endpoint.serve('/health', () => ({ status: 200, body: 'OK' }));
    const url = `http://127.0.0.1:${endpoint.port}/health`;
    expect((await fetch(url)).headers.get('connection')).toBe('keep-alive');
    const closed = endpoint.close();
    const reply = await fetch(url);
    expect([reply.status, reply.headers.get('connection')]).toEqual([200, 'close']);
    hasLeft();
    await closed;
    await expect(fetch(url)).rejects.toThrow();
  });
});

describe('an HTTP address', () => {
  it.each([
    [':8080', { host: '', port: '8080' }],
    ['localhost:9153', { host: 'localhost', port: '9153' }],
    ['[::1]:80', { host: '::1', port: '80' }],
    ['bla', 'address bla: missing port in address'],
    ['::1:80', 'address ::1:80: too many colons in address'],
    ['[::1]', 'address [::1]: missing port in address'],
    ['[::1:80', "address [::1:80: missing ']' in address"],
    ['/foo', 'address /foo: missing port in address'],
  ])('reads %s', (text, expected) => {
    expect(readHttpAddress(text)).toEqual(expected);
  });
});
