import { afterEach, describe, expect, it } from 'vitest';
import { HttpEndpoint } from '#http-endpoint/endpoint.ts';
import { Log } from '#log/log.ts';
import { type Instance, SharedResources } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testServices } from '#plugin/testing.ts';
import ready from './index.ts';

class KnownResources extends SharedResources {
  readonly endpoints: HttpEndpoint[] = [];
  override claim<T extends { close(): void | Promise<void> }>(key: string, create: () => T) {
    const lease = super.claim(key, create);
    if (lease.value instanceof HttpEndpoint) this.endpoints.push(lease.value);
    return lease;
  }
}

const running: Instance[] = [];
afterEach(async () => {
  for (const instance of running.splice(0)) await instance.stop?.();
});

/** Starts it as the server does. */
const begin = async (instance: Instance | null): Promise<void> => {
  await instance?.start?.();
  await instance?.serving?.();
};

/** A plugin whose readiness the test sets. */
const plugin = (): { isNow: boolean; asked: number; isReady(): boolean } => ({
  isNow: false,
  asked: 0,
  isReady() {
    this.asked++;
    return this.isNow;
  },
});

const setup = (stanza: string, plugins: Record<string, Instance> = {}, shared = new KnownResources()) => {
  const sink = new RecordingSink();
  const services = testServices({ log: new Log(sink), shared });
  const made = setupPlugin(ready, stanza, { services, instances: new Map(Object.entries(plugins)) });
  if (made.instance !== null) running.push(made.instance);
  const ask = async (): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${shared.endpoints[0]?.port}/ready`);
    return `${response.status} ${await response.text()}`;
  };
  return { ...made, sink, shared, ask };
};
const messages = (stanza: string): string[] => setup(stanza).faults.list.map(({ message }) => message);

describe('ready', () => {
  it('is OK where no plugin has anything to wait for', async () => {
    const { instance, ask } = setup('ready 127.0.0.1:0', { whoami: {} });
    await begin(instance);
    expect(await ask()).toBe('200 OK');
  });

  it('names the plugins that are not ready, in the reply and in the log', async () => {
    const [kubernetes, erratic] = [plugin(), plugin()];
    const { instance, ask, sink } = setup('ready 127.0.0.1:0', { kubernetes, erratic });
    await begin(instance);
    expect(await ask()).toBe('503 erratic,kubernetes');
    erratic.isNow = true;
    expect(await ask()).toBe('503 kubernetes');
    kubernetes.isNow = true;
    expect(await ask()).toBe('200 OK');
    expect(sink.lines).toEqual([
      'info plugin/ready: Plugins not ready: "erratic,kubernetes"',
      'info plugin/ready: Plugins not ready: "kubernetes"',
    ]);
  });

  it('is not ready before the sockets are open, also where no plugin has anything to wait for', async () => {
    const { instance, shared, ask } = setup('ready 127.0.0.1:0');
    await instance?.start?.();
    expect(await ask()).toBe('503 server');
    await instance?.serving?.();
    expect(await ask()).toBe('200 OK');
    const reloaded = setup('ready 127.0.0.1:0', {}, shared);
    await reloaded.instance?.start?.();
    expect(await ask()).toBe('200 OK');
  });

  it('does not ask again who was ready once', async () => {
    const kubernetes = plugin();
    const { instance, ask } = setup('ready 127.0.0.1:0', { kubernetes });
    await begin(instance);
    kubernetes.isNow = true;
    await ask();
    kubernetes.isNow = false;
    expect(await ask()).toBe('200 OK');
    expect(kubernetes.asked).toBe(1);
  });

  it('asks again each time with monitor continuously', async () => {
    const kubernetes = plugin();
    const { instance, ask } = setup('ready 127.0.0.1:0 {\n monitor continuously\n}', { kubernetes });
    await begin(instance);
    kubernetes.isNow = true;
    expect(await ask()).toBe('200 OK');
    kubernetes.isNow = false;
    expect(await ask()).toBe('503 kubernetes');
  });

  it('waits for the plugins of every block that has it', async () => {
    const [one, two] = [plugin(), plugin()];
    const first = setup('ready 127.0.0.1:0', { kubernetes: one });
    const second = setup('ready 127.0.0.1:0', { kubernetes: two }, first.shared);
    await begin(first.instance);
    await begin(second.instance);
    two.isNow = true;
    expect(await first.ask()).toBe('503 kubernetes');
    one.isNow = true;
    expect(await first.ask()).toBe('200 OK');
  });

  it('goes on over a reload, with the new plugins only', async () => {
    const [old, fresh] = [plugin(), plugin()];
    const first = setup('ready 127.0.0.1:0', { kubernetes: old });
    await begin(first.instance);
    const second = setup('ready 127.0.0.1:0', { kubernetes: fresh }, first.shared);
    await begin(second.instance);
    await first.instance?.stop?.();
    fresh.isNow = true;
    expect(await first.ask()).toBe('200 OK');
    expect(old.asked).toBe(0);
  });

  it('closes its port when lameduck mode begins', async () => {
    const { instance, ask } = setup('ready 127.0.0.1:0');
    await begin(instance);
    await instance?.lameduck?.();
    await expect(ask()).rejects.toThrow();
    await instance?.stop?.();
  });

  it('stays open for the other blocks until they go too', async () => {
    const first = setup('ready 127.0.0.1:0');
    const second = setup('ready 127.0.0.1:0', {}, first.shared);
    await begin(first.instance);
    await begin(second.instance);
    await first.instance?.lameduck?.();
    expect(await first.ask()).toBe('200 OK');
  });

  it.each([
    ['ready bla', 'address bla: missing port in address'],
    ['ready a:1 b', "Error during parsing: Wrong argument count or unexpected line ending after 'b'"],
    ['ready {\n monitor 404\n}', "monitor type '404' not supported"],
    ['ready {\n monitor\n}', "Error during parsing: Wrong argument count or unexpected line ending after 'monitor'"],
    ['ready {\n monitro continuously\n}', "unknown property 'monitro'"],
    ['ready\nready', 'this plugin can only be used once per Server Block'],
  ])('refuses %j', (stanza, message) => {
    expect(messages(stanza)).toEqual([message]);
  });
});
