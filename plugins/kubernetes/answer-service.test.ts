import { describe, expect, it } from 'vitest';
import { ask, bench, SHOP, service, slice, table } from './testing/cluster.ts';

describe('a ClusterIP Service', () => {
  table([
    ['web', 'A', `web.${SHOP} 5 IN A 10.96.0.7`],
    ['web', 'AAAA', `web.${SHOP} 5 IN AAAA fd00:96::7`],
    ['multi', 'AAAA', 'NODATA'],
    ['_http._tcp.web', 'A', `_http._tcp.web.${SHOP} 5 IN A 10.96.0.7`],
    ['_dns._tcp.multi', 'A', 'NXDOMAIN'],
    ['_dns._udp.multi', 'A', `_dns._udp.multi.${SHOP} 5 IN A 10.96.0.8`],
    ['web', 'CNAME', 'NODATA'],
    ['web', 'TXT', 'NODATA'],
    ['web', 'MX', 'NODATA'],
    ['web', 'HTTPS', 'NODATA'],
    ['web', 'NS', 'NODATA'],
    ['web', 'SOA', 'NODATA'],
    ['web', 'PTR', 'NODATA'],
    ['none', 'A', 'NXDOMAIN'],
    ['none', 'HTTPS', 'NXDOMAIN'],
    ['none', 'SOA', 'NODATA'],
    ['*', 'A', 'NXDOMAIN'],
    ['x.y.z.web', 'A', 'NXDOMAIN'],
    ['portless', 'A', `portless.${SHOP} 5 IN A 10.96.0.9`],
    ['portless', 'SRV', 'NODATA'],
    ['_http._tcp.portless', 'SRV', 'NXDOMAIN'],
    ['orphan.gone.svc.cluster.local.', 'A', 'NXDOMAIN'],
  ]);

  it('has one SRV record for both families, with the weight of two and the address of each', async () => {
    const { answer, additional } = await (await bench()).query(`web.${SHOP}`, 'SRV');
    expect(answer).toEqual([`web.${SHOP} 5 IN SRV 0 50 80 web.${SHOP}`]);
    expect(additional).toEqual([`web.${SHOP} 5 IN A 10.96.0.7`, `web.${SHOP} 5 IN AAAA fd00:96::7`]);
  });

  it('has an SRV record for each port at its own name', async () => {
    const on = await bench();
    expect(await ask(on, 'multi', 'SRV')).toEqual([
      `multi.${SHOP} 5 IN SRV 0 50 80 multi.${SHOP}`,
      `multi.${SHOP} 5 IN SRV 0 50 53 multi.${SHOP}`,
    ]);
    expect(await ask(on, '_dns._udp.multi', 'SRV')).toEqual([
      `_dns._udp.multi.${SHOP} 5 IN SRV 0 100 53 multi.${SHOP}`,
    ]);
  });

  it('answers in the spelling of the question', async () => {
    const on = await bench();
    const srv = await on.query('_HTTP._tcp.WEB.shop.svc.Cluster.LOCAL.', 'SRV');
    expect(srv.answer).toEqual(['_HTTP._tcp.WEB.shop.svc.Cluster.LOCAL. 5 IN SRV 0 50 80 web.shop.svc.Cluster.LOCAL.']);
    const none = await on.query('None.shop.svc.Cluster.LOCAL.', 'A');
    expect(none.authority).toEqual([expect.stringMatching(/^Cluster\.LOCAL\. 5 IN SOA ns\.dns\.Cluster\.LOCAL\. /)]);
  });

  it('leaves out a Service without ready endpoints where the block says so', async () => {
    const on = await bench({ stanza: 'kubernetes {\nignore empty_service\n}' });
    for (const type of ['A', 'SRV', 'TXT']) expect(await ask(on, 'multi', type)).toEqual(['NXDOMAIN']);
    expect(await ask(on, 'web', 'A')).toHaveLength(1);
    expect(await ask(on, 'ext-in', 'CNAME')).toHaveLength(1);
    on.source.set(slice('multi-1', 'multi', [{ addresses: ['10.244.0.77'] }]));
    expect(await ask(on, 'multi', 'A')).toHaveLength(1);
  });
});

