import { describe, expect, it } from 'vitest';
import { CacheBench, type ReplyText, replyOf, SOA, textsOf } from './cache-bench.ts';
import { withTtl } from './ttl.ts';

const RRSIG_TAIL = '12051 miek.nl. lAaEzB5teQLLKyDenatmyhca7blLRg9DoGNrhe3NReBZN5C5';
const MX = ['miek.nl. 3600 IN MX 1 aspmx.l.google.com.', 'miek.nl. 3600 IN MX 10 aspmx2.googlemail.com.'];
const EXPIRED = `miek.nl. 1800 IN RRSIG MX 8 2 1800 20160521031301 20160421031301 ${RRSIG_TAIL}`;
const NOT_YET = `miek.nl. 1800 IN RRSIG MX 8 2 1800 20170521031301 20170501031301 ${RRSIG_TAIL}`;
const VALID = `miek.nl. 1800 IN RRSIG MX 8 2 1800 20170521031301 20170420031301 ${RRSIG_TAIL}`;
const ALIAS = 'alias.example.org. 3600 IN CNAME target.example.net.';
const NEGATIVE = { authority: [`example.org. 3600 IN SOA ${SOA}`] };

interface Row {
  readonly title: string;
  readonly name: string;
  readonly type: string;
  readonly reply: ReplyText;
  readonly isDnssecOk?: boolean;
  readonly store: 'success' | 'denial' | null;
}

