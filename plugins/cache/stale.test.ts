import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RCODE } from '#dns/registry/rcodes.ts';
import { type Answer, failure } from '#plugin/index.ts';
import { CacheBench, nxdomain, positive, replyOf, SOA, servfail, textsOf, ttlOf } from './cache-bench.ts';

const stale = (options: string, policy = ''): CacheBench =>
  new CacheBench(`cache {\n serve_stale ${options}\n${policy}\n}`);
const settled = (): Promise<void> => new Promise(setImmediate);

describe('serve_stale', () => {
  it('is off by default', () => {
    const bench = new CacheBench();
    bench.ask();
    bench.advance(60);
    bench.backend = () => nxdomain(60);
    expect(bench.ask().rcode).toBe(RCODE.NXDOMAIN);
  });

  it('answers from an expired item for an hour, and no longer', () => {
    const bench = stale('');
    bench.ask();
    bench.backend = () => failure(RCODE.SERVFAIL);
    bench.advance(30 * 60);
    expect(bench.ask().rcode).toBe(RCODE.NOERROR);
    bench.advance(30 * 60 + 59);
    expect(bench.ask().rcode).toBe(RCODE.NOERROR);
    bench.advance(1);
    expect(bench.ask().rcode).toBe(RCODE.SERVFAIL);
    expect(bench.count('served_stale_total')).toBe(2);
  });

  it.each([
    ['1h immediate', positive(60), 120, 0],
    ['1h immediate 30s', positive(60), 120, 30],
    ['1h immediate 30s', positive(60), 60, 30],
    ['1h immediate 25s', nxdomain(60), 120, 25],
    ['1h verify 0 45s', positive(60), 120, 45],
    ['1h immediate 17s\nkeepttl', positive(60), 120, 17],
    ['1h immediate\nkeepttl', positive(60), 120, 60],
    ['1h immediate 30s', positive(60), 10, 50],
  ])('with `%s` gives reply %# its TTL', (options, reply, seconds, ttl) => {
    const bench = stale(options);
    bench.backend = () => reply;
    bench.ask();
    bench.advance(seconds);
    bench.backend = () => servfail(60);
    const got = bench.ask();
    expect([got.rcode, ttlOf(got)]).toEqual([reply.rcode, ttl]);
  });

  it('refreshes behind the back of the client, one at a time', async () => {
    const bench = stale('1h');
    bench.ask();
    bench.advance(110);
    const arrive = bench.hold();
    for (let i = 0; i < 100; i++) expect(ttlOf(bench.ask())).toBe(0);
    expect([bench.calls, bench.count('prefetch_total')]).toEqual([2, 1]);
    arrive(positive(60, '10.0.0.9'));
    await settled();
    expect(textsOf(bench.ask())).toEqual(['cached.org. 60 IN A 10.0.0.9']);
  });

  it('does not let a stale denial hide a fresh answer', () => {
    const bench = stale('10m');
    bench.backend = () => nxdomain(60);
    bench.ask();
    bench.advance(300);
    bench.backend = () => positive(303);
    expect(bench.ask().rcode).toBe(RCODE.NXDOMAIN);
    expect([bench.entries('success'), bench.entries('denial')]).toEqual([1, 0]);
    bench.backend = () => failure(RCODE.SERVFAIL);
    expect(bench.ask().rcode).toBe(RCODE.NOERROR);
  });

  it.each([
    ['SERVFAIL', servfail(60)],
    ['REFUSED', replyOf({ rcode: 'REFUSED' })],
    ['NXDOMAIN with an answer', replyOf({ rcode: 'NXDOMAIN', answer: ['cached.org. 60 IN A 10.0.0.1'] })],
    ['a truncated reply', positive(60, '10.0.0.1').with({ isTruncated: true })],
    ['a bare failure', failure(RCODE.SERVFAIL)],
  ])('does not take %s for a refresh', (_, reply) => {
    const bench = stale('1h');
    bench.ask();
    bench.advance(61);
    bench.backend = () => reply;
    bench.ask();
    expect(textsOf(bench.ask())).toEqual(['cached.org. 0 IN A 127.0.0.53']);
    expect(bench.calls).toBe(3);
  });

  it('waits after a failed refresh as long as the recheck says', () => {
    const bench = stale('1h immediate 30s 30s');
    bench.ask();
    bench.advance(61);
    bench.backend = () => servfail(60);
    bench.ask();
    bench.advance(29);
    bench.ask();
    expect(bench.calls).toBe(2);
    bench.advance(1);
    bench.backend = () => positive(60, '10.0.0.9');
    expect(ttlOf(bench.ask())).toBe(30);
    expect(bench.calls).toBe(3);
    expect(textsOf(bench.ask())).toEqual(['cached.org. 60 IN A 10.0.0.9']);
  });
});

