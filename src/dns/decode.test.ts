import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '#test/property-runs.ts';
import { decodeMessage, type Message, WireFault } from './decode.ts';
import { encodeMessage, type MessageToWrite } from './encode.ts';
import { wireNameFromText } from './name.ts';
import { recordFromText, recordToText } from './record-text.ts';
import { RR_TYPE } from './registry/rr-types.ts';
import { arbitraryName, arbitraryRecord } from './testing/arbitrary.ts';

/** A message from hexadecimal, spaces ignored. */
const bytes = (...hex: string[]): Buffer => Buffer.from(hex.join('').replace(/\s/g, ''), 'hex');
const header = (counts: string): string => `1234 0100 ${counts}`;
const QUESTION = '01 61 00 0001 0001';
const OPT = '00 0029 04d0 00008000 0000';

const fault = (message: Buffer): string => {
  const decoded = decodeMessage(message);
  return decoded instanceof WireFault ? `${decoded.reason} at ${decoded.offset}` : 'no fault';
};

const decoded = (message: Buffer): Message => {
  const found = decodeMessage(message);
  if (found instanceof WireFault) throw new Error(`${found.reason} at ${found.offset}`);
  return found;
};

const response = (parts: Partial<MessageToWrite>): MessageToWrite => ({
  id: 7,
  flags: 0x8400,
  opcode: 0,
  rcode: 0,
  question: { name: wireNameFromText('a.'), type: RR_TYPE.A, class: 1 },
  answer: [],
  authority: [],
  additional: [],
  opt: null,
  ...parts,
});

/** Pointers, each to the one before it; the first to the octet in front of it. */
const chainFrom = (at: number, count: number): string =>
  Array.from({ length: count }, (_, i) => (0xc000 + at + (i === 0 ? 0 : 2 * i - 1)).toString(16)).join('');

/** Messages to begin a fuzz run with: the corpus, and a sound reply with every kind of RDATA step. */
const seeds = (): Buffer[] => {
  const corpus = join(import.meta.dirname, '../../test/corpus/dns');
  const read = (file: string): Buffer => bytes(...readFileSync(join(corpus, file), 'utf8').split('\n').slice(2));
  const answer = ['SOA a. b. 1 2 3 4 5', 'NAPTR 1 2 "s" "" "" a.', 'SRV 1 2 3 a.', 'NSEC a. A MX'].map((rdata) =>
    recordFromText(`a. 5 IN ${rdata}`),
  );
  const opt = { udpSize: 512, isDnssecOk: false, options: [{ code: 10, data: Buffer.alloc(8) }] };
  return [...readdirSync(corpus).map(read), encodeMessage(response({ answer, opt }), 512)];
};

