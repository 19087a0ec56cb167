import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, FLAG, type Message } from '#dns/decode.ts';
import { encodeMessage } from '#dns/encode.ts';
import { wireNameFromText } from '#dns/name.ts';
import { recordsFromText } from '#dns/record-text.ts';
import { isReplyTo, readUdpReply } from './reply-check.ts';
import { parseResolvConf } from './resolv-conf.ts';
import { askedFor, questionFor } from './testing.ts';

const reply = (name = 'a.example.'): Buffer =>
  encodeMessage(
    {
      id: 7,
      flags: FLAG.QR,
      opcode: 0,
      rcode: 0,
      question: questionFor(name),
      answer: recordsFromText('a.example. 1 IN A 192.0.2.1\na.example. 1 IN TXT "some text"'),
      authority: [],
      additional: [],
      opt: null,
    },
    512,
  );

describe('isReplyTo', () => {
  const asked = askedFor('a.example.');
  const { question } = asked;
  const good = decodeMessage(reply()) as Message;

  it('takes the question back in any case', () => {
    expect(isReplyTo(asked, good)).toBe(true);
    expect(isReplyTo(asked, decodeMessage(reply('A.eXAMPLE.')) as Message)).toBe(true);
  });

  it('takes an error without a question, as of a server that did not understand it', () => {
    for (const rcode of [1, 2, 4, 5, 16]) {
      const error = { ...good, questions: [], answer: [], rcode };
      expect(isReplyTo(asked, error)).toBe(true);
      expect(isReplyTo(asked, { ...error, flags: 0 })).toBe(false);
    }
  });

  it.each([
    ['another name', { ...good, questions: [{ ...question, name: wireNameFromText('b.example.') }] }],
    ['another type', { ...good, questions: [{ ...question, type: 28 }] }],
    ['another class', { ...good, questions: [{ ...question, class: 3 }] }],
    ['no question', { ...good, questions: [] }],
    ['two questions', { ...good, questions: [question, question] }],
    ['another opcode', { ...good, opcode: 4 }],
    ['NXDOMAIN without a question', { ...good, questions: [], answer: [], rcode: 3 }],
    ['an error without a question that has records', { ...good, questions: [], rcode: 1 }],
    ['QR clear', { ...good, flags: 0 }],
  ])('refuses %s', (_, message) => expect(isReplyTo(asked, message)).toBe(false));
});

describe('readUdpReply', () => {
  it('never throws, whatever the upstream sends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 12, maxLength: 80 }), fc.integer({ min: 12, max: 80 }), (bytes, limit) => {
        const read = readUdpReply(Buffer.from(bytes), limit);
        expect(read === null || Array.isArray(read.answer)).toBe(true);
      }),
    );
  });

  it('gives a reply that is cut anywhere behind its question empty, with the question and TC', () => {
    const whole = reply();
    const questionEnd = 12 + 11 + 4;
    for (let length = questionEnd; length < whole.length; length++) {
      const read = readUdpReply(whole.subarray(0, length), 512);
      expect([read?.answer.length, (read?.flags ?? 0) & FLAG.TC]).toEqual([0, FLAG.TC]);
      expect(read !== null && isReplyTo(askedFor('a.example.'), read)).toBe(true);
    }
  });
});

describe('parseResolvConf', () => {
  it('never throws, whatever the file holds', () => {
    const words = fc.constantFrom(
      'nameserver',
      'search',
      'options',
      'domain',
      '#',
      ';',
      ' ',
      '\t',
      '\n',
      '\r\n',
      '1.2.3.4',
      'a.',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(words, fc.string())), (parts) => {
        const { nameservers } = parseResolvConf(parts.join(''));
        expect(nameservers.every((server) => server !== '' && !/\s/.test(server))).toBe(true);
      }),
    );
  });
});
