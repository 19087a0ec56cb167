import { describe, expect, it } from 'vitest';
import { testServices } from '#plugin/testing.ts';
import type { BenchOptions } from './testing/bench.ts';
import { ask, bench, pod, SHOP, slice, table } from './testing/cluster.ts';

describe('names of the zone itself', () => {
  table([
    ['cluster.local.', 'A', 'NODATA'],
    ['svc.cluster.local.', 'A', 'NODATA'],
    ['pod.cluster.local.', 'HTTPS', 'NODATA'],
    ['shop.svc.cluster.local.', 'A', 'NODATA'],
    ['empty.svc.cluster.local.', 'SRV', 'NODATA'],
    ['gone.svc.cluster.local.', 'A', 'NXDOMAIN'],
    // Wrong by RFC 8020, and what CoreDNS says.
    ['cluster.local.', 'TXT', 'NXDOMAIN'],
    ['shop.svc.cluster.local.', 'TXT', 'NXDOMAIN'],
    ['dns-version.cluster.local.', 'TXT', 'dns-version.cluster.local. 28800 IN TXT "1.1.0"'],
    ['dns-version.cluster.local.', 'A', 'NXDOMAIN'],
    ['x.dns-version.cluster.local.', 'TXT', 'NXDOMAIN'],
    ['foo.cluster.local.', 'A', 'NXDOMAIN'],
  ]);

  it('has an SOA whose serial is the time of the last change, and whose TTL is at most 300', async () => {
    const services = testServices({ clock: { monotonicMs: () => 0, wallMs: () => 1_700_000_000_999 } });
    const on = await bench({ services, stanza: 'kubernetes {\nttl 600\n}' });
    expect((await on.query('cluster.local.', 'SOA')).answer).toEqual([
      'cluster.local. 300 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1700000000 7200 1800 86400 600',
    ]);
  });

  const OWN = {
    networkInterfaces: () => ({
      lo: [{ address: '127.0.0.1' }, { address: '::1' }],
      eth0: [{ address: '10.244.0.2' }, { address: 'fe80::1' }],
    }),
  } as unknown as BenchOptions;

  it('names itself as the name server where no Service selects it', async () => {
    const own = {
      ...OWN,
      networkInterfaces: () => ({ ...OWN.networkInterfaces?.(), eth0: [{ address: '192.0.2.9' }] }),
    };
    const on = await bench(own as unknown as BenchOptions);
    const { answer, additional } = await on.query('cluster.local.', 'NS');
    expect(answer).toEqual(['cluster.local. 5 IN NS ns.dns.cluster.local.']);
    expect(additional).toEqual(['ns.dns.cluster.local. 5 IN A 192.0.2.9']);
    expect(await ask(on, 'ns.dns.cluster.local.', 'A')).toEqual(['ns.dns.cluster.local. 5 IN A 192.0.2.9']);
    expect(await ask(on, 'ns.dns.cluster.local.', 'AAAA')).toEqual(['NODATA']);
    expect(await ask(on, 'ns.dns.cluster.local.', 'MX')).toEqual(['NODATA']);
    expect(await ask(on, 'ns.dns.cluster.local.', 'TXT')).toEqual(['NXDOMAIN']);
    expect(await ask(on, 'a.ns.dns.cluster.local.', 'A')).toEqual(['NXDOMAIN']);
  });

  it('names the Services that select it, headless ones by their endpoints', async () => {
    const on = await bench(OWN, [slice('web-2', 'web', [{ addresses: ['10.244.0.2'] }])]);
    const { answer, additional } = await on.query('cluster.local.', 'NS');
    expect([...answer].sort()).toEqual([
      `cluster.local. 5 IN NS 10-244-0-2.db.${SHOP}`,
      `cluster.local. 5 IN NS db-0.db.${SHOP}`,
      `cluster.local. 5 IN NS web.${SHOP}`,
    ]);
    expect(additional).toContain(`web.${SHOP} 5 IN AAAA fd00:96::7`);
    expect(additional).toHaveLength(4);
  });

  it('refuses zone transfers, and passes on what is outside its zones', async () => {
    const on = await bench();
    for (const type of ['AXFR', 'IXFR'])
      expect(await on.query('cluster.local.', type)).toMatchObject({ rcode: 'REFUSED', flags: 'bare' });
    expect(await on.query('example.org.', 'A')).toMatchObject({ rcode: 'SERVFAIL', flags: 'bare' });
  });
});

