import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressAndPort, canonicalAddress, canonicalRange, holds } from './address.ts';
import { disjointRanges } from './disjoint-ranges.ts';

describe('canonicalAddress', () => {
  it.each([
    ['10.0.0.1', 'IPv4', '10.0.0.1'],
    ['255.255.255.255', 'IPv4', '255.255.255.255'],
    ['172.030.000.010', 'IPv4', '172.30.0.10'],
    ['FD00:0:0:0::0001', 'IPv6', 'fd00::1'],
    ['fd00::0:1:0:0:1', 'IPv6', 'fd00::1:0:0:1'],
    ['::ffff:10.0.0.1', 'IPv4', '10.0.0.1'],
  ] as const)('spells %s of %s as %s', (text, family, canonical) => {
    expect(canonicalAddress(text, family)).toBe(canonical);
  });

  it.each([
    ['10.0.0.1', 'IPv6'],
    ['fd00::1', 'IPv4'],
    ['::ffff:10.0.0.1', 'IPv6'],
    ['10.0.0.256', 'IPv4'],
    ['10.0.0', 'IPv4'],
    ['10.0.0.1.', 'IPv4'],
    ['0x0a.0.0.1', 'IPv4'],
    ['fe80::1%eth0', 'IPv6'],
    ['example.org', 'IPv4'],
    ['', 'IPv4'],
    ['', 'IPv6'],
  ] as const)('takes %j for no address of %s', (text, family) => {
    expect(canonicalAddress(text, family)).toBeNull();
  });

  it('gives what it gave once more', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const found = canonicalAddress(text, 'IPv4') ?? canonicalAddress(text, 'IPv6');
        expect(found).not.toBeNull();
        const family = found?.includes(':') ? 'IPv6' : 'IPv4';
        expect(canonicalAddress(found as string, family)).toBe(found);
      }),
    );
  });
});

describe('canonicalRange', () => {
  it.each([
    ['203.0.113.9/25', 'IPv4', '203.0.113.0/25'],
    [' 203.0.113.000/025 ', 'IPv4', '203.0.113.0/25'],
    ['10.1.2.3/0', 'IPv4', '0.0.0.0/0'],
    ['10.1.2.3/32', 'IPv4', '10.1.2.3/32'],
    ['2001:DB8::1/33', 'IPv6', '2001:db8::/33'],
  ] as const)('spells %j of %s as %s', (text, family, range) => {
    expect(canonicalRange(text, family)?.text).toBe(range);
  });

  it.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '2001:db8::/32',
    'all/0',
  ])('takes %j for no IPv4 range', (text) => {
    expect(canonicalRange(text, 'IPv4')).toBeNull();
  });
});

describe('disjointRanges', () => {
  it('sorts, and leaves out what lies in another range or is of the other family', () => {
    const texts = [
      '203.0.113.64/26',
      '10.0.0.0/8',
      '203.0.113.0/25',
      '10.1.0.0/16',
      '2001:db8::/32',
      '10.0.0.0/8',
      'x',
    ];
    expect(disjointRanges(texts, 'IPv4')).toEqual(['10.0.0.0/8', '203.0.113.0/25']);
    expect(disjointRanges(texts, 'IPv6')).toEqual(['2001:db8::/32']);
  });

  it('is no restriction where one range is everything', () => {
    expect(disjointRanges(['10.0.0.0/8', '0.0.0.0/0'], 'IPv4')).toEqual([]);
  });
});

describe('holds', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['203.0.113.0/25', '203.0.113.127', true],
    ['203.0.113.0/25', '203.0.113.128', false],
    ['2001:db8::/33', '2001:db8:7fff::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['10.0.0.0/8', 'fd00::1', false],
  ])('%s holds %s: %s', (range, address, is) => {
    expect(holds(range, address)).toBe(is);
  });
});

describe('addressAndPort', () => {
  it('puts brackets around an IPv6 address', () => {
    expect([addressAndPort('10.0.0.1', 80), addressAndPort('fd00::1', 80)]).toEqual(['10.0.0.1:80', '[fd00::1]:80']);
  });
});
