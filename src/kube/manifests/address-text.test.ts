import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { networkOf, readAddress, readCidr } from './address-text.ts';

describe('readAddress', () => {
  it('gives one text for each address, and decimal numbers for leading zeros', () => {
    expect(readAddress('10.0.0.1')).toEqual({ meant: '10.0.0.1', problem: '' });
    expect(readAddress('FD00::0:1')).toEqual({ meant: 'fd00::1', problem: '' });
    expect(readAddress('010.0.0.008')).toEqual({ meant: '10.0.0.8', problem: 'has leading zeros: write 10.0.0.8' });
    for (const text of ['', '10.0.0', '10.0.0.256', '0x10.0.0.1', '10.0.0.1/32', 'fd00::g', '010.0.0.300', 'a.b.c.d'])
      expect(readAddress(text), text).toEqual({ meant: null, problem: 'is not an IP address' });
  });
});

describe('readCidr', () => {
  it('gives ranges of both families, however many bits are set behind the prefix', () => {
    expect(readCidr('10.1.2.3/12')).toEqual({ meant: '10.1.2.3/12', problem: '' });
    expect(readCidr('fd00::/112').meant).toBe('fd00::/112');
    expect(readCidr('0.0.0.0/0').meant).toBe('0.0.0.0/0');
    expect(readCidr('010.0.0.0/8')).toEqual({ meant: '10.0.0.0/8', problem: 'has leading zeros: write 10.0.0.0/8' });
    for (const text of [
      '',
      '10.0.0.0',
      '10.0.0.0/33',
      'fd00::/129',
      '10.0.0.0/08',
      '10.0.0.0/-1',
      '10.0.0.0/8/8',
      '/8',
    ])
      expect(readCidr(text).meant, text).toBeNull();
  });
});

describe('networkOf', () => {
  it('clears the bits behind the prefix, and no other', () => {
    expect(networkOf('10.97.1.2/12')).toBe('10.96.0.0/12');
    expect(networkOf('fd00:10:96::5/112')).toBe('fd00:10:96::/112');
    fc.assert(
      fc.property(fc.ipV4(), fc.integer({ min: 0, max: 32 }), (address, bits) => {
        const once = networkOf(`${address}/${bits}`);
        expect(networkOf(once)).toBe(once);
        if (bits === 32) expect(once).toBe(`${address}/32`);
      }),
    );
  });
});
