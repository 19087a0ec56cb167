import { describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from '#dns/decode.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { acceptMessage } from './accept.ts';

/** ID, flags, four counts, then the rest as hex. */
const message = (flags: number, counts: readonly number[], rest = '00000100 01'): Buffer => {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(0x1234, 0);
  header.writeUInt16BE(flags, 2);
  for (const [i, count] of counts.entries()) header.writeUInt16BE(count, 4 + 2 * i);
  return Buffer.concat([header, Buffer.from(rest.replaceAll(' ', ''), 'hex')]);
};
const QUESTION = '03777777 00 0001 0001';
const OPT = '00 0029 1000 00000000 0000';
const rejection = (bytes: Buffer): Message | null => {
  const result = acceptMessage(bytes);
  if (result.kind !== 'rejected') throw new Error('was accepted');
  return result.reply === null ? null : (decodeMessage(result.reply) as Message);
};

describe('which messages reach the plugins', () => {
  it('takes a plain query', () => {
    const result = acceptMessage(message(0x0100, [1, 0, 0, 0], QUESTION));
    expect(result).toMatchObject({
      kind: 'accepted',
      request: { id: 0x1234, isRecursionDesired: true, edns: null, octets: 21 },
    });
  });

  it('is silent to a response and to less than a header', () => {
    expect(rejection(message(0x8000, [1, 0, 0, 0], QUESTION))).toBeNull();
    expect(rejection(Buffer.alloc(11))).toBeNull();
  });

  it('answers NOTIMP with the same opcode to what is neither QUERY nor NOTIFY', () => {
    expect(rejection(message(0x2800, [1, 0, 0, 0], QUESTION))).toMatchObject({
      id: 0x1234,
      opcode: 5,
      rcode: RCODE.NOTIMP,
      questions: [],
    });
  });

  it.each([
    ['no question', message(0, [0, 0, 0, 0], '')],
    ['two questions', message(0, [2, 0, 0, 0], QUESTION + QUESTION)],
    ['two answers', message(0, [1, 2, 0, 0], QUESTION)],
    ['three additional records', message(0, [1, 0, 0, 3], QUESTION + OPT)],
    ['65,535 answers', message(0, [1, 65_535, 0, 0], QUESTION)],
    ['two OPTs', message(0, [1, 0, 0, 2], QUESTION + OPT + OPT)],
    ['a 64-octet label', message(0, [1, 0, 0, 0], `40${'61'.repeat(64)}00 0001 0001`)],
    ['a name that points at itself', message(0, [1, 0, 0, 0], 'c00c 0001 0001')],
    ['a question that is cut short', message(0, [1, 0, 0, 0], '03777777 00 0001')],
    [
      'an OPT whose option runs past its end',
      message(0, [1, 0, 0, 1], `${QUESTION}00 0029 1000 00000000 0004 000a 0008`),
    ],
  ])('answers FORMERR to %s', (_what, bytes) => {
    expect(rejection(bytes)).toMatchObject({ id: 0x1234, rcode: RCODE.FORMERR, opcode: 0 });
  });

  it('repeats the question in a FORMERR where the question could be read', () => {
    const twoOpts = message(0, [1, 0, 0, 2], QUESTION + OPT + OPT);
    expect(rejection(twoOpts)).toMatchObject({ rcode: RCODE.FORMERR, questions: [{ type: 1, class: 1 }] });
    expect(rejection(message(0, [1, 0, 0, 0], '03777777 00 0001'))).toMatchObject({
      rcode: RCODE.FORMERR,
      questions: [],
    });
  });

  it('lets an unknown class and a NOTIFY through', () => {
    expect(acceptMessage(message(0, [1, 0, 0, 0], '03777777 00 0001 00fe')).kind).toBe('accepted');
    expect(acceptMessage(message(0x2000, [1, 0, 0, 0], QUESTION)).kind).toBe('accepted');
  });
});
