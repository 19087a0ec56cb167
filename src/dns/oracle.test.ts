/** dns-packet as a second opinion, within what it can do: names of plain labels, and the types it has right codecs for. */
import { createRequire } from 'node:module';
import * as dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { wireNameFromText } from './name.ts';
import { recordToText } from './record-text.ts';
import { RR_TYPE, type RrTypeName } from './registry/rr-types.ts';

/** dns-packet's table of types, for which there are no declarations. */
const types = createRequire(import.meta.url)('dns-packet/types') as { readonly toType: (name: string) => number };

/** Labels in lower case: compression takes an earlier spelling over. */
const label = fc.stringMatching(/^[a-z0-9_]([a-z0-9_-]{0,10}[a-z0-9])?$/);
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const octets = (min: number, max: number) =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((bytes) => Buffer.from(bytes));
const u8 = fc.nat(255);
const u16 = fc.nat(65_535);
const u32 = fc.nat(0xffffffff);
const octet = fc.nat(255);
const text = fc.stringMatching(/^[ -~]{0,20}$/);
const typeNames = fc.uniqueArray(fc.constantFrom('A', 'NS', 'AAAA', 'MX', 'RRSIG', 'CAA'), { minLength: 1 });

const DATA: Readonly<Partial<Record<RrTypeName, fc.Arbitrary<unknown>>>> = {
  A: fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.')),
  NS: name,
  CNAME: name,
  PTR: name,
  DNAME: name,
  SOA: fc.record({ mname: name, rname: name, serial: u32, refresh: u32, retry: u32, expire: u32, minimum: u32 }),
  MX: fc.record({ preference: u16, exchange: name }),
  TXT: fc.array(octets(0, 255), { minLength: 1, maxLength: 3 }),
  HINFO: fc.record({ cpu: text, os: text }),
  SRV: fc.record({ priority: u16, weight: u16, port: u16, target: name }),
  RP: fc.record({ mbox: name, txt: name }),
  NAPTR: fc.record({ order: u16, preference: u16, flags: text, services: text, regexp: text, replacement: name }),
  DS: fc.record({ keyTag: u16, algorithm: u8, digestType: u8, digest: octets(1, 40) }),
  DNSKEY: fc.record({ flags: u16, algorithm: u8, key: octets(1, 40) }),
  TLSA: fc.record({ usage: u8, selector: u8, matchingType: u8, certificate: octets(1, 40) }),
  NSEC: fc.record({ nextDomain: name, rrtypes: typeNames }),
};

const isRegistered = (type: string): type is RrTypeName => type in RR_TYPE;

describe('dns-packet and we', () => {
  it.each(Object.keys(DATA) as RrTypeName[])('read the same in a %s record that either writes', (type) => {
    const property = fc.property(name, u32, DATA[type] as fc.Arbitrary<unknown>, (owner, ttl, data) => {
      const answer = { type, name: owner, ttl, data } as dnsPacket.Answer;
      const questions = [{ type: 'A' as const, name: owner }];
      const theirs = dnsPacket.encode({ type: 'response', id: 1, questions, answers: [answer] });
      const read = decodeMessage(theirs) as Message;
      const ours = encodeMessage(
        {
          id: 1,
          flags: 0x8000,
          opcode: 0,
          rcode: 0,
          question: { name: wireNameFromText(owner), type: 1, class: 1 },
          answer: read.answer,
          authority: [],
          additional: [],
          opt: null,
        },
        65_535,
      );
      expect(dnsPacket.decode(ours).answers).toEqual(dnsPacket.decode(theirs).answers);
      expect(ours.length).toBeLessThanOrEqual(theirs.length);
      // Not the generic form, which stands right behind the type; `\\#` within a text is a text.
      expect(recordToText(read.answer[0] as never)).not.toContain(` ${type} \\# `);
    });
    fc.assert(property, { numRuns: 60 });
  });

  it('give the same numbers to the types that both know', () => {
    const known = Object.keys(RR_TYPE).filter((type) => types.toType(type) !== 0);
    expect(known.length).toBeGreaterThan(35);
    for (const type of known) if (isRegistered(type)) expect([type, types.toType(type)]).toEqual([type, RR_TYPE[type]]);
  });
});
