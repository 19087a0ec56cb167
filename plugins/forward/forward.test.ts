import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FLAG } from '#dns/decode.ts';
import { nameFromText, wireNameFromText } from '#dns/name.ts';
import { recordsFromText, recordToText } from '#dns/record-text.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { testQuery } from '#plugin/testing.ts';
import { answerA, FakeUpstream, type Script, TLS_FILES } from '#test/fake-upstream.ts';
import { BEHIND, type Running, runStanza } from './testing.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const serve = async (script?: Script, transport?: 'plain' | 'tls'): Promise<FakeUpstream> => {
  const fake = await FakeUpstream.open(script, transport);
  closing.push(() => fake.close());
  return fake;
};

const run = async (stanza: string, options?: Parameters<typeof runStanza>[1]): Promise<Running> => {
  const running = await runStanza(stanza, options);
  closing.unshift(() => running.stop());
  return running;
};

const withRcode =
  (rcode: number): Script =>
  (asked) =>
    asked.reply({ rcode });
const silent: Script = () => undefined;

/** A port on which nobody listens. */
const deadAddress = async (): Promise<string> => {
  const fake = await FakeUpstream.open();
  const { address } = fake;
  await fake.close();
  return address;
};

const sample = async ({ metrics }: Running, series: string): Promise<string | undefined> =>
  (await metrics.render())
    .split('\n')
    .find((line) => line.startsWith(series))
    ?.split(' ')[1];

