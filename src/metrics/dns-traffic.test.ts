import { describe, expect, it } from 'vitest';
import { Additions } from './cells.ts';
import { DnsTraffic } from './dns-traffic.ts';
import { Metrics } from './metrics.ts';
import { countOn } from './testing.ts';

const rcodeText = (rcode: number): string => ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN'][rcode] ?? String(rcode);
const query = {
  request: { octets: 40 },
  peer: { family: 4 as const },
  transport: 'udp',
  type: 1,
  isDnssecOk: false,
};

const setup = () => {
  const metrics = new Metrics();
  return { metrics, traffic: new DnsTraffic(metrics, rcodeText) };
};

describe('counting DNS traffic', () => {
  it('counts a query by protocol, family and type, and its reply by rcode and plugin', async () => {
    const { metrics, traffic } = setup();
    const site = traffic.site('dns://:53', '.', '');
    site.count(query, 0, 'errors', 120, 0.0003);
    site.count({ ...query, transport: 'tcp', peer: { family: 6 }, type: 28, isDnssecOk: true }, 3, 'errors', 90, 0.1);
    const text = await metrics.render();
    for (const line of [
      'coredns_dns_requests_total{family="1",proto="udp",server="dns://:53",type="A",view="",zone="."} 1',
      'coredns_dns_requests_total{family="2",proto="tcp",server="dns://:53",type="AAAA",view="",zone="."} 1',
      'coredns_dns_responses_total{plugin="errors",rcode="NOERROR",server="dns://:53",view="",zone="."} 1',
      'coredns_dns_responses_total{plugin="errors",rcode="NXDOMAIN",server="dns://:53",view="",zone="."} 1',
      'coredns_dns_do_requests_total{server="dns://:53",view="",zone="."} 1',
      'coredns_dns_request_duration_seconds_bucket{server="dns://:53",view="",zone=".",le="0.0005"} 1',
      'coredns_dns_request_duration_seconds_count{server="dns://:53",view="",zone="."} 2',
      'coredns_dns_response_size_bytes_bucket{proto="udp",server="dns://:53",view="",zone=".",le="100"} 0',
      'coredns_dns_response_size_bytes_bucket{proto="udp",server="dns://:53",view="",zone=".",le="200"} 1',
      'coredns_dns_request_size_bytes_sum{proto="tcp",server="dns://:53",view="",zone="."} 40',
    ])
      expect(text.split('\n')).toContain(line);
  });

  it.each([
    [65, 'HTTPS'],
    [64, 'SVCB'],
    [255, 'ANY'],
    [13, 'other'],
    [257, 'other'],
    [65_280, 'other'],
  ])('counts type %d as %s', async (type, label) => {
    const { metrics, traffic } = setup();
    traffic.site('s', '.', '').count({ ...query, type }, 0, '', 0, 0);
    expect(await metrics.render()).toContain(`type="${label}"`);
  });

  it('counts a query that no zone takes as dropped, with no plugin', async () => {
    const { metrics, traffic } = setup();
    traffic.countDropped('dns://:53', query, 2, 33);
    traffic.countDropped('dns://:53', query, 2, 33);
    expect(await metrics.render()).toContain(
      'coredns_dns_responses_total{plugin="",rcode="SERVFAIL",server="dns://:53",view="",zone="dropped"} 2\n',
    );
  });

  it('counts a repeated reply exactly as the first, its duration in the lowest bucket', async () => {
    const slow = setup();
    const fast = setup();
    const slowSite = slow.traffic.site('s', '.', '');
    const fastSite = fast.traffic.site('s', '.', '');
    const repeated = fastSite.repeated(1, 0, 'errors', 250);
    for (const transport of ['udp', 'tcp'])
      for (const family of [4, 6] as const)
        for (const isDnssecOk of [false, true]) {
          slowSite.count({ ...query, transport, peer: { family }, isDnssecOk }, 0, 'errors', 250, 0);
          const additions = new Additions();
          repeated.note({ requestOctets: 40, isTcp: transport === 'tcp', isIPv6: family === 6, isDnssecOk }, additions);
          countOn(fast.metrics.cells, transport === 'tcp' ? 0 : 2, additions);
        }
    expect(await fast.metrics.render()).toBe(await slow.metrics.render());
  });
});
