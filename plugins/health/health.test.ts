import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { HttpEndpoint } from '#http-endpoint/endpoint.ts';
import { Log } from '#log/log.ts';
import { type Instance, SharedResources } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testServices } from '#plugin/testing.ts';
import { until } from '#test/until.ts';
import health from './index.ts';

/** Knows the endpoints that were claimed, so that a test can find their ports. */
class KnownResources extends SharedResources {
  readonly endpoints: HttpEndpoint[] = [];
  override claim<T extends { close(): void | Promise<void> }>(key: string, create: () => T) {
    const lease = super.claim(key, create);
    if (lease.value instanceof HttpEndpoint) this.endpoints.push(lease.value);
    return lease;
  }
  get port(): number {
    return this.endpoints.at(-1)?.port ?? 0;
  }
}

const running: Instance[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const instance of running.splice(0)) await instance.stop?.();
});

const setup = (stanza: string, shared = new KnownResources(), isLenient = false) => {
  const sink = new RecordingSink();
  const services = testServices({ log: new Log(sink), shared, isLenient });
  const made = setupPlugin(health, stanza, { services });
  if (made.instance !== null) running.push(made.instance);
  return { ...made, sink, shared, services };
};
const messages = (stanza: string): string[] => setup(stanza).faults.list.map(({ message }) => message);

describe('health', () => {
  it('answers OK on /health and 404 elsewhere', async () => {
    const { instance, shared } = setup('health 127.0.0.1:0');
    await instance?.start?.();
    const response = await fetch(`http://127.0.0.1:${shared.port}/health`);
    expect([response.status, await response.text()]).toEqual([200, 'OK']);
    expect((await fetch(`http://127.0.0.1:${shared.port}/`)).status).toBe(404);
  });

  it('goes on answering over a reload and stops with the last configuration', async () => {
    const first = setup('health 127.0.0.1:0');
    await first.instance?.start?.();
    const { port } = first.shared;
    const second = setup('health 127.0.0.1:0', first.shared);
    await second.instance?.start?.();
    await first.instance?.stop?.();
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    await second.instance?.stop?.();
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
  });

  it('polls itself and counts how long that takes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { instance, services } = setup('health 127.0.0.1:0');
    await instance?.start?.();
    instance?.serving?.();
    vi.advanceTimersByTime(1000);
    const durations = services.metrics.histogram({
      name: 'coredns_health_request_duration_seconds',
      help: '',
      buckets: [],
    });
    const count = (): number => durations.at().counts.reduce((sum, n) => sum + n, 0);
    await until(() => count() === 1);
    expect(await services.metrics.render()).toContain('coredns_health_request_failures_total 0\n');
  });

  it('counts a poll that fails and warns', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { instance, shared, services, sink } = setup('health 127.0.0.1:0');
    await instance?.start?.();
    const { port } = shared;
    instance?.serving?.();
    const [endpoint] = shared.endpoints;
    const closed = vi.spyOn(endpoint as HttpEndpoint, 'port', 'get').mockReturnValue(port);
    await endpoint?.close();
    vi.advanceTimersByTime(1000);
    await until(() => sink.lines.length > 0);
    expect(sink.lines[0]).toContain(
      `warning plugin/health: Local health request to "http://127.0.0.1:${port}/health" failed: `,
    );
    expect(await services.metrics.render()).toContain('coredns_health_request_failures_total 1\n');
    closed.mockRestore();
  });

  it('waits in lameduck mode and says so', async () => {
    vi.useFakeTimers();
    const { instance, sink } = setup('health 127.0.0.1:0 {\n lameduck 5s\n}');
    let isOver = false;
    void instance?.lameduck?.().then(() => {
      isOver = true;
    });
    vi.useRealTimers();
    expect(sink.lines).toEqual(['info plugin/health: Going into lameduck mode for 5s']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    await instance?.stop?.();
    await until(() => isOver);
  });

  it('has no lameduck mode without being told to', async () => {
    const { instance, sink } = setup('health 127.0.0.1:0');
    await instance?.lameduck?.();
    expect(sink.lines).toEqual([]);
  });

  it('makes a busy port an error, or a warning where the server is lenient', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const text = `listen tcp 127.0.0.1:${port}: bind: address already in use`;
    await expect(setup(`health 127.0.0.1:${port}`).instance?.start?.()).rejects.toThrow(text);
    const lenient = setup(`health 127.0.0.1:${port}`, new KnownResources(), true);
    await lenient.instance?.start?.();
    expect(lenient.sink.lines).toEqual([`warning plugin/health: ${text}`]);
    taken.close();
  });

  it.each([
    ['health bla', 'address bla: missing port in address'],
    ['health a b', "Error during parsing: Wrong argument count or unexpected line ending after 'b'"],
    ['health {\n lameduck a\n}', `unable to parse lameduck duration value: 'a' : time: invalid duration "a"`],
    ['health {\n lameduck 5\n}', `unable to parse lameduck duration value: '5' : time: missing unit in duration "5"`],
    ['health {\n lamedudk 4\n}', "unknown property 'lamedudk'"],
  ])('refuses %j', (stanza, message) => {
    expect(messages(stanza)).toEqual([message]);
  });
});