const rows: readonly Row[] = [
  { title: 'an answer', name: 'miek.nl', type: 'MX', reply: { answer: MX, isAuthenticData: true }, store: 'success' },
  { title: 'an answer cut short', name: 'miek.nl', type: 'MX', reply: { answer: MX, isTruncated: true }, store: null },
  { title: 'NXDOMAIN with SOA', name: 'no.org', type: 'A', reply: { rcode: 'NXDOMAIN', ...NEGATIVE }, store: 'denial' },
  {
    title: 'NXDOMAIN without SOA',
    name: '1.1.168.192.in-addr.arpa',
    type: 'PTR',
    reply: { rcode: 'NXDOMAIN' },
    store: null,
  },
  {
    title: 'NXDOMAIN behind a CNAME',
    name: 'alias.example.org',
    type: 'A',
    reply: { rcode: 'NXDOMAIN', answer: [ALIAS], ...NEGATIVE },
    store: null,
  },
  { title: 'NODATA', name: 'example.org', type: 'TXT', reply: NEGATIVE, store: 'denial' },
  { title: 'SERVFAIL', name: 'example.org', type: 'A', reply: { rcode: 'SERVFAIL' }, store: 'denial' },
  { title: 'NOTIMP', name: 'example.org', type: 'A', reply: { rcode: 'NOTIMP' }, store: 'denial' },
  { title: 'REFUSED', name: 'example.org', type: 'A', reply: { rcode: 'REFUSED' }, store: null },
  { title: 'FORMERR', name: 'example.org', type: 'A', reply: { rcode: 'FORMERR' }, store: null },
  {
    title: 'a delegation',
    name: 'www.example.org',
    type: 'A',
    reply: { authority: ['example.org. 60 IN NS ns.example.org.'] },
    store: 'success',
  },
  {
    title: 'NOERROR with its data in the additional section',
    name: 'example.org',
    type: 'A',
    reply: { additional: ['example.org. 60 IN A 10.0.0.1'] },
    store: 'success',
  },
  {
    title: 'a reply to AXFR',
    name: 'example.org',
    type: 'AXFR',
    reply: { answer: ['example.org. 60 IN A 10.0.0.1'] },
    store: null,
  },
  {
    title: 'a reply to IXFR',
    name: 'example.org',
    type: 'IXFR',
    reply: { answer: ['example.org. 60 IN A 10.0.0.1'] },
    store: null,
  },
  {
    title: 'an expired signature, with DO',
    name: 'miek.nl',
    type: 'MX',
    isDnssecOk: true,
    reply: { answer: [...MX, EXPIRED] },
    store: null,
  },
  {
    title: 'a signature not valid yet, with DO',
    name: 'miek.nl',
    type: 'MX',
    isDnssecOk: true,
    reply: { answer: [...MX, NOT_YET] },
    store: null,
  },
  {
    title: 'an expired signature in the authority section, with DO',
    name: 'no.nl',
    type: 'MX',
    isDnssecOk: true,
    reply: { ...NEGATIVE, authority: [...NEGATIVE.authority, EXPIRED] },
    store: null,
  },
  {
    title: 'an expired signature, without DO',
    name: 'miek.nl',
    type: 'MX',
    reply: { answer: [...MX, EXPIRED] },
    store: 'success',
  },
  {
    title: 'a valid signature, with DO',
    name: 'miek.nl',
    type: 'MX',
    isDnssecOk: true,
    reply: { answer: [...MX, VALID] },
    store: 'success',
  },
  {
    title: 'a CNAME chain that leads nowhere',
    name: 'alias.example.org',
    type: 'A',
    reply: {
      answer: [
        'alias.example.org. 60 IN CNAME target1.example.net.',
        'target1.example.net. 60 IN CNAME target2.example.net.',
      ],
    },
    store: null,
  },
  {
    title: 'the same with SOA, as NODATA',
    name: 'alias.example.org',
    type: 'A',
    reply: { answer: [ALIAS], ...NEGATIVE },
    store: 'denial',
  },
  {
    title: 'a chain to another type',
    name: 'alias.example.org',
    type: 'A',
    reply: { answer: [ALIAS, 'target.example.net. 60 IN AAAA ::1'] },
    store: null,
  },
  {
    title: 'a chain to another name',
    name: 'alias.example.org',
    type: 'A',
    reply: { answer: [ALIAS, 'unrelated.example.net. 60 IN A 192.0.2.1'] },
    store: null,
  },
  {
    title: 'an MX chain without an MX',
    name: 'alias.example.org',
    type: 'MX',
    reply: { answer: [ALIAS] },
    store: null,
  },
  {
    title: 'an MX chain to an MX',
    name: 'alias.example.org',
    type: 'MX',
    reply: { answer: [ALIAS, 'target.example.net. 60 IN MX 10 mail.example.net.'] },
    store: 'success',
  },
  {
    title: 'a chain to the address',
    name: 'alias.example.org',
    type: 'A',
    reply: { answer: [ALIAS, 'TARGET.example.net. 60 IN A 127.0.0.1'] },
    store: 'success',
  },
  {
    title: 'a chain to the address, out of order',
    name: 'alias.example.org',
    type: 'A',
    reply: { answer: ['target.example.net. 60 IN A 127.0.0.1', ALIAS] },
    store: 'success',
  },
  {
    title: 'a chain with one CNAME twice',
    name: 'alias.example.org',
    type: 'A',
    reply: { answer: [ALIAS, ALIAS, 'target.example.net. 60 IN A 127.0.0.1'] },
    store: 'success',
  },
  {
    title: 'an owner with two targets',
    name: 'alias.example.org',
    type: 'A',
    reply: {
      answer: [ALIAS, 'alias.example.org. 60 IN CNAME other.example.net.', 'target.example.net. 60 IN A 192.0.2.1'],
    },
    store: null,
  },
  {
    title: 'a loop',
    name: 'alias.example.org',
    type: 'A',
    reply: {
      answer: [ALIAS, 'target.example.net. 60 IN CNAME alias.example.org.', 'alias.example.org. 60 IN A 192.0.2.1'],
    },
    store: null,
  },
  {
    title: 'a lone CNAME to ANY',
    name: 'alias.example.org',
    type: 'ANY',
    reply: { answer: [ALIAS] },
    store: 'success',
  },
  {
    title: 'another owner to ANY',
    name: 'alias.example.org',
    type: 'ANY',
    reply: { answer: ['unrelated.org. 60 IN A 192.0.2.1'] },
    store: null,
  },
  { title: 'a CNAME to CNAME', name: 'alias.example.org', type: 'CNAME', reply: { answer: [ALIAS] }, store: 'success' },
  {
    title: 'two CNAMEs to CNAME',
    name: 'alias.example.org',
    type: 'CNAME',
    reply: { answer: [ALIAS, 'alias.example.org. 60 IN CNAME other.example.net.'] },
    store: null,
  },
  {
    title: 'a record of another class',
    name: 'cached.org',
    type: 'A',
    reply: { answer: ['cached.org. 60 CH A \\# 4 c0000214'] },
    store: null,
  },
];

describe('what is kept', () => {
  it.each(rows)('$title: $store', ({ name, type, reply, isDnssecOk, store }) => {
    const bench = new CacheBench();
    bench.backend = () => replyOf(reply);
    const options = { isDnssecOk: isDnssecOk ?? false };
    const first = bench.ask(name, type, options);
    const second = bench.ask(name, type, options);
    expect(bench.calls).toBe(store === null ? 2 : 1);
    expect(textsOf(second)).toEqual(textsOf(first));
    expect(second.rcode).toBe(replyOf(reply).rcode);
    if (store === null) return;
    expect(bench.entries(store)).toBe(1);
    expect(bench.entries(store === 'success' ? 'denial' : 'success')).toBe(0);
  });
});

describe('withTtl', () => {
  it('gives the same array where nothing changes', () => {
    const { answer } = replyOf({ answer: MX });
    expect(withTtl(answer, 3600)).toBe(answer);
    expect(withTtl(answer, 5).map(({ ttl }) => ttl)).toEqual([5, 5]);
  });
});
