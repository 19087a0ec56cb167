import { describe, expect, it } from 'vitest';
import { RCODE } from '#dns/registry/rcodes.ts';
import { failure } from '#plugin/index.ts';
import { CacheBench, nxdomain, positive, replyOf, SOA, servfail, textsOf, ttlOf } from './cache-bench.ts';

describe('TTLs', () => {
  it('gives every record of the first reply the least TTL, and counts hits down in whole seconds', () => {
    const bench = new CacheBench();
    bench.backend = () =>
      replyOf({
        answer: ['cached.org. 300 IN A 10.0.0.1', 'cached.org. 10 IN A 10.0.0.2'],
        additional: ['x.org. 99 IN A 10.0.0.3'],
      });
    expect(ttlOf(bench.ask())).toBe(10);
    bench.nowMs += 999;
    expect(ttlOf(bench.ask())).toBe(10);
    bench.nowMs += 1;
    expect(ttlOf(bench.ask())).toBe(9);
    bench.advance(8);
    expect(ttlOf(bench.ask())).toBe(1);
    expect(bench.calls).toBe(1);
    bench.advance(1);
    expect(ttlOf(bench.ask())).toBe(10);
    expect(bench.calls).toBe(2);
  });

  it.each([
    ['cache 30', positive(86_400), 30],
    ['cache 30', positive(3), 5],
    ['cache 30', nxdomain(7200), 30],
    ['cache', positive(86_400), 3600],
    ['cache', nxdomain(86_400), 1800],
    ['cache', positive(0), 5],
    ['cache {\n success 100 7200 0\n}', positive(86_400), 7200],
    ['cache {\n success 100 60 20\n}', positive(10), 20],
    ['cache {\n denial 100 60 20\n}', nxdomain(10), 20],
    ['cache {\n success 100 10 20\n}', positive(300), 10],
    ['cache', servfail(300), 5],
    ['cache {\n servfail 30s\n}', servfail(300), 30],
    ['cache', replyOf({ rcode: 'NOTIMP', authority: [`example.org. 300 IN SOA ${SOA}`] }), 5],
    ['cache', replyOf({ authority: ['example.org. 300 IN NS ns.example.org.'] }), 5],
    ['cache', replyOf({ rcode: 'REFUSED', authority: [`example.org. 300 IN SOA ${SOA}`] }), 5],
    ['cache', replyOf({ answer: ['cached.org. 300 IN A 10.0.0.1'], isTruncated: true }), 300],
  ])('with `%s` gives reply %# its TTL', (stanza, reply, ttl) => {
    const bench = new CacheBench(stanza);
    bench.backend = () => reply;
    expect(ttlOf(bench.ask())).toBe(ttl);
  });

  it('does not keep a reply whose TTL is 0', () => {
    const bench = new CacheBench('cache {\n success 100 3600 0\n}');
    bench.backend = () => positive(0);
    expect(ttlOf(bench.ask())).toBe(0);
    bench.ask();
    expect(bench.calls).toBe(2);
  });

  it('does not keep SERVFAIL with `servfail 0`', () => {
    const bench = new CacheBench('cache {\n servfail 0\n}');
    bench.backend = () => servfail(60);
    expect(ttlOf(bench.ask())).toBe(0);
    bench.ask();
    expect(bench.calls).toBe(2);
  });

  it('gives hits the first TTL with keepttl, and still lets them expire', () => {
    const bench = new CacheBench('cache {\n keepttl\n}');
    bench.ask();
    bench.advance(59);
    expect(ttlOf(bench.ask())).toBe(60);
    expect(bench.calls).toBe(1);
    bench.advance(1);
    bench.ask();
    expect(bench.calls).toBe(2);
  });
});

describe('hits', () => {
  it('have AA set, keep RA and RCODE, and leave the options of the first reply out', () => {
    const bench = new CacheBench();
    const options = [{ code: 15, data: Buffer.from([0, 3]) }];
    bench.backend = () => nxdomain(60).with({ options });
    const first = bench.ask();
    expect([first.isAuthoritative, first.options]).toEqual([false, options]);
    const hit = bench.ask();
    expect(hit).toMatchObject({
      rcode: RCODE.NXDOMAIN,
      isAuthoritative: true,
      isRecursionAvailable: true,
      options: [],
    });
    expect(textsOf(hit)).toEqual([`example.org. 60 IN SOA ${SOA}`]);
  });

  it('are found whatever the spelling of the name', () => {
    const bench = new CacheBench();
    bench.ask('cAcHeD.oRg.');
    bench.ask('cached.ORG.');
    expect(bench.calls).toBe(1);
  });

  it.each([
    ['type', 'AAAA', {}],
    ['class', 'A', { class: 3 }],
    ['DO', 'A', { isDnssecOk: true }],
    ['CD', 'A', { isCheckingDisabled: true }],
    ['DO and CD', 'A', { isDnssecOk: true, isCheckingDisabled: true }],
    ['a type above 511', 'TYPE65280', {}],
  ])('are kept apart by %s', (_, type, options) => {
    const bench = new CacheBench();
    bench.backend = (query) => (query.class === 3 ? replyOf({}) : positive(60));
    bench.ask('cached.org.', 'A');
    bench.ask('cached.org.', type, options);
    expect(bench.calls).toBe(2);
  });

  it('are not kept apart by AD: each client gets AD only where it asked for it', () => {
    const bench = new CacheBench();
    bench.backend = () => positive(60).with({ isAuthenticData: true });
    expect(bench.ask().isAuthenticData).toBe(false);
    expect(bench.asked[0]?.request.isAuthenticData).toBe(true);
    expect(bench.ask('cached.org.', 'A', { isAuthenticData: true }).isAuthenticData).toBe(true);
    expect(bench.ask().isAuthenticData).toBe(false);
    expect(bench.calls).toBe(1);
    expect(bench.ask('cached.org.', 'A', { isDnssecOk: true }).isAuthenticData).toBe(true);
  });

  it('are not shared between zones: a name outside of them passes by, uncounted', () => {
    const bench = new CacheBench('cache example.net');
    bench.ask();
    bench.ask();
    expect(bench.calls).toBe(2);
    expect(bench.asked[0]?.request.isAuthenticData).toBe(false);
    expect(bench.asked[0]?.provenance.isRepeatable).toBe(true);
  });

  it('give way from a SERVFAIL to a success that is still good', () => {
    const bench = new CacheBench('cache {\n prefetch 1\n}');
    bench.backend = () => positive(80);
    bench.ask();
    bench.advance(73);
    bench.backend = () => servfail(60);
    bench.ask();
    expect(bench.entries('denial')).toBe(1);
    expect(bench.ask().rcode).toBe(RCODE.NOERROR);
    bench.advance(7);
    expect(bench.ask().rcode).toBe(RCODE.SERVFAIL);
  });
});

