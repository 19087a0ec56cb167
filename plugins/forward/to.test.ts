import { describe, expect, it } from 'vitest';
import { splitHostPort, splitTransport, splitZone } from './host-port.ts';
import { distinctAddresses, targetKey } from './targets.ts';
import { readHostEntry, readTo, resolvedAddress } from './to.ts';

describe('a TO', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1:53'],
    ['2001:db8::1', '[2001:db8::1]:53'],
    ['[2001:db8::1]:5353', '[2001:db8::1]:5353'],
    ['tls://192.0.2.1', 'tls://192.0.2.1:853'],
    ['tls://192.0.2.1%dns.example', 'tls://192.0.2.1%dns.example:853'],
    ['https://192.0.2.1', 'https://192.0.2.1:443'],
  ])('%s stands for %s', (text, address) => {
    expect(readTo(text)).toEqual({ kind: 'static', addresses: [address] });
  });

  it.each([
    ['dns.example', { hostname: 'dns.example', port: '53', transport: 'dns', zone: '' }],
    ['dns.example:5353', { hostname: 'dns.example', port: '5353', transport: 'dns', zone: '' }],
    [
      'tls://dns.example%name.example',
      { hostname: 'dns.example', port: '853', transport: 'tls', zone: 'name.example' },
    ],
    ['127.0.0.1', null],
    ['grpc://dns.example', null],
    ['', null],
  ])('%s as a host name is %j', (text, entry) => expect(readHostEntry(text)).toEqual(entry));

  it.each([
    ['tls://127.0.0.1%example.net:854', 'tls://127.0.0.1:854', 'example.net'],
    ['tls://[::1%example.net]:853', 'tls://[::1]:853', 'example.net'],
    ['dns://127.0.0.1', 'dns://127.0.0.1', ''],
    ['foo%bar:baz', 'foo:baz', 'bar'],
  ])('%s without its zone is %s', (text, host, zone) => expect(splitZone(text)).toEqual({ host, zone }));

  it('is one upstream with another of the same address and port', () => {
    const addresses = ['192.0.2.1:53', 'dns://192.0.2.1:53', 'tls://192.0.2.1%a:853', 'tls://192.0.2.1%b:853'];
    expect(distinctAddresses(addresses)).toEqual(['192.0.2.1:53', 'tls://192.0.2.1%a:853']);
    expect(targetKey('tls://[::1%a]:853')).toBe('[::1]:853');
  });

  it('resolved is written like one that was an address from the start', () => {
    const entry = { hostname: 'dns.example', port: '853', transport: 'tls', zone: 'a.example' } as const;
    expect(resolvedAddress('::1', entry)).toBe('tls://[::1%a.example]:853');
    expect(resolvedAddress('192.0.2.1', { ...entry, transport: 'dns', port: '53' })).toBe('192.0.2.1:53');
  });
});

describe('splitting', () => {
  it.each(['192.0.2.1', '::1', '[::1]', 'a]:53', '[::1]x:53', ''])('finds no port in %j', (text) => {
    expect(splitHostPort(text)).toBeNull();
  });

  it('knows schemes by their whole name', () => {
    expect(splitTransport('https3://a')).toEqual({ transport: 'https3', rest: 'a' });
    expect(splitTransport('foo://a')).toEqual({ transport: 'dns', rest: 'foo://a' });
  });
});
