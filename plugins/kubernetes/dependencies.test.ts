import { describe, expect, it } from 'vitest';
import { recordFromText } from '#dns/record-text.ts';
import { Answer, failure, isCurrent, type Reply } from '#plugin/index.ts';
import { testQuery } from '#plugin/testing.ts';
import { type Bench, startBench, TestSource, textOf } from './testing/bench.ts';
import { ask, bench, CLUSTER, namespace, pod, SHOP, service } from './testing/cluster.ts';

describe('namespaces', () => {
  it('answers for the named ones only, reverse names included', async () => {
    const zones = ['cluster.local.', 'in-addr.arpa.'];
    const on = await bench({ zones, stanza: 'kubernetes {\nnamespaces empty\n}' });
    expect(await ask(on, 'web', 'A')).toEqual(['NXDOMAIN']);
    expect(await ask(on, 'empty.svc.cluster.local.', 'A')).toEqual(['NODATA']);
    expect(await ask(on, '7.0.96.10.in-addr.arpa.', 'PTR')).toEqual(['NXDOMAIN']);
    expect(await ask(on, '1.0.244.10.in-addr.arpa.', 'PTR')).toEqual(['NXDOMAIN']);
  });
});

describe('before the data is complete', () => {
  const unsynced = async (stanza: string): Promise<Bench> =>
    startBench([], { stanza, source: new TestSource(CLUSTER, false) });

  it('answers what is known, NODATA included, and says SERVFAIL with AA and SOA for what is not', async () => {
    const on = await unsynced('kubernetes {\nstartup_timeout 0\n}');
    expect(await ask(on, 'web', 'A')).toHaveLength(1);
    expect(await ask(on, 'multi', 'AAAA')).toEqual(['NODATA']);
    expect(await ask(on, 'none', 'A')).toEqual(['SERVFAIL']);
    expect(await ask(on, 'shop.svc.cluster.local.', 'TXT')).toEqual(['SERVFAIL']);
    on.source.sync();
    expect(await ask(on, 'none', 'A')).toEqual(['NXDOMAIN']);
  });

  it('falls through without waiting for it', async () => {
    const on = await unsynced('kubernetes {\nstartup_timeout 0\nfallthrough\n}');
    expect(await on.query(`none.${SHOP}`, 'A')).toMatchObject({ rcode: 'SERVFAIL', flags: 'bare' });
  });
});

describe('fallthrough', () => {
  it('passes names that are not there on, in the zones it names and in no other', async () => {
    const zones = ['cluster.local.', 'in-addr.arpa.'];
    const next = (): Reply => new Answer({ answer: [recordFromText('from.next. 1 IN A 192.0.2.3')] });
    const on = await bench({ zones, next, stanza: 'kubernetes {\nfallthrough in-addr.arpa\n}' });
    expect((await on.query('3.0.244.10.in-addr.arpa.', 'PTR')).answer).toEqual(['from.next. 1 IN A 192.0.2.3']);
    expect(await ask(on, 'in-addr.arpa.', 'PTR')).toEqual(['NODATA']);
    expect(await ask(on, 'none', 'A')).toEqual(['NXDOMAIN']);
  });
});

