import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressFromText, addressText, joinHostPort } from './address.ts';

describe('an address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['FD00:0:0:1::5', 'fd00:0:0:1::5'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is written %s', (text, canonical) => {
    expect(addressText(addressFromText(text) as Uint8Array)).toBe(canonical);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    ':::',
    '1::2::3',
    'fe80::1%eth0',
    '12345::',
    '1:2:3:4:5:6:7',
    'a.b.c.d',
  ])('is not %j', (text) => {
    expect(addressFromText(text)).toBeNull();
  });

  it('comes back from its text', () => {
    const octets = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.array(fc.constantFrom(0, 1, 255), { minLength: 16, maxLength: 16 }),
    );
    fc.assert(
      fc.property(octets, (address) => {
        expect([...(addressFromText(addressText(Uint8Array.from(address))) ?? [])]).toEqual([...address]);
      }),
    );
  });

  it('is joined to a port with brackets around IPv6', () => {
    expect(joinHostPort('::1', 53)).toBe('[::1]:53');
    expect(joinHostPort('', 53)).toBe(':53');
  });
});
