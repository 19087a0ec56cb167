import { describe, expect, it } from 'vitest';
import { encodeMessage } from './encode.ts';
import { bareReplyOctets, uncompressedOctets } from './message-size.ts';
import { nameFromText, wireNameFromText } from './name.ts';
import { addressRecord, cnameRecord, soaRecord } from './record.ts';

describe('the size of a message', () => {
  const question = { name: wireNameFromText('www.example.org.') };
  const none = { answer: [], authority: [], additional: [] };

  it('is header and question where there are no records', () => {
    expect(uncompressedOctets(question, none)).toBe(12 + 17 + 4);
  });

  it('counts every name whole, in owners and in RDATA', () => {
    const answer = [
      cnameRecord(question.name, 5, wireNameFromText('a.example.org.')),
      addressRecord(wireNameFromText('a.example.org.'), 5, Uint8Array.of(1, 2, 3, 4)),
    ];
    expect(uncompressedOctets(question, { ...none, answer })).toBe(33 + (17 + 10 + 15) + (15 + 10 + 4));
  });

  it('counts the SOA of a negative answer', () => {
    const zone = nameFromText('example.org.');
    const soa = { mname: zone, rname: zone, serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 };
    expect(uncompressedOctets(question, { ...none, authority: [soaRecord(zone, 5, soa)] })).toBe(
      33 + 13 + 10 + 13 + 13 + 20,
    );
  });

  it('counts the OPT of an error reply of the server, as that is what is sent', () => {
    const asked = { name: question.name, type: 1, class: 1 };
    const cookie = { code: 10, data: new Uint8Array(8) };
    const subnet = { code: 8, data: new Uint8Array(7) };
    const edns = { udpSize: 1232, version: 0, isDnssecOk: false, options: [cookie, subnet] };
    const sent = encodeMessage(
      { id: 1, flags: 0, opcode: 0, rcode: 5, question: asked, ...none, opt: { ...edns, options: [cookie] } },
      65_535,
    );
    expect(bareReplyOctets({ question: asked, edns })).toBe(sent.length);
    expect(bareReplyOctets({ question: asked, edns: null })).toBe(33);
  });
});