describe('a headless Service and endpoint names', () => {
  table([
    ['db', 'A', `db.${SHOP} 5 IN A 10.244.0.1`, `db.${SHOP} 5 IN A 10.244.0.2`],
    ['db', 'AAAA', `db.${SHOP} 5 IN AAAA fd00:244:5::`],
    ['db-0.db', 'A', `db-0.db.${SHOP} 5 IN A 10.244.0.1`],
    ['db-0.db', 'AAAA', 'NODATA'],
    ['10-244-0-1.db', 'A', 'NXDOMAIN'],
    ['10-244-0-2.db', 'A', `10-244-0-2.db.${SHOP} 5 IN A 10.244.0.2`],
    ['10-244-0-3.db', 'A', 'NXDOMAIN'],
    ['fd00-244-5--0.db', 'AAAA', `fd00-244-5--0.db.${SHOP} 5 IN AAAA fd00:244:5::`],
    ['w0.web', 'A', `w0.web.${SHOP} 5 IN A 10.244.0.9`],
    ['_http._tcp.db', 'A', `_http._tcp.db.${SHOP} 5 IN A 10.244.0.1`, `_http._tcp.db.${SHOP} 5 IN A 10.244.0.2`],
    ['_other._tcp.db', 'SRV', 'NXDOMAIN'],
    ['idle', 'A', 'NXDOMAIN'],
    ['idle', 'TXT', 'NXDOMAIN'],
  ]);

  it('has SRV records that name the endpoints', async () => {
    const { answer, additional } = await (await bench()).query(`_http._tcp.db.${SHOP}`, 'SRV');
    expect(answer).toEqual(
      ['db-0', '10-244-0-2', 'fd00-244-5--0'].map(
        (name) => `_http._tcp.db.${SHOP} 5 IN SRV 0 33 8080 ${name}.db.${SHOP}`,
      ),
    );
    expect(additional).toHaveLength(3);
  });

  it('names endpoints after their Pods where the block says so', async () => {
    const on = await bench({ stanza: 'kubernetes {\nendpoint_pod_names\n}' });
    expect(await ask(on, 'pod-1.db', 'A')).toEqual([`pod-1.db.${SHOP} 5 IN A 10.244.0.2`]);
    expect(await ask(on, '10-244-0-2.db', 'A')).toEqual(['NXDOMAIN']);
    expect(await ask(on, 'db-0.db', 'A')).toHaveLength(1);
  });

  it('has none with noendpoints', async () => {
    const on = await bench({ stanza: 'kubernetes . {\nnoendpoints\nignore empty_service\n}' });
    const asked = async (name: string, type = 'A') => (await on.query(`${name}.`, type)).rcode;
    expect(await asked('db.shop.svc')).toBe('NXDOMAIN');
    expect(await asked('w0.web.shop.svc')).toBe('NXDOMAIN');
    expect(await asked('1.0.244.10.in-addr.arpa', 'PTR')).toBe('NXDOMAIN');
    expect(await asked('web.shop.svc')).toBe('NXDOMAIN');
  });

  it('gives an address of two slices once, and many addresses each once', async () => {
    const addresses = Array.from({ length: 40 }, (_, i) => `10.245.0.${i}`);
    const on = await bench({}, [
      slice('db-3', 'db', [{ addresses }]),
      slice('db-4', 'db', [{ addresses: ['10.244.0.1', ...addresses] }]),
    ]);
    expect(await ask(on, 'db', 'A')).toHaveLength(42);
  });

  it('leaves out an endpoint whose name no message can carry, and keeps the others', async () => {
    const on = await bench({}, [
      service('odd', { clusterIP: 'None' }),
      slice('odd-1', 'odd', [{ addresses: ['10.246.0.1'], hostname: 'x'.repeat(64) }, { addresses: ['10.246.0.2'] }]),
    ]);
    expect(await ask(on, 'odd', 'SRV')).toEqual([`odd.${SHOP} 5 IN SRV 0 50 8080 10-246-0-2.odd.${SHOP}`]);
  });
});
