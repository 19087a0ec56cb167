import { describe, expect, it } from 'vitest';
import { addressFromText, addressText } from './address.ts';
import { nameFromText, textFromName } from './name.ts';
import { addressFromReverseName, reverseNameOf, reverseZonesOf } from './reverse.ts';

const zones = (prefix: string): string[] | undefined => reverseZonesOf(prefix)?.map(textFromName);

describe('reverseZonesOf', () => {
  it('gives one zone where the prefix ends at a label', () => {
    expect(zones('10.0.0.9/8')).toEqual(['10.in-addr.arpa.']);
    expect(zones('172.16.4.0/24')).toEqual(['4.16.172.in-addr.arpa.']);
    expect(zones('2001:db8::/32')).toEqual(['8.b.d.0.1.0.0.2.ip6.arpa.']);
    expect(zones('0.0.0.0/0')).toEqual(['in-addr.arpa.']);
    expect(zones('10.1.2.3/32')).toEqual(['3.2.1.10.in-addr.arpa.']);
  });

  it('splits a prefix that ends inside a label', () => {
    expect(zones('10.128.0.0/9')).toHaveLength(128);
    expect(zones('10.128.0.0/9')?.[127]).toBe('255.10.in-addr.arpa.');
    expect(zones('192.168.2.0/23')).toEqual(['2.168.192.in-addr.arpa.', '3.168.192.in-addr.arpa.']);
    expect(zones('fd00::/7')).toEqual(['c.f.ip6.arpa.', 'd.f.ip6.arpa.']);
    expect(zones('2001:d00::/22')).toEqual(['c', 'd', 'e', 'f'].map((nibble) => `${nibble}.0.1.0.0.2.ip6.arpa.`));
    expect(zones('f000::/3')).toEqual(['e.ip6.arpa.', 'f.ip6.arpa.']);
  });

  it('gives null for what is no prefix', () => {
    for (const text of ['example.org', '10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', '10.0.0.0/x'])
      expect(zones(text), text).toBeUndefined();
  });
});

describe('addressFromReverseName', () => {
  it('is the inverse of reverseNameOf', () => {
    for (const text of ['10.0.0.1', '255.255.255.255', '2001:db8::567:89ab', '::1']) {
      const name = reverseNameOf(addressFromText(text) as Uint8Array);
      expect(addressText(addressFromReverseName(name) as Uint8Array)).toBe(text);
    }
  });

  it('gives null for a name that stands for no whole address', () => {
    for (const text of [
      'example.org',
      '0.0.10.in-addr.arpa',
      '256.0.0.10.in-addr.arpa',
      '01.0.0.10.in-addr.arpa',
      '1.ip6.arpa',
    ])
      expect(addressFromReverseName(nameFromText(text)), text).toBeNull();
  });
});