describe('serve_stale verify', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('keeps a good answer through a prefetch that failed, and asks first once it has expired', () => {
    const bench = new CacheBench('cache {\n prefetch 1 1m 10%\n serve_stale 1h verify\n}');
    bench.backend = () => positive(60);
    bench.ask();
    bench.backend = () => servfail(5);
    bench.advance(55);
    expect([bench.ask().rcode, bench.calls]).toEqual([RCODE.NOERROR, 2]);
    bench.advance(4);
    expect(bench.ask().rcode).toBe(RCODE.NOERROR);
    bench.advance(30);
    const { calls } = bench;
    expect([textsOf(bench.ask()), bench.calls]).toEqual([['cached.org. 0 IN A 127.0.0.53'], calls + 1]);
    bench.backend = () => positive(60, '127.0.0.54');
    expect(textsOf(bench.ask())).toEqual(['cached.org. 60 IN A 127.0.0.54']);
    bench.advance(1);
    expect(textsOf(bench.ask())).toEqual(['cached.org. 59 IN A 127.0.0.54']);
  });

  it('asks first, and answers stale only on failure', () => {
    const bench = stale('1h verify');
    bench.backend = () => positive(120);
    bench.ask();
    bench.advance(60);
    expect(ttlOf(bench.ask())).toBe(60);
    bench.advance(120);
    bench.backend = () => positive(200);
    const fresh = bench.ask();
    expect(bench.asked[1]?.transport).toBe('udp');
    expect([ttlOf(fresh), fresh.isAuthoritative]).toEqual([200, false]);
    bench.advance(240);
    bench.backend = () => servfail(200);
    expect([bench.ask().rcode, ttlOf(bench.ask())]).toEqual([RCODE.NOERROR, 0]);
    bench.backend = () => {
      throw new Error('broken');
    };
    expect(ttlOf(bench.ask())).toBe(0);
    bench.backend = () => nxdomain(150);
    const gone = bench.ask();
    expect([gone.rcode, ttlOf(gone)]).toEqual([RCODE.NXDOMAIN, 150]);
  });

  it('gives AD to who asks for it', () => {
    const bench = stale('1h verify');
    bench.backend = () => positive(60).with({ isAuthenticData: true });
    bench.ask();
    bench.advance(61);
    expect(bench.ask('cached.org.', 'A', { isAuthenticData: true }).isAuthenticData).toBe(true);
    expect(bench.asked[1]?.request.isAuthenticData).toBe(true);
    bench.advance(61);
    expect(bench.ask().isAuthenticData).toBe(false);
  });

  it('answers stale when the time is up, and keeps what comes later', async () => {
    const bench = stale('1h verify 50ms 30s');
    bench.ask();
    bench.advance(180);
    const arrive = bench.hold();
    const reply = bench.send(bench.query());
    vi.advanceTimersByTime(50);
    expect(ttlOf((await reply) as Answer)).toBe(30);
    arrive(positive(60, '10.0.0.9'));
    await settled();
    expect(textsOf(bench.ask())).toEqual(['cached.org. 60 IN A 10.0.0.9']);
  });

  it('gives what comes in time as a hit would', async () => {
    const bench = stale('1h verify 500ms');
    bench.ask();
    bench.advance(180);
    bench.backend = async () => positive(200);
    const fresh = (await bench.send(bench.query())) as Answer;
    expect([ttlOf(fresh), fresh.isAuthoritative]).toEqual([200, true]);
    bench.advance(400);
    bench.backend = async () => replyOf({ rcode: 'NXDOMAIN' });
    expect(await bench.send(bench.query())).toMatchObject({ rcode: RCODE.NXDOMAIN, isAuthoritative: false });
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    'verify',
    'verify 100ms',
    'verify 100ms 30s 30s',
  ])('`%s` asks once for all who ask meanwhile', async (mode) => {
    const bench = stale(`1h ${mode}`);
    bench.ask();
    bench.advance(61);
    const arrive = bench.hold();
    const replies = Promise.all(Array.from({ length: 50 }, () => bench.send(bench.query())));
    expect(bench.calls).toBe(2);
    arrive(positive(60, '10.0.0.9'));
    for (const reply of await replies) expect(textsOf(reply as Answer)).toEqual(['cached.org. 60 IN A 10.0.0.9']);
    bench.advance(61);
    bench.backend = async () => servfail(60);
    const failed = await Promise.all(Array.from({ length: 50 }, () => bench.send(bench.query())));
    for (const reply of failed) expect(textsOf(reply as Answer)[0]).toMatch(/10\.0\.0\.9$/);
    expect([bench.calls, vi.getTimerCount()]).toEqual([3, 0]);
  });

  it('waits out the recheck after a failure, all with the stale reply', async () => {
    const bench = stale('1h verify 100ms 30s 30s');
    bench.ask();
    bench.advance(61);
    const arrive = bench.hold();
    const first = bench.send(bench.query());
    arrive(servfail(60));
    expect(ttlOf((await first) as Answer)).toBe(30);
    expect(ttlOf(bench.ask())).toBe(30);
    expect(bench.calls).toBe(2);
    bench.advance(29);
    bench.ask();
    expect(bench.calls).toBe(2);
    bench.advance(1);
    bench.backend = () => positive(60);
    bench.ask();
    expect(bench.calls).toBe(3);
  });
});