describe('Pods', () => {
  const stanza = (mode: string): BenchOptions => ({ stanza: `kubernetes {\npods ${mode}\n}` });
  const POD = 'shop.pod.cluster.local.';

  it('are not known by default', async () => {
    const on = await bench();
    for (const name of [`10-244-0-1.${POD}`, POD]) expect(await ask(on, name, 'A')).toEqual(['NXDOMAIN']);
  });

  it('are what their name says in mode insecure', async () => {
    const on = await bench(stanza('insecure'));
    expect(await ask(on, `10-1-2-3.${POD}`, 'A')).toEqual([`10-1-2-3.${POD} 5 IN A 10.1.2.3`]);
    expect(await ask(on, `10-1-2-3.${POD}`, 'AAAA')).toEqual(['NODATA']);
    expect(await ask(on, `fd00-244--5.${POD}`, 'AAAA')).toEqual([`fd00-244--5.${POD} 5 IN AAAA fd00:244::5`]);
    expect(await ask(on, `--1.${POD}`, 'AAAA')).toEqual([`--1.${POD} 5 IN AAAA ::1`]);
    expect(await ask(on, `--ffff-a01-203.${POD}`, 'A')).toEqual([`--ffff-a01-203.${POD} 5 IN A 10.1.2.3`]);
    for (const label of ['256-1-1-1', '1-2-3', '01-2-3-4', 'web-0', 'fe80--1%25eth0', '10-244-0-1-'])
      expect(await ask(on, `${label}.${POD}`, 'A'), label).toEqual(['NXDOMAIN']);
    expect(await ask(on, `x.y.10-1-2-3.${POD}`, 'A')).toHaveLength(1);
    expect(await ask(on, POD, 'A')).toEqual(['NODATA']);
    expect(await ask(on, '10-1-2-3.gone.pod.cluster.local.', 'A')).toEqual(['NXDOMAIN']);
    expect(await ask(on, `10-1-2-3.${POD}`, 'SRV')).toEqual([`10-1-2-3.${POD} 5 IN SRV 0 100 0 10-1-2-3.${POD}`]);
  });

  it('are those of the cluster in mode verified, spelled as the cluster does', async () => {
    const on = await bench(stanza('verified'), [pod('a', '10.244.0.1'), pod('b', 'fd00:244::5')]);
    expect(await ask(on, `10-244-0-1.${POD}`, 'A')).toHaveLength(1);
    expect(await ask(on, `10-244-0-9.${POD}`, 'A')).toEqual(['NXDOMAIN']);
    expect(await ask(on, '10-244-0-1.empty.pod.cluster.local.', 'A')).toEqual(['NXDOMAIN']);
    expect(await ask(on, `fd00-244--5.${POD}`, 'AAAA')).toHaveLength(1);
    expect(await ask(on, `fd00-244-0-0-0-0-0-5.${POD}`, 'AAAA')).toEqual(['NXDOMAIN']);
    on.source.delete('Pod', 'shop', 'a');
    expect(await ask(on, `10-244-0-1.${POD}`, 'A')).toEqual(['NXDOMAIN']);
  });
});

describe('reverse names', () => {
  const zones = ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.'];
  const FD00_96_7 = '7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa.';
  table(
    [
      ['7.0.96.10.in-addr.arpa.', 'PTR', `7.0.96.10.in-addr.arpa. 5 IN PTR web.${SHOP}`],
      [FD00_96_7, 'PTR', `${FD00_96_7} 5 IN PTR web.${SHOP}`],
      ['1.0.244.10.in-addr.arpa.', 'PTR', `1.0.244.10.in-addr.arpa. 5 IN PTR db-0.db.${SHOP}`],
      ['2.0.244.10.in-addr.arpa.', 'PTR', `2.0.244.10.in-addr.arpa. 5 IN PTR 10-244-0-2.db.${SHOP}`],
      ['3.0.244.10.in-addr.arpa.', 'PTR', 'NXDOMAIN'],
      ['9.9.96.10.in-addr.arpa.', 'PTR', '9.9.96.10.in-addr.arpa. 5 IN PTR orphan.gone.svc.cluster.local.'],
      ['7.0.96.10.in-addr.arpa.', 'A', 'NXDOMAIN'],
      ['96.10.in-addr.arpa.', 'PTR', 'NXDOMAIN'],
      ['x.7.0.96.10.in-addr.arpa.', 'PTR', 'NXDOMAIN'],
      ['in-addr.arpa.', 'PTR', 'NODATA'],
      ['web.shop.svc.in-addr.arpa.', 'A', 'NXDOMAIN'],
    ],
    { zones },
  );

  it('has one record for each Service that an endpoint serves', async () => {
    const on = await bench({ zones }, [slice('web-2', 'web', [{ addresses: ['10.244.0.2'], hostname: 'w2' }])]);
    expect(await ask(on, '2.0.244.10.in-addr.arpa.', 'PTR')).toEqual([
      `2.0.244.10.in-addr.arpa. 5 IN PTR 10-244-0-2.db.${SHOP}`,
      `2.0.244.10.in-addr.arpa. 5 IN PTR w2.web.${SHOP}`,
    ]);
  });
});