describe('forward', () => {
  it('gives the reply as the upstream sent it: RCODE, AA, RA, AD, records, EDNS options', async () => {
    const option = { code: 15, data: Buffer.from([0, 22]) };
    const fake = await serve((asked) =>
      asked.reply({
        rcode: RCODE.NXDOMAIN,
        flags: FLAG.AA | FLAG.RA | FLAG.AD,
        authority: recordsFromText('example. 60 IN SOA ns.example. admin.example. 1 2 3 4 5'),
        opt: { udpSize: 1232, isDnssecOk: true, options: [option] },
      }),
    );
    const reply = await (await run(`forward . ${fake.address}`)).ask('nx.example.');
    expect(reply).toMatchObject({
      rcode: RCODE.NXDOMAIN,
      isAuthoritative: true,
      isRecursionAvailable: true,
      isAuthenticData: true,
      isTruncated: false,
      isBare: false,
      error: null,
    });
    expect(reply.authority.map(recordToText)).toEqual(['example. 60 IN SOA ns.example. admin.example. 1 2 3 4 5']);
    expect(reply.options.map(({ code }) => code)).toEqual([15]);
  });

  it('sends the query as it came: spelling, RD, AD, CD, OPT with its options, class', async () => {
    const fake = await serve();
    const cookie = { code: 10, data: Buffer.from('0011223344556677', 'hex') };
    const running = await run(`forward . ${fake.address}`);
    await running.ask('WwW.eXample.', {
      class: 3,
      isAuthenticData: true,
      isCheckingDisabled: true,
      edns: { udpSize: 1400, version: 0, isDnssecOk: true, options: [cookie] },
    });
    const message = fake.asked[0]?.message;
    expect(message?.questions).toEqual([{ name: wireNameFromText('WwW.eXample.'), type: 1, class: 3 }]);
    expect(message?.flags).toBe(FLAG.RD | FLAG.AD | FLAG.CD);
    expect(message?.edns).toMatchObject({ udpSize: 1400, isDnssecOk: true, options: [{ code: 10 }] });
  });

  it('asks for the name that a layer before it put in the place of the question', async () => {
    const fake = await serve();
    const running = await run(`forward . ${fake.address}`);
    await running.send(testQuery('old.example.', 'A').with({ name: nameFromText('new.example.') }));
    expect(fake.asked[0]?.message.questions[0]?.name).toBe(wireNameFromText('new.example.'));
  });

  it.each(['udp', 'tcp'] as const)('takes no reply to another question over %s, and counts it', async (transport) => {
    const fake = await serve((asked) =>
      asked.reply({ question: { name: wireNameFromText('evil.example.'), type: 1, class: 1 } }),
    );
    const running = await run(`forward . ${fake.address} {\nread_timeout 20ms\n}`);
    const reply = await running.ask('good.example.', { transport });
    expect(reply).toMatchObject({ rcode: RCODE.SERVFAIL, answer: [] });
    const series = `cluster_dns_forward_ignored_replies_total{proto="${transport}",reason="question"`;
    expect(await sample(running, series)).toBe('2');
  });

  it('sends what FROM does not match, or except takes out, to the next plugin, free to be repeated', async () => {
    const fake = await serve();
    const running = await run(`forward example.org ${fake.address} {\nexcept sub.example.org example.org\n}`);
    const other = testQuery('example.com.', 'A');
    expect([await running.send(other), other.provenance.isRepeatable]).toEqual([BEHIND, true]);
    expect(await running.ask('a.sub.example.org.')).toBe(BEHIND);
    const taken = testQuery('example.org.', 'A');
    expect((await running.send(taken)).kind).toBe('answer');
    expect([fake.asked.length, taken.provenance.isRepeatable]).toEqual([1, false]);
  });

  it('tries the directives of a block in their order, and the first whose FROM matches takes the query', async () => {
    const [org, all] = [await serve(), await serve()];
    const running = await run(`forward example.org ${org.address}\nforward . ${all.address}`);
    await running.ask('a.example.org.');
    await running.ask('a.example.com.');
    expect([org.asked.length, all.asked.length]).toEqual([1, 1]);
  });

  it.each([
    ['', 'udp', 'udp'],
    ['', 'tcp', 'tcp'],
    ['force_tcp', 'udp', 'tcp'],
    ['prefer_udp', 'tcp', 'udp'],
    ['force_tcp\nprefer_udp', 'tcp', 'tcp'],
  ] as const)('with "%s" a query over %s goes on over %s', async (options, transport, expected) => {
    const fake = await serve();
    await (await run(`forward . ${fake.address} {\n${options}\n}`)).ask('a.example.', { transport });
    expect(fake.asked.map(({ protocol }) => protocol)).toEqual([expected]);
  });

  it('passes TC on, and with prefer_udp asks again over TCP instead', async () => {
    const script: Script = (asked) => {
      if (asked.protocol === 'udp') asked.reply({ flags: FLAG.TC });
      else answerA(asked);
    };
    const fake = await serve(script);
    expect((await (await run(`forward . ${fake.address}`)).ask('a.example.')).isTruncated).toBe(true);
    const preferring = await run(`forward . ${fake.address} {\nprefer_udp\n}`);
    expect(await preferring.ask('a.example.')).toMatchObject({ isTruncated: false, answer: [{ ttl: 300 }] });
    expect(fake.asked.map(({ protocol }) => protocol)).toEqual(['udp', 'udp', 'tcp']);
  });

  it('with udp_fallback goes by UDP where TCP is refused, and says how often', async () => {
    const fake = await serve();
    const running = await run(`forward . ${fake.address} {\nforce_tcp\nudp_fallback\n}`);
    await running.ask('a.example.');
    await fake.closeTcp();
    expect((await running.ask('b.example.')).answer).toHaveLength(1);
    expect(fake.asked.map(({ protocol }) => protocol)).toEqual(['tcp', 'udp']);
    expect(await sample(running, 'cluster_dns_forward_udp_fallbacks_total')).toBe('1');
    const strict = await run(`forward . ${fake.address} {\nforce_tcp\n}`);
    expect((await strict.ask('c.example.')).error?.message).toMatch(/^dial tcp .*: connection refused$/);
  });

  it('forwards over TLS', async () => {
    const fake = await serve(undefined, 'tls');
    const running = await run(
      `forward . tls://${fake.address} {\ntls ${TLS_FILES.ca}\ntls_servername localhost\nhealth_check 10s\n}`,
    );
    expect((await running.ask('a.example.')).answer).toHaveLength(1);
    expect(await sample(running, 'coredns_proxy_conn_cache_misses_total')).toBe('1');
  });
});