describe('serve_stale_policy prefer_positive', () => {
  const policy = 'serve_stale_policy prefer_positive';

  it('puts a stale answer before a fresh denial', () => {
    for (const preferred of [false, true]) {
      const bench = stale('1h', preferred ? policy : '');
      bench.ask();
      bench.advance(120);
      bench.backend = () => nxdomain(300);
      bench.ask();
      expect(bench.entries('denial')).toBe(1);
      expect(bench.ask().rcode).toBe(preferred ? RCODE.NOERROR : RCODE.NXDOMAIN);
    }
  });

  it('does not take a CNAME without its address for an answer', () => {
    const bench = stale('1h', policy);
    bench.backend = () => replyOf({});
    bench.ask();
    bench.advance(61);
    bench.backend = () => nxdomain(300);
    bench.ask();
    expect(bench.ask().rcode).toBe(RCODE.NXDOMAIN);
  });

  it.each([
    ['nothing', replyOf({})],
    ['a delegation', replyOf({ authority: ['example.org. 60 IN NS ns.example.org.'] })],
    ['data elsewhere', replyOf({ additional: ['cached.org. 60 IN A 192.0.2.54'] })],
  ])('keeps the last answer when a refresh brings %s', (_, reply) => {
    const bench = stale('1h', policy);
    bench.backend = () => positive(60, '192.0.2.10');
    bench.ask();
    bench.advance(120);
    bench.backend = () => reply;
    bench.ask();
    bench.ask();
    expect(textsOf(bench.ask())).toEqual(['cached.org. 0 IN A 192.0.2.10']);
    bench.advance(3600);
    expect(bench.ask().answer).toEqual([]);
  });

  it.each([
    ['NXDOMAIN', nxdomain(300)],
    ['NODATA', replyOf({ authority: [`example.org. 300 IN SOA ${SOA}`] })],
    ['SERVFAIL', servfail(300)],
    ['NOTIMP', replyOf({ rcode: 'NOTIMP' })],
  ])('answers stale when verifying brings %s, and keeps that as well', (_, reply) => {
    const bench = stale('1h verify', policy);
    bench.ask();
    bench.advance(120);
    bench.backend = () => reply;
    expect(textsOf(bench.ask())).toEqual(['cached.org. 0 IN A 127.0.0.53']);
    expect(bench.entries('denial')).toBe(1);
  });

  it.each([
    ['0', positive(60, '192.0.2.20').with({ isTruncated: true })],
    ['1s', positive(60, '192.0.2.20').with({ isTruncated: true })],
    [
      '0',
      replyOf({
        answer: [
          'cached.org. 60 IN A 192.0.2.20',
          'cached.org. 60 IN RRSIG A 8 2 60 20160521031301 20160421031301 12051 cached.org. lAaEzB5teQLLKyDe',
        ],
      }),
    ],
  ])('with verify %s does not take reply %# for an answer', async (timeout, reply) => {
    const bench = stale(`1h verify ${timeout}`, policy);
    const options = { isDnssecOk: true };
    bench.ask('cached.org.', 'A', options);
    bench.advance(120);
    bench.backend = async () => reply;
    const got = (await bench.send(bench.query('cached.org.', 'A', options))) as Answer;
    expect(textsOf(got)).toEqual(['cached.org. 0 IN A 127.0.0.53']);
  });
});
