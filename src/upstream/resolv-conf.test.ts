import { describe, expect, it } from 'vitest';
import { parseResolvConf } from './resolv-conf.ts';

describe('parseResolvConf', () => {
  it('adds nameservers up and keeps the last search and options lines', () => {
    const text =
      'nameserver 10.0.0.1\nsearch a.example b.example.\noptions ndots:2\nnameserver fe80::1%eth0\nsearch c.example\noptions ndots:5 attempts:3\n';
    expect(parseResolvConf(text)).toEqual({
      nameservers: ['10.0.0.1', 'fe80::1%eth0'],
      search: ['c.example'],
      options: ['ndots:5', 'attempts:3'],
      emptyNameserverLines: [],
    });
  });

  it('takes white space before and between words, CR LF, comments of both kinds, and domain for search', () => {
    const text = '# one\n; two\r\n\tnameserver \t 10.0.0.1 # three\r\n domain x.example y.example\r\n';
    expect(parseResolvConf(text)).toMatchObject({ nameservers: ['10.0.0.1'], search: ['x.example'] });
  });

  it('passes over lines it does not know, and notes a nameserver line with nothing on it', () => {
    expect(parseResolvConf('foo bar\nnameserver\nnameserver 10.0.0.1')).toMatchObject({
      nameservers: ['10.0.0.1'],
      emptyNameserverLines: [2],
    });
  });

  it('finds nothing in nothing', () => {
    expect(parseResolvConf('')).toEqual({ nameservers: [], search: [], options: [], emptyNameserverLines: [] });
  });
});