describe('what an answer depends on', () => {
  interface Depending {
    isStale(): boolean;
    readonly isRepeatable: boolean;
    readonly serialValue: number;
    readonly text: Promise<string>;
  }

  const dependingOn = (on: Bench, name: string, type: string): Depending => {
    const query = testQuery(name, type, { generations: on.services.generations });
    const reply = on.instance.handle(query, () => failure(2));
    const { slots, seen } = query.provenance;
    return {
      isStale: () => !isCurrent(on.services.generations, slots, seen),
      get isRepeatable() {
        return query.provenance.isRepeatable;
      },
      get serialValue() {
        return query.provenance.serialValue;
      },
      text: Promise.resolve(reply).then((done) => textOf(done).rcode),
    };
  };

  const zones = ['cluster.local.', 'in-addr.arpa.'];

  it.each<[string, string, string, (on: Bench) => void]>([
    [
      'a Service that comes',
      `none.${SHOP}`,
      'A',
      ({ source }) => source.set(service('none', { clusterIPs: ['10.96.1.1'] })),
    ],
    ['a Service below which was asked', `a.none.${SHOP}`, 'A', ({ source }) => source.set(service('none', {}))],
    ['a Namespace that comes', 'none.new.svc.cluster.local.', 'A', ({ source }) => source.set(namespace('new'))],
    ['a Namespace that goes', `web.${SHOP}`, 'A', ({ source }) => source.delete('Namespace', '', 'shop')],
    [
      'an address that changes',
      `web.${SHOP}`,
      'A',
      ({ source }) => source.set(service('web', { clusterIPs: ['10.96.1.1'] })),
    ],
    ['an endpoint that goes', `db.${SHOP}`, 'A', ({ source }) => source.delete('EndpointSlice', 'shop', 'db-1')],
    ['the end of a chain of CNAMEs', `ext-two.${SHOP}`, 'A', ({ source }) => source.delete('Service', 'shop', 'web')],
    [
      'a reverse name taken',
      '5.5.96.10.in-addr.arpa.',
      'PTR',
      ({ source }) => source.set(service('n', { clusterIPs: ['10.96.5.5'] })),
    ],
    [
      'a reverse name given up',
      '1.0.244.10.in-addr.arpa.',
      'PTR',
      ({ source }) => source.delete('EndpointSlice', 'shop', 'db-1'),
    ],
    ['a Pod that comes', '10-244-0-1.shop.pod.cluster.local.', 'A', ({ source }) => source.set(pod('a', '10.244.0.1'))],
  ])('%s', async (_, name, type, change) => {
    const on = await bench({ zones, stanza: 'kubernetes {\npods verified\n}' });
    const before = dependingOn(on, name, type);
    const unrelated = dependingOn(on, `multi.${SHOP}`, 'A');
    expect(before.isStale()).toBe(false);
    change(on);
    expect(before.isStale()).toBe(true);
    if (!name.includes('new.svc') && name !== `web.${SHOP}`) expect(unrelated.isStale()).toBe(false);
  });

  it('is stale once the data is complete', async () => {
    const source = new TestSource(CLUSTER, false);
    const on = await startBench([], { source, stanza: 'kubernetes {\nstartup_timeout 0\n}' });
    const before = dependingOn(on, `none.${SHOP}`, 'A');
    source.sync();
    expect(before.isStale()).toBe(true);
  });

  it("repeats answers from memory, and never what carries this machine's addresses", async () => {
    const on = await bench({ zones });
    for (const [name, type] of [
      [`web.${SHOP}`, 'A'],
      [`db.${SHOP}`, 'SRV'],
      [`ext-in.${SHOP}`, 'A'],
      ['7.0.96.10.in-addr.arpa.', 'PTR'],
      ['dns-version.cluster.local.', 'TXT'],
      [`none.${SHOP}`, 'A'],
      [`multi.${SHOP}`, 'AAAA'],
      ['cluster.local.', 'SOA'],
    ] as const)
      expect(dependingOn(on, name, type).isRepeatable, name).toBe(true);
    for (const [name, type] of [
      ['cluster.local.', 'NS'],
      ['ns.dns.cluster.local.', 'A'],
      ['cluster.local.', 'AXFR'],
    ] as const)
      expect(dependingOn(on, name, type).isRepeatable, name).toBe(false);
  });

  it('tells where the serial of an SOA is to be looked up', async () => {
    const source = new TestSource(CLUSTER);
    const on = await startBench([], { source, stanza: 'kubernetes' });
    const none = dependingOn(on, `none.${SHOP}`, 'A');
    expect(none.serialValue).toBeGreaterThanOrEqual(0);
    expect(dependingOn(on, `web.${SHOP}`, 'A').serialValue).toBe(-1);
    const [soa = ''] = (await on.query(`none.${SHOP}`, 'A')).authority;
    expect(soa.split(' ')[6]).toBe(String(on.services.generations.at(none.serialValue)));
  });
});
