import { describe, expect, it } from 'vitest';
import { decodeMessage, FLAG, type Message } from '#dns/decode.ts';
import { encodeMessage } from '#dns/encode.ts';
import { wireNameFromText } from '#dns/name.ts';
import { recordFromText } from '#dns/record-text.ts';
import { differenceFrom } from './compare.ts';

const SOA = 'example. 5 IN SOA ns.dns.example. h.example. 7 7200 1800 86400 5';

const message = (
  answer: readonly string[],
  authority: readonly string[] = [],
  additional: readonly string[] = [],
): Message =>
  decodeMessage(
    encodeMessage(
      {
        id: 1,
        flags: FLAG.QR | FLAG.AA,
        opcode: 0,
        rcode: 0,
        question: { name: wireNameFromText('a.example.'), type: 1, class: 1 },
        answer: answer.map((line) => recordFromText(line)),
        authority: authority.map((line) => recordFromText(line)),
        additional: additional.map((line) => recordFromText(line)),
        opt: null,
      },
      65_535,
    ),
  ) as Message;

describe('comparing a reply with a recorded one', () => {
  const one = ['a.example. 5 IN A 192.0.2.1', 'a.example. 5 IN A 192.0.2.2'];

  it('takes records in any order, and any SOA serial', () => {
    const expected = {
      rcode: 'NOERROR',
      flags: ['qr', 'aa'],
      answer: [...one].reverse(),
      authority: [SOA.replace(' 7 ', ' 9 ')],
    };
    expect(differenceFrom(expected, message(one, [SOA]))).toBeNull();
  });

  it.each([
    ['the RCODE', { rcode: 'NXDOMAIN' }, 'rcode: found NOERROR, expected NXDOMAIN'],
    ['the flags', { rcode: 'NOERROR', flags: ['qr', 'aa', 'rd'] }, 'flags: found qr aa, expected qr aa rd'],
    ['a missing record', { rcode: 'NOERROR', answer: [...one, 'a.example. 5 IN A 192.0.2.3'] }, '192.0.2.3'],
    ['a record too many', { rcode: 'NOERROR', answer: one.slice(1) }, '192.0.2.1 | '],
    ['a TTL', { rcode: 'NOERROR', answer: one.map((line) => line.replace(' 5 ', ' 6 ')) }, 'a.example. 6 IN A'],
    [
      'the spelling of an owner name',
      { rcode: 'NOERROR', answer: one.map((line) => line.replace('a.', 'A.')) },
      'A.example.',
    ],
    ['a field of the SOA', { rcode: 'NOERROR', authority: [SOA.replace('86400', '86401')] }, '86401'],
    ['an additional record', { rcode: 'NOERROR', additional: [] }, 'b.example. 5 IN A 192.0.2.9'],
  ])('sees a difference in %s', (_, expected, difference) => {
    expect(differenceFrom(expected, message(one, [SOA], ['b.example. 5 IN A 192.0.2.9']))).toContain(difference);
  });

  it('wants a CNAME before its target', () => {
    const chain = ['a.example. 5 IN CNAME b.example.', 'b.example. 5 IN A 192.0.2.1'];
    expect(differenceFrom({ rcode: 'NOERROR', answer: chain }, message(chain))).toBeNull();
    expect(differenceFrom({ rcode: 'NOERROR', answer: chain }, message([...chain].reverse()))).toContain(
      'follows the records',
    );
  });

  it('does not compare the addresses of the server itself, only that there are some', () => {
    const own = (address: string): string => `ns.dns.example. 5 IN A ${address}`;
    expect(differenceFrom({ rcode: 'NOERROR', answer: [own('192.0.2.2')] }, message([own('10.0.0.1')]))).toBeNull();
    expect(differenceFrom({ rcode: 'NOERROR', answer: [own('192.0.2.2')] }, message([]))).toContain('own address');
    expect(differenceFrom({ rcode: 'NOERROR', additional: [] }, message([], [], [own('10.0.0.1')]))).toBeNull();
  });
});
