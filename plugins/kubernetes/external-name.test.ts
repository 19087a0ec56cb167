import { describe, expect, it } from 'vitest';
import { recordFromText } from '#dns/record-text.ts';
import { Answer, DROP, failure, type Query, type Reply, type ServerHandle } from '#plugin/index.ts';
import { testQuery } from '#plugin/testing.ts';
import { ask, bench, external, SHOP, service, table } from './testing/cluster.ts';

describe('an ExternalName Service', () => {
  const answers = (reply: Reply): ServerHandle => ({ label: 'test', serve: async () => reply });
  const target = new Answer({ answer: [recordFromText('target.example.test. 60 IN A 192.0.2.7')], isTruncated: true });
  const EXT = `ext.${SHOP}`;
  const CNAME = `${EXT} 5 IN CNAME Target.Example.test.`;

  it('has the CNAME and what it leads to elsewhere, TC included', async () => {
    const on = await bench();
    const reply = await on.query(EXT, 'A', { server: answers(target) });
    expect(reply.answer).toEqual([CNAME, 'target.example.test. 60 IN A 192.0.2.7']);
    expect(reply.flags).toBe('aa tc');
  });

  it('looks the target up in the spelling of the Service, for the type that was asked', async () => {
    const on = await bench();
    const asked: Query[] = [];
    const serve = (query: Query): Reply => {
      asked.push(query);
      return failure(5);
    };
    await on.query(EXT, 'AAAA', { server: { label: 'test', serve } });
    expect(asked.map(({ request, name, type, depth }) => [request.question.name, name, type, depth])).toEqual([
      ['\x06Target\x07Example\x04test\0', '\x06target\x07example\x04test\0', 28, 1],
    ]);
  });

  it('has the bare CNAME where the look-up failed, and nothing where there was no reply', async () => {
    const on = await bench();
    expect((await on.query(EXT, 'A', { server: answers(failure(3)) })).answer).toEqual([CNAME]);
    const dropped = await on.query(EXT, 'A', { server: answers(DROP) });
    expect([dropped.rcode, dropped.answer.length, dropped.authority.length]).toEqual(['NOERROR', 0, 1]);
  });

  it('ends look-ups that lead back here for ever', async () => {
    const on = await bench();
    let depth = 0;
    const serve = (query: Query): Reply | Promise<Reply> => {
      depth = query.depth;
      const back = query.with({ name: testQuery(EXT, 'A').name });
      return on.instance.handle(back, () => failure(2));
    };
    await on.query(EXT, 'A', { server: { label: 'test', serve } });
    expect(depth).toBe(8);
  });

  table([
    ['ext', 'CNAME', CNAME],
    ['ext', 'TXT', 'NODATA'],
    ['ext', 'SRV', 'NODATA'],
    ['ext', 'ANY', 'NODATA'],
    ['x.ext', 'A', 'NXDOMAIN'],
    ['_http._tcp.ext', 'SRV', 'NXDOMAIN'],
    ['ext-ip', 'A', 'NXDOMAIN'],
    ['ext-ip', 'CNAME', 'NXDOMAIN'],
    [
      'ext-two',
      'A',
      `ext-two.${SHOP} 5 IN CNAME ext-in.${SHOP}`,
      `ext-in.${SHOP} 5 IN CNAME web.${SHOP}`,
      `web.${SHOP} 5 IN A 10.96.0.7`,
    ],
    ['ext-none', 'A', 'NODATA'],
    ['ext-self', 'A', 'NODATA'],
    ['ext-a', 'A', 'NODATA'],
  ]);

  it('follows eleven CNAMEs inside the zone and no more', async () => {
    const chain = Array.from({ length: 14 }, (_, i) => external(`c${i}`, `c${i + 1}.${SHOP}`));
    const on = await bench({}, [...chain, service('c14', { clusterIPs: ['10.96.0.99'] })]);
    expect(await ask(on, 'c3', 'A')).toHaveLength(12);
    expect(await ask(on, 'c2', 'A')).toEqual(['NODATA']);
  });
});