describe('decoding a message', () => {
  it.each([
    ['nothing', '', 'header is cut short at 0'],
    ['a truncated header', '1234 0100 0001 0000 0000 00', 'header is cut short at 11'],
    ['a missing question', header('0001 0000 0000 0000'), 'name runs past the end of the message at 12'],
    ['a question without its class', `${header('0001 0000 0000 0000')}01 61 00 0001`, 'question is cut short at 15'],
    ['a label past the end', `${header('0001 0000 0000 0000')}05 6161`, 'label runs past the end of the message at 12'],
    ['a name without its end', `${header('0001 0000 0000 0000')}01 61`, 'name runs past the end of the message at 14'],
    [
      'a name that points at itself',
      `${header('0001 0000 0000 0000')}c00c 0001 0001`,
      'pointer does not point backwards at 12',
    ],
    [
      'a label before a pointer to it',
      `${header('0001 0000 0000 0000')}01 61 c00c 0001 0001`,
      'pointer does not point backwards at 14',
    ],
    [
      'a forward pointer',
      `${header('0001 0000 0000 0000')}c00e 01 61 00 0001 0001`,
      'pointer does not point backwards at 12',
    ],
    [
      'a pointer into the header',
      `${header('0001 0001 0000 0000')}${QUESTION} c004 0001 0001`,
      'pointer does not point backwards at 19',
    ],
    [
      'a chain of pointers longer than any name needs',
      // A record whose RDATA is such a chain, and one whose owner is at its end.
      `${header('0000 0002 0000 0000')}00 ff00 0001 00000000 0101 00 ${chainFrom(23, 128)} c116 ff00 0001 00000000 0000`,
      'name has too many pointers at 28',
    ],
    ['half a pointer', `${header('0001 0000 0000 0000')}c0`, 'pointer runs past the end of the message at 12'],
    [
      'a 64-octet label',
      `${header('0001 0000 0000 0000')}40 ${'61'.repeat(64)} 00 0001 0001`,
      'label type 1 is not known at 12',
    ],
    ['a label of type 2', `${header('0001 0000 0000 0000')}80 00`, 'label type 2 is not known at 12'],
    [
      'a name of 256 octets',
      `${header('0001 0000 0000 0000')}${`3f${'61'.repeat(63)}`.repeat(4)} 00 0001 0001`,
      'name is longer than 255 octets at 204',
    ],
    ['65,535 claimed answers', header('0001 ffff 0000 0000') + QUESTION, 'name runs past the end of the message at 19'],
    [
      'a record cut short',
      `${header('0001 0001 0000 0000')}${QUESTION} c00c 0001 0001 00000005`,
      'record is cut short at 21',
    ],
    [
      'RDATA past the end',
      header('0001 0001 0000 0000') + `${QUESTION} c00c 0010 0001 00000005 0004 03 616161 61`.slice(0, -4),
      'RDATA runs past the end of the message at 21',
    ],
    [
      'an A of 3 octets',
      `${header('0001 0001 0000 0000')}${QUESTION} c00c 0001 0001 00000005 0003 010203`,
      'RDATA has 3 octets, expected 4 at 31',
    ],
    [
      'an AAAA of 4 octets',
      `${header('0001 0001 0000 0000')}${QUESTION} c00c 001c 0001 00000005 0004 01020304`,
      'RDATA has 4 octets, expected 16 at 31',
    ],
    [
      'a CNAME with octets after it',
      `${header('0001 0001 0000 0000')}${QUESTION} c00c 0005 0001 00000005 0003 c00c 00`,
      'RDATA is longer than its fields at 33',
    ],
    [
      'a CNAME longer than its RDLENGTH',
      `${header('0001 0001 0000 0000')}${QUESTION} c00c 0005 0001 00000005 0001 c00c`,
      'RDATA is shorter than its fields at 33',
    ],
    [
      'an SRV without a target',
      `${header('0001 0001 0000 0000')}${QUESTION} c00c 0021 0001 00000005 0004 00000001`,
      'RDATA is shorter than its fields at 37',
    ],
    ['two OPTs', `${header('0001 0000 0000 0002')}${QUESTION} ${OPT} ${OPT}`, 'more than one OPT record at 30'],
    [
      'an OPT whose option runs past it',
      `${header('0001 0000 0000 0001')}${QUESTION} 00 0029 04d0 00000000 0004 000a 0008`,
      'OPT record is malformed at 19',
    ],
    [
      'an OPT that is not at the root',
      `${header('0001 0000 0000 0001')}${QUESTION} c00c 0029 04d0 00000000 0000`,
      'OPT record is malformed at 19',
    ],
  ])('ends at %s', (_, hex, expected) => {
    expect(fault(bytes(hex))).toBe(expected);
  });

  it('reads header, question and OPT', () => {
    const message = decoded(
      bytes(
        '1234 8583 0001 0000 0000 0001',
        '03 612e62 01 ff 00 0021 0003',
        '00 0029 04d0 01 00 8000 0008 000a 0004 01020304',
      ),
    );
    expect(message).toMatchObject({ id: 0x1234, flags: 0x8583, opcode: 0, rcode: 0x13, additional: [] });
    expect(message.questions).toEqual([{ name: '\x03a.b\x01\xff\0', type: 33, class: 3 }]);
    expect(message.edns).toMatchObject({ udpSize: 1232, version: 0, isDnssecOk: true });
    expect(message.edns?.options.map(({ code, data }) => [code, [...data]])).toEqual([[10, [1, 2, 3, 4]]]);
  });

  it('ignores octets after the last record', () => {
    expect(decoded(bytes(header('0001 0000 0000 0000'), QUESTION, 'ffff')).questions).toHaveLength(1);
  });

  it('takes names in RDATA apart, also where they are compressed', () => {
    const message = decoded(
      bytes(
        header('0001 0002 0000 0000'),
        '03 777777 01 61 00 0021 0001',
        'c00c 0021 0001 00000005 000a 0001 0002 0003 01 62 c010',
        'c010 000f 0001 00000005 0004 000a c029',
      ),
    );
    expect(message.answer.map(recordToText)).toEqual(['www.a. 5 IN SRV 1 2 3 b.a.', 'a. 5 IN MX 10 b.a.']);
  });

  it('gives RDATA that does not share memory with the message', () => {
    const message = bytes(header('0001 0001 0000 0000'), QUESTION, 'c00c 0001 0001 00000005 0004 01020304');
    const { answer } = decoded(message);
    message.fill(0);
    expect([...(answer[0]?.rdata ?? [])]).toEqual([1, 2, 3, 4]);
  });

  it.each(
    Object.entries(RR_TYPE).filter(([name]) => name !== 'OPT'),
  )('undoes the encoding of a %s record', (_, type) => {
    fc.assert(
      fc.property(fc.array(arbitraryRecord(type), { minLength: 1, maxLength: 4 }), (records) => {
        const read = decoded(encodeMessage(response({ answer: records }), 65_535));
        expect(read.answer.map(comparable)).toEqual(records.map(comparable));
      }),
      runs(25),
    );
  });

  it('undoes the encoding of whole messages', () => {
    const section = fc.array(arbitraryRecord(), { maxLength: 6 });
    fc.assert(
      fc.property(
        arbitraryName,
        section,
        section,
        section,
        fc.boolean(),
        (name, answer, authority, additional, hasOpt) => {
          const opt = hasOpt
            ? { udpSize: 1232, isDnssecOk: true, options: [{ code: 10, data: Buffer.from('cookie42') }] }
            : null;
          const question = { name, type: RR_TYPE.MX, class: 1 };
          const read = decoded(
            encodeMessage(response({ question, answer, authority, additional, opt, rcode: 3 }), 65_535),
          );
          expect(read.questions).toEqual([question]);
          expect([read.answer, read.authority, read.additional].map((records) => records.map(comparable))).toEqual(
            [answer, authority, additional].map((records) => records.map(comparable)),
          );
          expect(read.edns?.options.length ?? 0).toBe(hasOpt ? 1 : 0);
          expect(read.rcode).toBe(3);
        },
      ),
    );
  });

  it('never throws and never hangs on octets that are no message', () => {
    const change = fc.record({ at: fc.nat(80), cut: fc.nat(6), noise: fc.uint8Array({ maxLength: 6 }) });
    fc.assert(
      fc.property(fc.constantFrom(...seeds()), fc.array(change, { minLength: 1, maxLength: 4 }), (seed, changes) => {
        let message = seed;
        for (const { at, cut, noise } of changes)
          message = Buffer.concat([message.subarray(0, at), Buffer.from(noise), message.subarray(at + cut)]);
        const found = decodeMessage(message);
        expect(found instanceof WireFault || Array.isArray(found.questions)).toBe(true);
      }),
      runs(5_000),
    );
  });

  it('reads what dns-packet writes', () => {
    const message = dnsPacket.encode({
      type: 'response',
      id: 9,
      flags: dnsPacket.AUTHORITATIVE_ANSWER,
      questions: [{ type: 'SRV', name: '_http._tcp.example' }],
      answers: [
        {
          type: 'SRV',
          name: '_http._tcp.example',
          ttl: 30,
          data: { priority: 1, weight: 2, port: 80, target: 'a.example' },
        },
        { type: 'TXT', name: 'example', ttl: 30, data: ['a', 'b c'] },
      ],
      additionals: [
        { type: 'AAAA', name: 'a.example', ttl: 30, data: 'fd00::1' },
        {
          type: 'CAA',
          name: 'a.example',
          ttl: 30,
          data: { flags: 0, tag: 'issue', value: 'ca.example', issuerCritical: false },
        },
      ],
    });
    const read = decoded(message);
    expect([...read.answer, ...read.additional].map(recordToText)).toEqual([
      '_http._tcp.example. 30 IN SRV 1 2 80 a.example.',
      'example. 30 IN TXT "a" "b c"',
      'a.example. 30 IN AAAA fd00::1',
      'a.example. 30 IN CAA 0 "issue" "ca.example"',
    ]);
  });
});

/** A record as decoding gives it, except that compression may take a name over in another case. */
const comparable = (record: {
  owner: string;
  type: number;
  class: number;
  ttl: number;
  rdata: Uint8Array;
}): unknown => [
  record.owner.toLowerCase(),
  record.type,
  record.class,
  record.ttl,
  Buffer.from(record.rdata).toString('latin1').toLowerCase(),
];
