import * as dnsPacket from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { decodeMessage, FLAG, type Message } from './decode.ts';
import { encodeMessage, type MessageToWrite } from './encode.ts';
import { wireNameFromText } from './name.ts';
import { recordFromText, recordsFromText, recordToText } from './record-text.ts';
import { RR_TYPE } from './registry/rr-types.ts';

const message = (name: string, parts: Partial<MessageToWrite> = {}): MessageToWrite => ({
  id: 1,
  flags: FLAG.QR | FLAG.AA,
  opcode: 0,
  rcode: 0,
  question: { name: wireNameFromText(name), type: RR_TYPE.A, class: 1 },
  answer: [],
  authority: [],
  additional: [],
  opt: null,
  ...parts,
});
const opt = (udpSize: number) => ({ udpSize, isDnssecOk: false, options: [] });
const decode = (bytes: Buffer): Message => decodeMessage(bytes) as Message;
/** Octets of the message after header and question. */
const sections = (bytes: Buffer, name: string): string => bytes.toString('hex', 12 + wireNameFromText(name).length + 4);

const HUNDRED = Array.from({ length: 100 }, (_, i) => recordFromText(`a.example.test. 30 IN A 10.0.0.${i}`));

describe('encoding a message', () => {
  // Counts taken from CoreDNS 1.14.7 with an owner name of 16 octets.
  it.each([
    [null, 512, 30],
    [512, 512, 29],
    [800, 800, 47],
    [1232, 1232, 74],
    [1400, 1400, 84],
    [4096, 4096, 100],
  ])('fits 100 A records with EDNS size %s into %i octets as %i answers', (udpSize, limit, count) => {
    const bytes = encodeMessage(
      message('a.example.test.', { answer: HUNDRED, opt: udpSize === null ? null : opt(udpSize) }),
      limit,
    );
    const read = decode(bytes);
    expect(bytes.length).toBeLessThanOrEqual(limit);
    expect(read.answer).toHaveLength(count);
    expect((read.flags & FLAG.TC) !== 0).toBe(count < 100);
    expect(read.edns?.udpSize ?? null).toBe(udpSize);
  });

  it('points to the question and so repeats its spelling', () => {
    const answer = [recordFromText('www.example.org. 5 IN A 192.0.2.1')];
    const bytes = encodeMessage(message('wWw.ExAmPlE.org.', { answer }), 512);
    expect(sections(bytes, 'www.example.org.')).toBe('c00c0001000100000005' + '0004c0000201');
    expect(recordToText(decode(bytes).answer[0] as never)).toBe('wWw.ExAmPlE.org. 5 IN A 192.0.2.1');
  });

  it('shares suffixes between owners and RDATA of the types of RFC 1035', () => {
    const answer = recordsFromText(`
      example.org. 5 IN MX 10 mail.example.org.
      example.org. 5 IN NS ns.mail.example.org.`);
    const bytes = encodeMessage(message('example.org.', { answer }), 512);
    expect(sections(bytes, 'example.org.')).toBe(
      'c00c000f0001000000050009' + '000a' + '046d61696cc00c' + 'c00c00020001000000050005' + '026e73c02b',
    );
  });

  it('leaves the RDATA of newer types as it is', () => {
    const answer = [recordFromText('a.b. 5 IN SRV 0 0 1 a.b.'), recordFromText('a.b. 5 IN DNAME a.b.')];
    expect(sections(encodeMessage(message('a.b.', { answer }), 512), 'a.b.')).toBe(
      'c00c0021000100000005000b' + '000000000001' + '0161016200' + 'c00c00270001000000050005' + '0161016200',
    );
  });

  it('lets later names point into the RDATA of newer types', () => {
    const srv = recordFromText('a.b. 5 IN SRV 0 0 1 t.a.b.');
    const glue = recordFromText('t.a.b. 5 IN A 192.0.2.1');
    const bytes = encodeMessage(message('a.b.', { answer: [srv], additional: [glue] }), 512);
    expect(sections(bytes, 'a.b.')).toBe(
      'c00c0021000100000005000d' + '000000000001' + '01740161016200' + 'c0270001000100000005' + '0004c0000201',
    );
    expect(decode(bytes).additional.map(recordToText)).toEqual(['t.a.b. 5 IN A 192.0.2.1']);
  });

  it('makes no pointer to an octet beyond 16,383', () => {
    const filler = Array.from({ length: 70 }, () => recordFromText(`a. 5 IN TXT ${'x'.repeat(240)}`));
    const late = recordsFromText(`late.example. 5 IN A 192.0.2.1\nlate.example. 5 IN A 192.0.2.2`);
    const read = decode(encodeMessage(message('a.', { answer: [...filler, ...late] }), 65_535));
    expect(read.answer.slice(-2).map(recordToText)).toEqual(late.map(recordToText));
  });

  it('fills answer, authority and additional in this order and sets TC where any is cut', () => {
    const text = (n: number) => recordFromText(`a. 5 IN TXT ${'x'.repeat(n)}`);
    const parts = { answer: [text(100)], authority: [text(100)], additional: [text(150), text(150)] };
    const read = decode(encodeMessage(message('a.', parts), 512));
    expect([read.answer.length, read.authority.length, read.additional.length]).toEqual([1, 1, 1]);
    expect(read.flags & FLAG.TC).toBe(FLAG.TC);
    const cutEarlier = decode(encodeMessage(message('a.', { ...parts, authority: [text(255), text(255)] }), 512));
    expect([cutEarlier.answer.length, cutEarlier.authority.length, cutEarlier.additional.length]).toEqual([1, 1, 0]);
    expect(decode(encodeMessage(message('a.', parts), 600)).flags & FLAG.TC).toBe(0);
  });

  it('keeps room for the OPT and its options', () => {
    const options = [{ code: 10, data: Buffer.alloc(24) }];
    const bytes = encodeMessage(
      message('a.example.test.', { answer: HUNDRED, opt: { udpSize: 512, isDnssecOk: true, options } }),
      512,
    );
    expect(bytes.length).toBeLessThanOrEqual(512);
    expect(decode(bytes).answer).toHaveLength(27);
    expect(decode(bytes).edns).toMatchObject({ isDnssecOk: true, options: [{ code: 10 }] });
  });

  it('leaves nothing of a record that was cut, so that no later name points into it', () => {
    const answer = recordsFromText(`
      a. 5 IN TXT ${'x'.repeat(200)}
      unique.cut. 5 IN TXT ${'y'.repeat(255)} ${'y'.repeat(100)}`);
    const first = encodeMessage(message('a.', { answer }), 512);
    expect(decode(first).answer.map((record) => record.owner)).toEqual(['\x01a\0']);
    const again = encodeMessage(message('a.', { answer: [recordFromText('unique.cut. 5 IN A 192.0.2.1')] }), 512);
    expect(sections(again, 'a.').startsWith('06756e69717565')).toBe(true);
  });

  it('puts the high bits of an extended RCODE into the OPT', () => {
    const bytes = encodeMessage(message('a.', { rcode: 16, opt: opt(1232) }), 512);
    expect(bytes.readUInt16BE(2) & 15).toBe(0);
    expect(decode(bytes).rcode).toBe(16);
  });

  it('ends with RDATA that is not a name where one belongs', () => {
    const answer = [recordFromText('a. 5 IN CNAME \\# 3 056161')];
    expect(encodeMessage(message('a.', { answer }), 512).length).toBeGreaterThan(12);
  });

  it('stays within 65,535 octets with the largest names at the end', () => {
    const name = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.`;
    const soa = (i: number) =>
      recordFromText(
        `${'o'.repeat(20)}${i}.${name} 5 IN SOA ${'m'.repeat(20)}${i}.${name.toUpperCase()} ${'r'.repeat(20)}${i}.${name} 1 2 3 4 5`,
      );
    const filler = Array.from({ length: 254 }, () => recordFromText(`a. 5 IN TXT ${'x'.repeat(244)}`));
    for (let size = 0; size < 255; size += 3) {
      const answer = [...filler, recordFromText(`a. 5 IN TXT "${'x'.repeat(size)}"`), soa(1), soa(2)];
      expect(encodeMessage(message('a.', { answer }), 65_535).length).toBeLessThanOrEqual(65_535);
    }
  });

  it('writes what dns-packet reads', () => {
    const answer = recordsFromText(`
      www.example. 5 IN CNAME a.example.
      a.example. 5 IN A 192.0.2.1
      a.example. 5 IN MX 10 b.a.example.
      a.example. 5 IN SRV 1 2 3 a.example.`);
    const authority = [recordFromText('example. 5 IN SOA ns.example. h.example. 1 2 3 4 5')];
    const read = dnsPacket.decode(encodeMessage(message('www.example.', { answer, authority, opt: opt(1232) }), 512));
    expect(read.answers).toMatchObject([
      { name: 'www.example', type: 'CNAME', data: 'a.example' },
      { name: 'a.example', type: 'A', data: '192.0.2.1' },
      { name: 'a.example', type: 'MX', data: { preference: 10, exchange: 'b.a.example' } },
      { name: 'a.example', type: 'SRV', data: { priority: 1, weight: 2, port: 3, target: 'a.example' } },
    ]);
    expect(read.authorities).toMatchObject([{ type: 'SOA', data: { mname: 'ns.example', serial: 1, minimum: 5 } }]);
    expect(read.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }]);
  });
});
