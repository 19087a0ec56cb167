import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressRange, allotAddress, canonicalAddress } from './address-range.ts';

const range = (cidr: string) => {
  const found = addressRange(cidr);
  if (found === null) throw new Error(cidr);
  return found;
};

describe('addressRange', () => {
  it('is null for what is no CIDR or has no address to give', () => {
    for (const text of ['', '10.0.0.0', '10.0.0.0/33', 'x/8', '10.0.0.1/32', 'fd00::1/128'])
      expect(addressRange(text)).toBeNull();
  });
});

describe('allotAddress', () => {
  it('gives each address of a range once, neither the first nor in IPv4 the last, and then null', () => {
    const taken = new Set<string>();
    const given = Array.from({ length: 7 }, (_, index) => allotAddress(range('192.0.2.9/29'), `a/${index}`, taken));
    expect(given.slice(0, 6).sort()).toEqual([
      '192.0.2.10',
      '192.0.2.11',
      '192.0.2.12',
      '192.0.2.13',
      '192.0.2.14',
      '192.0.2.9',
    ]);
    expect(given[6]).toBeNull();
  });

  it('gives one name the same address whatever it is asked after, unless another has it', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('10.96.0.0/12', 'fd00:10:96::/112'), (key, cidr) => {
        const first = allotAddress(range(cidr), key, new Set());
        const second = allotAddress(range(cidr), key, new Set(['10.96.0.0']));
        expect(second).toBe(first);
        expect(allotAddress(range(cidr), key, new Set([first ?? '']))).not.toBe(first);
        expect(canonicalAddress(first ?? '')).toBe(first);
      }),
    );
  });
});

describe('canonicalAddress', () => {
  it('gives one text for each address, and null for what is none', () => {
    expect(canonicalAddress('FD00:0:0::1')).toBe('fd00::1');
    expect(canonicalAddress('10.96.0.1')).toBe('10.96.0.1');
    for (const text of ['', '10.96.1', '10.96.0.256', '10.96.0.1/8', 'fd00:::1', 'None'])
      expect(canonicalAddress(text)).toBeNull();
  });
});
