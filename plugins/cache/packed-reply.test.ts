import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WireName } from '#dns/name.ts';
import { ResourceRecord } from '#dns/record.ts';
import { Answer } from '#plugin/index.ts';
import { isPackedAuthentic, packReply, unpackReply } from './packed-reply.ts';

const octets = (max: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: max });
const owner = octets(254).map((wire) => Buffer.from([...wire, 0]).toString('latin1') as WireName);
const word = fc.nat(0xffff);
const record = fc
  .record({ owner: fc.oneof(owner, fc.constant('\x01a\0' as WireName)), type: word, klass: word, rdata: octets(300) })
  .map((fields) => new ResourceRecord(fields.owner, fields.type, 30, fields.rdata, fields.klass));
const section = fc.array(record, { maxLength: 5 });

const shown = (records: readonly ResourceRecord[]): unknown[] =>
  records.map(({ owner, type, ttl, rdata, class: klass }) => [owner, type, klass, ttl, [...rdata]]);

describe('a packed reply', () => {
  it('is the same again, whatever its records are, with another TTL', () => {
    const any = fc.record({
      rcode: fc.nat(4095),
      isRecursionAvailable: fc.boolean(),
      isAuthenticData: fc.boolean(),
      answer: section,
      authority: section,
      additional: section,
    });
    fc.assert(
      fc.property(any, (fields) => {
        const packed = packReply(new Answer(fields));
        const reply = unpackReply(packed, 7, fields.isAuthenticData);
        expect(reply).toMatchObject({
          rcode: fields.rcode,
          isAuthoritative: true,
          isRecursionAvailable: fields.isRecursionAvailable,
          isAuthenticData: fields.isAuthenticData,
        });
        expect(isPackedAuthentic(packed)).toBe(fields.isAuthenticData);
        for (const name of ['answer', 'authority', 'additional'] as const)
          expect(shown(reply[name])).toEqual(shown(fields[name].map((each) => each.withTtl(7))));
      }),
    );
  });
});