describe('what passes by', () => {
  it('a NOTIFY, which is no look-up', () => {
    const bench = new CacheBench();
    const query = bench.query();
    const notify = query.with({ request: { ...query.request, opcode: 4 } });
    bench.ask();
    bench.send(notify);
    bench.send(notify);
    expect([bench.calls, bench.count('requests_total')]).toEqual([3, 1]);
  });

  it('a bare failure, which nobody wrote, is handed on as it is', () => {
    const bench = new CacheBench();
    const bare = failure(RCODE.SERVFAIL, new Error('no healthy proxies'));
    bench.backend = () => bare;
    expect(bench.ask()).toBe(bare);
    bench.ask();
    expect(bench.calls).toBe(2);
  });

  it('a drop and an error of the chain', async () => {
    const bench = new CacheBench();
    bench.backend = () => ({ kind: 'drop' });
    expect(bench.send(bench.query())).toEqual({ kind: 'drop' });
    bench.backend = async () => Promise.reject(new Error('broken'));
    await expect(bench.send(bench.query())).rejects.toThrow('broken');
    bench.backend = () => {
      throw new Error('broken at once');
    };
    expect(() => bench.send(bench.query())).toThrow('broken at once');
    bench.backend = () => positive(60);
    bench.ask();
    expect(bench.calls).toBe(4);
  });

  it('replies that come later are kept when they come', async () => {
    const bench = new CacheBench();
    const arrive = bench.hold();
    const waiting = bench.send(bench.query());
    bench.advance(2);
    arrive(positive(60));
    await waiting;
    bench.advance(1);
    expect(ttlOf(bench.ask())).toBe(59);
  });
});

describe('disable', () => {
  it('keeps no success for its zones, but their denials', () => {
    const bench = new CacheBench('cache {\n disable success example.org\n}');
    bench.backend = () => positive(60, '127.0.0.1', 'www.example.org.');
    bench.ask('www.example.org.');
    bench.ask('www.example.org.');
    bench.ask('www.example.net.');
    bench.ask('www.example.net.', 'AAAA');
    expect(bench.calls).toBe(4);
    bench.backend = () => nxdomain(60);
    bench.ask('no.example.org.');
    bench.ask('no.example.org.');
    expect(bench.calls).toBe(5);
  });

  it('keeps no denial with `disable denial`, but successes', () => {
    const bench = new CacheBench('cache {\n disable denial\n}');
    bench.backend = () => nxdomain(60);
    bench.ask('no.org.');
    bench.ask('no.org.');
    bench.backend = () => positive(60);
    bench.ask();
    bench.ask();
    expect(bench.calls).toBe(3);
  });
});

describe('denial 9984 1', () => {
  it.each([60, 5, 0])('keeps a denial of TTL %i for 1 s, as the greatest TTL wins over the least', (ttl) => {
    const bench = new CacheBench('cache {\n success 9984 30\n denial 9984 1\n serve_stale 1h verify 1800ms\n}');
    bench.backend = () => nxdomain(ttl);
    expect(ttlOf(bench.ask('no.org.'))).toBe(1);
    bench.advance(0.9);
    bench.ask('no.org.');
    expect(bench.calls).toBe(1);
    bench.advance(0.1);
    bench.backend = () => positive(60);
    bench.ask('no.org.');
    expect(bench.calls).toBe(2);
  });
});

describe('metrics', () => {
  it('count requests, hits, misses and entries with their labels', () => {
    const bench = new CacheBench();
    bench.ask();
    bench.ask();
    bench.ask();
    bench.backend = () => nxdomain(60);
    bench.ask('no.org.');
    bench.ask('no.org.');
    expect(bench.count('requests_total')).toBe(5);
    expect(bench.count('misses_total')).toBe(2);
    expect([bench.count('hits_total', 'success'), bench.count('hits_total', 'denial')]).toEqual([2, 1]);
    expect([bench.entries('success'), bench.entries('denial')]).toEqual([1, 1]);
  });

  it('count what goes when a store is full', () => {
    const bench = new CacheBench('cache {\n success 1\n}');
    bench.backend = ({ request }) =>
      positive(60).with({ answer: positive(60).answer.map((record) => record.withOwner(request.question.name)) });
    for (let i = 0; i < 1024; i++) bench.ask(`n${i}.org.`);
    expect([bench.entries('success'), bench.count('evictions_total', 'success')]).toEqual([1024, 0]);
    bench.ask('n1024.org.');
    expect([bench.entries('success'), bench.count('evictions_total', 'success')]).toEqual([1024, 1]);
    const { calls } = bench;
    bench.ask('n1024.org.');
    expect(bench.calls).toBe(calls);
  });
});
