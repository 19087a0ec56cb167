import { describe, expect, it } from 'vitest';
import { nameFromText } from '#dns/name.ts';
import { recordFromText } from '#dns/record-text.ts';
import type { Kind } from '#kube/source.ts';
import { Log } from '#log/log.ts';
import { Answer, failure, isCurrent, type Next, type Query, type Reply, type Services } from '#plugin/index.ts';
import { RecordingSink, testQuery, testServices } from '#plugin/testing.ts';
import { type Outside, ServiceWatchInstance } from './instance.ts';
import type { Watch } from './shared-watch.ts';

/** A watch that a test holds in its hand. */
class TestWatch implements Watch {
  #events: Parameters<Watch['start']>[0] | null = null;
  slotOf: (key: string) => number = () => 0;
  isStopped = false;

  start(events: Parameters<Watch['start']>[0]): void {
    this.#events = events;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
  }

  change(...keys: string[]): void {
    this.#events?.changed(
      'Service',
      keys.map((key) => this.slotOf(key)),
    );
  }

  sync(kind: Kind): void {
    this.#events?.synced(kind);
  }
}

const ZONES = ['cluster.local', 'in-addr.arpa', 'ip6.arpa'].map(nameFromText);
const OPTIONS = { zones: ZONES, connection: { kind: 'in-cluster' }, endpoints: 'headless' } as const;

const bench = async (services: Services = testServices()) => {
  const watch = new TestWatch();
  const outside: Outside = async () => (slotOf) => {
    watch.slotOf = slotOf;
    return watch;
  };
  const instance = new ServiceWatchInstance(OPTIONS, services, outside);
  await instance.start();
  const ask = (name: string, next: Next = () => failure(2), type = 'A') => {
    const query = testQuery(name, type, { generations: services.generations });
    const reply = instance.handle(query, next);
    const { slots, seen } = query.provenance;
    return { query, reply, isStale: () => !isCurrent(services.generations, slots, seen), count: () => slots.length };
  };
  return { services, watch, instance, ask };
};

describe('a query', () => {
  it.each([
    ['web.shop.svc.cluster.local.', 'svc/shop/web'],
    ['WEB.shop.svc.cluster.local.', 'svc/shop/web'],
    ['ep-0.db.shop.svc.cluster.local.', 'svc/shop/db'],
    ['_http._tcp.web.shop.svc.cluster.local.', 'svc/shop/web'],
    ['www.example.com.svc.cluster.local.', 'svc/com/example'],
    ['www.example.com.shop.svc.cluster.local.', 'svc/shop/com'],
    ['7.0.96.10.in-addr.arpa.', 'ip/10.96.0.7'],
    ['7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.', 'ip/2001:db8::7'],
  ])('for %s goes on, and its reply stands on %s', async (name, key) => {
    const { ask, watch } = await bench();
    const asked = ask(name);
    expect(asked.reply).toMatchObject({ rcode: 2 });
    watch.change('svc/shop/other', 'ip/10.96.0.8');
    expect(asked.isStale()).toBe(false);
    watch.change(key);
    expect(asked.isStale()).toBe(true);
  });

  it.each([
    'cluster.local.',
    'shop.svc.cluster.local.',
    'www.example.com.cluster.local.',
    'a.b.c.web.shop.svc.cluster.local.',
    '10-244-0-1.shop.pod.cluster.local.',
    '96.10.in-addr.arpa.',
    'www.example.com.',
    'web.shop.svc.cluster.example.',
  ])('for %s stands on no Service', async (name) => {
    const { ask } = await bench();
    expect(ask(name).count()).toBe(0);
  });

  it('stands on the change, even where that comes while the reply is on its way', async () => {
    const { ask, watch } = await bench();
    let answer = (_: Reply): void => undefined;
    const asked = ask('web.shop.svc.cluster.local.', () => new Promise((resolve) => (answer = resolve)));
    watch.change('svc/shop/web');
    answer(failure(3));
    await asked.reply;
    expect(asked.isStale()).toBe(true);
  });

  it('stands on what its CNAMEs lead to, too', async () => {
    const { ask, watch } = await bench();
    const texts = ['ext.shop.svc.cluster.local. 5 IN CNAME WEB.shop.svc.cluster.local.', 'x.org. 5 IN CNAME y.org.'];
    const next = (): Reply => new Answer({ answer: texts.map((text) => recordFromText(text)) });
    const asked = ask('ext.shop.svc.cluster.local.', next);
    expect(asked.isStale()).toBe(false);
    watch.change('svc/shop/web');
    expect(asked.isStale()).toBe(true);
  });

  it('stands on the first list: what changed before that was not told', async () => {
    const { ask, watch } = await bench();
    const asked = ask('web.shop.svc.cluster.local.');
    watch.sync('Service');
    expect(asked.isStale()).toBe(true);
  });
});

describe('the watch', () => {
  it('is shared by server blocks, handed over at a reload and ended with the last', async () => {
    const services = testServices();
    const [first, second] = [await bench(services), await bench(services)];
    const asked = second.ask('web.shop.svc.cluster.local.');
    await first.instance.stop();
    first.watch.change('svc/shop/web');
    expect([asked.isStale(), first.watch.isStopped]).toEqual([true, false]);
    await second.instance.stop();
    expect(first.watch.isStopped).toBe(true);
    expect(second.ask('web.shop.svc.cluster.local.').count()).toBe(0);
  });

  it('is gone without where there is no way to an API server, and that is said', async () => {
    const sink = new RecordingSink();
    const services = testServices({ log: new Log(sink) });
    const instance = new ServiceWatchInstance(OPTIONS, services, async () => {
      throw new Error('open /token: no such file or directory');
    });
    await instance.start();
    const query: Query = testQuery('web.shop.svc.cluster.local.', 'A', { generations: services.generations });
    expect(instance.handle(query, () => failure(3))).toMatchObject({ rcode: 3 });
    expect(query.provenance.slots).toEqual([]);
    expect(sink.lines).toEqual([
      'warning plugin/service_watch: Services are not watched: open /token: no such file or directory; replies are kept until their TTL is over',
    ]);
    await instance.stop();
  });
});