describe('an upstream that does not answer', () => {
  it('is followed by the next one', async () => {
    const [dead, alive] = [await serve(silent), await serve()];
    const running = await run(`forward . ${dead.address} ${alive.address} {\npolicy sequential\nread_timeout 20ms\n}`);
    expect((await running.ask('a.example.')).answer).toHaveLength(1);
    expect(dead.asked.length).toBeGreaterThanOrEqual(1);
  });

  it('ends in SERVFAIL with the last error after two attempts an upstream', async () => {
    const fake = await serve(silent);
    const running = await run(`forward . ${fake.address} {\nread_timeout 20ms\nmax_fails 0\n}`);
    const reply = await running.ask('a.example.');
    expect(reply).toMatchObject({ rcode: RCODE.SERVFAIL, isBare: true });
    expect(reply.error?.message).toMatch(/^read udp 127\.0\.0\.1:\d+->127\.0\.0\.1:\d+: i\/o timeout$/);
    expect(fake.asked).toHaveLength(2);
  });

  it('is tried as often as max_connect_attempts says', async () => {
    const fake = await serve(silent);
    const running = await run(`forward . ${fake.address} {\nread_timeout 10ms\nmax_fails 0\nmax_connect_attempts 5\n}`);
    await running.ask('a.example.');
    expect(fake.asked).toHaveLength(5);
  });

  it('is tried until the time is over without a cap', async () => {
    const fake = await serve(silent);
    const running = await run(
      `forward . ${fake.address} {\nread_timeout 10ms\nmax_fails 0\nmax_connect_attempts 0\n}`,
      { times: { deadlineMs: 60, probeTimeoutMs: 10 } },
    );
    expect(await running.ask('a.example.')).toMatchObject({ rcode: RCODE.SERVFAIL });
    expect(fake.asked.length).toBeGreaterThanOrEqual(3);
  });

  it.each(['', 'force_tcp\nudp_fallback\n'])('has no longer than timeout says with "%s"', async (options) => {
    const fake = await serve(silent);
    const running = await run(`forward . ${fake.address} {\n${options}timeout 30ms\n}`);
    const reply = await running.ask('a.example.');
    expect(reply).toMatchObject({ rcode: RCODE.SERVFAIL, isBare: true });
    expect(reply.error).toMatchObject({
      code: 'forward-timeout',
      message: `no reply within 30ms, the last to be asked was ${fake.address}`,
    });
    expect(running.forwarders[0]?.active).toBe(0);
    fake.script = answerA;
    expect((await running.ask('b.example.')).rcode).toBe(RCODE.NOERROR);
  });

  it('does not keep the server busy where connections are refused at once', async () => {
    const running = await run(`forward . ${await deadAddress()} {\nmax_connect_attempts 0\n}`, {
      times: { deadlineMs: 50, probeTimeoutMs: 10 },
    });
    const turns = vi.fn();
    const interval = setInterval(turns, 1);
    expect((await running.ask('a.example.')).error?.message).toMatch(/connection refused$/);
    clearInterval(interval);
    expect(turns.mock.calls.length).toBeGreaterThan(2);
  });

  it('goes down after its health checks fail, is passed over, and comes back', async () => {
    let isAlive = false;
    const sick = await serve((asked) => (isAlive ? answerA(asked) : undefined));
    const healthy = await serve();
    const running = await run(
      `forward . ${sick.address} ${healthy.address} {\npolicy sequential\nread_timeout 20ms\nhealth_check 5ms\n}`,
      { times: { deadlineMs: 5000, probeTimeoutMs: 10 } },
    );
    await running.ask('a.example.');
    const failures = 'coredns_proxy_healthcheck_failures_total';
    await vi.waitFor(async () => expect(Number(await sample(running, failures))).toBeGreaterThanOrEqual(3));
    const questions = (): number => sick.asked.filter(({ message }) => message.questions[0]?.type === 1).length;
    const before = questions();
    await running.ask('b.example.');
    expect(questions()).toBe(before);
    isAlive = true;
    await vi.waitFor(async () => {
      await running.ask('c.example.');
      expect(questions()).toBeGreaterThan(before);
    });
  });

  it('is still tried where all are down, and counted; failfast answers SERVFAIL at once', async () => {
    const sick = await serve(silent);
    const start = (extra: string): Promise<Running> =>
      run(`forward . ${sick.address} {\nread_timeout 10ms\nhealth_check 1ms\nmax_fails 1\n${extra}\n}`, {
        times: { deadlineMs: 5000, probeTimeoutMs: 5 },
      });
    const broken = 'coredns_forward_healthcheck_broken_total';
    /** Questions for a name that have reached it; those before it may still be on their way. */
    const questions = (name: string): number =>
      sick.asked.filter(({ message }) => message.questions[0]?.name === nameFromText(name)).length;
    const trying = await start('');
    await trying.ask('a.example.');
    await vi.waitFor(async () =>
      expect(Number(await sample(trying, 'coredns_proxy_healthcheck_failures_total'))).toBeGreaterThan(1),
    );
    expect((await trying.ask('b.example.')).error?.message).toMatch(/i\/o timeout$/);
    await vi.waitFor(() => expect(questions('b.example.')).toBe(1));
    expect(await sample(trying, broken)).toBe('1');
    const failing = await start('failfast_all_unhealthy_upstreams');
    await failing.ask('a.example.');
    await vi.waitFor(async () =>
      expect(Number(await sample(failing, 'coredns_proxy_healthcheck_failures_total'))).toBeGreaterThan(1),
    );
    expect((await failing.ask('c.example.')).error?.message).toBe('no healthy proxies');
    expect([questions('c.example.'), await sample(failing, broken)]).toEqual([0, '1']);
  });
});

describe('failover and next', () => {
  it('failover takes the next upstream on these RCODEs, and the last one answers whatever it says', async () => {
    const [servfail, refused] = [await serve(withRcode(RCODE.SERVFAIL)), await serve(withRcode(RCODE.REFUSED))];
    const running = await run(
      `forward . ${servfail.address} ${refused.address} {\npolicy sequential\nfailover SERVFAIL refused\n}`,
    );
    expect(await running.ask('a.example.')).toMatchObject({ rcode: RCODE.REFUSED, isBare: false });
    expect([servfail.asked.length, refused.asked.length]).toEqual([1, 1]);
  });

  it('next hands these RCODEs to the next forward of the block, where there is one', async () => {
    const [first, second] = [await serve(withRcode(RCODE.NXDOMAIN)), await serve()];
    const two = await run(`forward . ${first.address} {\nnext NXDOMAIN\n}\nforward . ${second.address}`);
    expect((await two.ask('a.example.')).answer).toHaveLength(1);
    const one = await run(`forward . ${first.address} {\nnext NXDOMAIN\n}`);
    expect((await one.ask('a.example.')).rcode).toBe(RCODE.NXDOMAIN);
  });

  it('next_on_nodata does so where the answer section is empty', async () => {
    const [first, second] = [await serve(withRcode(RCODE.NOERROR)), await serve()];
    const running = await run(`forward . ${first.address} {\nnext_on_nodata\n}\nforward . ${second.address}`);
    expect((await running.ask('a.example.')).answer).toHaveLength(1);
  });
});

describe('limits and life', () => {
  it('max_concurrent refuses what is above it, and counts it', async () => {
    const held: (() => void)[] = [];
    const fake = await serve((asked) => held.push(() => answerA(asked)));
    const running = await run(`forward . ${fake.address} {\nmax_concurrent 2\n}`);
    const two = [running.ask('a.example.'), running.ask('b.example.')];
    const refused = await running.ask('c.example.');
    expect(refused).toMatchObject({ rcode: RCODE.REFUSED, isBare: true });
    expect(refused.error?.message).toBe('concurrent queries exceeded maximum 2');
    await vi.waitFor(() => expect(held).toHaveLength(2));
    for (const answer of held) answer();
    await Promise.all(two);
    expect(await sample(running, 'coredns_forward_max_concurrent_rejects_total')).toBe('1');
    fake.script = answerA;
    expect((await running.ask('d.example.')).rcode).toBe(RCODE.NOERROR);
  });

  it('refuses what is above the limit of the process without max_concurrent, whichever forward it is for', async () => {
    const maxInFlight = 20;
    const [fake, other] = [await serve(silent), await serve(silent)];
    const running = await run(`forward a.example ${fake.address}\nforward . ${other.address}`, { maxInFlight });
    const some = Array.from({ length: maxInFlight }, (_, i) => running.ask(i % 2 === 0 ? 'a.example.' : 'b.example.'));
    expect(await sample(running, 'cluster_dns_forward_in_flight')).toBe(String(maxInFlight));
    for (const name of ['a.example.', 'b.example.'])
      expect(await running.ask(name)).toMatchObject({
        rcode: RCODE.REFUSED,
        error: { message: `concurrent queries exceeded maximum ${maxInFlight}` },
      });
    expect(await sample(running, 'coredns_forward_max_concurrent_rejects_total')).toBe('2');
    await running.stop();
    await Promise.all(some);
    expect(await sample(running, 'cluster_dns_forward_in_flight')).toBe('0');
  });

  it('max_concurrent 0 is no limit', async () => {
    const fake = await serve(silent);
    const running = await run(`forward . ${fake.address} {\nmax_concurrent 0\n}`, { maxInFlight: 3 });
    const some = Array.from({ length: 10 }, () => running.ask('a.example.'));
    await running.stop();
    for (const { rcode } of await Promise.all(some)) expect(rcode).toBe(RCODE.SERVFAIL);
  });

  it('counts duration and pool use by upstream, protocol and RCODE', async () => {
    const fake = await serve(withRcode(RCODE.NXDOMAIN));
    const running = await run(`forward . ${fake.address}`);
    await running.ask('a.example.');
    const to = `to="${fake.address}"`;
    const lines = (await running.metrics.render()).split('\n').filter((line) => line.includes(to));
    const duration = lines.find((line) => line.startsWith('coredns_proxy_request_duration_seconds_count'));
    expect(duration).toMatch(/^[^{]+\{(?=.*proxy_name="forward")(?=.*rcode="NXDOMAIN").* 1$/);
    const pool = lines.filter((line) => line.startsWith('coredns_proxy_conn_cache'));
    expect(pool).toHaveLength(1);
    expect(pool[0]).toMatch(/^coredns_proxy_conn_cache_misses_total\{.*proto="udp".* 1$/);
  });

  it('stop answers what is under way and leaves nothing open', async () => {
    const held: (() => void)[] = [];
    const fake = await serve((asked) => held.push(() => answerA(asked)));
    const running = await run(`forward . ${fake.address}`);
    const asked = running.ask('a.example.');
    await vi.waitFor(() => expect(held).toHaveLength(1));
    const stopped = running.stop();
    held[0]?.();
    expect((await asked).answer).toHaveLength(1);
    await stopped;
    expect(running.forwarders[0]?.active).toBe(0);
  });

  it('stop gives back every socket and timer, with health checks and queries under way', async () => {
    const fake = await FakeUpstream.open((asked) => {
      if (asked.message.questions[0]?.type === 1) answerA(asked);
    });
    const refusing = await deadAddress();
    const running = await runStanza(`forward . ${fake.address} ${refusing} {\npolicy round_robin\nhealth_check 1ms\n}`);
    const transports = ['udp', 'tcp'] as const;
    const asked = Array.from({ length: 60 }, (_, i) =>
      running.ask(`n${i}.example.`, { transport: transports[i % 2] as (typeof transports)[number] }),
    );
    expect((await Promise.all(asked)).every(({ rcode }) => rcode === RCODE.NOERROR)).toBe(true);
    await running.stop();
    await fake.close();
    const sockets = (): string[] => process.getActiveResourcesInfo().filter((name) => /UDP|TCP|TLS/.test(name));
    await vi.waitFor(() => expect(sockets()).toEqual([]));
  });

  it('with -manifests answers SERVFAIL until the resolv.conf is there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'forward-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'resolv.conf');
    let aheadMs = 0;
    const clock = { monotonicMs: () => performance.now() + aheadMs, wallMs: Date.now };
    const running = await run(`forward . ${file} {\nread_timeout 20ms\n}`, { isLenient: true, clock });
    expect((await running.ask('a.example.')).error?.message).toBe('no healthy proxies');
    writeFileSync(file, 'nameserver 127.0.0.1\n');
    expect((await running.ask('a.example.')).error?.message).toBe('no healthy proxies');
    aheadMs = 1001;
    await running.ask('a.example.');
    expect(running.forwarders[0]?.order().map(({ upstream }) => upstream.text)).toEqual(['127.0.0.1:53']);
  });

  it('resolves host names at the start through its resolvers, each address once', async () => {
    const fake = await serve((asked) => {
      const { name, type } = asked.message.questions[0] as { name: string; type: number };
      const isA = type === 1 && name === wireNameFromText('dns.example.');
      asked.reply({ answer: isA ? recordsFromText('@ 1 IN A 127.0.0.1\n@ 1 IN A 127.0.0.1') : [] });
    });
    const dead = await deadAddress();
    const running = await run(
      `forward . dns.example:${fake.port} ${fake.address} {\nresolver ${dead} ${fake.address}\n}`,
    );
    expect(running.forwarders[0]?.order()).toHaveLength(1);
    await expect(runStanza(`forward . other.example {\nresolver ${fake.address}\n}`)).rejects.toThrow(
      'failed to resolve "other.example": no addresses found for "other.example"',
    );
  });
});
