/** Encoding whole messages: what fits comes back, what does not is cut in whole records, and others can read the pointers. */
import * as dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '#test/property-runs.ts';
import { decodeMessage, FLAG, type Message, WireFault } from './decode.ts';
import { optRecordOctets } from './edns.ts';
import { encodeMessage, type MessageToWrite } from './encode.ts';
import { foldName, nameFromText, type WireName } from './name.ts';
import { RDATA_LAYOUT } from './rdata-layout.ts';
import { ResourceRecord } from './record.ts';
import { RR_TYPE } from './registry/rr-types.ts';
import { arbitraryName, arbitraryRdata, arbitraryRecord } from './testing/arbitrary.ts';

const u16 = fc.nat(65_535);
const FILLER = new ResourceRecord('\x01f\0' as WireName, 60_000, 0, Buffer.alloc(800));
/** OPT belongs to no section, and DNS has a place of its own for it. */
const type = fc.oneof(
  fc.constantFrom(...Object.values(RR_TYPE)).filter((number) => number !== RR_TYPE.OPT),
  fc.integer({ min: 60_000, max: 65_534 }),
);

/** Few names with much in common, in both cases, so that there is something to compress. */
const relatedName: fc.Arbitrary<WireName> = fc
  .array(fc.constantFrom('a', 'B', 'svc', 'SVC', 'cluster', 'x'.repeat(60)), { maxLength: 4 })
  .map((labels) => nameFromText([...labels, 'local.'].join('.')));
const name = fc.oneof(relatedName, relatedName, arbitraryName);

const record = fc.oneof(
  arbitraryRecord(),
  fc
    .tuple(name, fc.constantFrom(RR_TYPE.CNAME, RR_TYPE.NS, RR_TYPE.PTR, RR_TYPE.DNAME), name)
    .map(([owner, kind, target]) => new ResourceRecord(owner, kind, 30, Buffer.from(target, 'latin1'))),
  fc
    .tuple(name, fc.constantFrom(RR_TYPE.MX, RR_TYPE.SRV, RR_TYPE.SOA, RR_TYPE.A, RR_TYPE.TXT), fc.nat(0xffffffff), u16)
    .chain(([owner, kind, ttl, klass]) =>
      arbitraryRdata(kind).map((rdata) => new ResourceRecord(owner, kind, ttl, rdata, klass)),
    ),
  fc
    .tuple(name, fc.integer({ min: 60_000, max: 65_534 }), fc.uint8Array({ maxLength: 700 }))
    .map(([owner, kind, rdata]) => new ResourceRecord(owner, kind, 0, rdata)),
);
const section = fc.oneof(
  { weight: 6, arbitrary: fc.array(record, { maxLength: 8 }) },
  { weight: 1, arbitrary: fc.array(record, { minLength: 20, maxLength: 30, size: 'max' }) },
);
const option = fc.record({ code: u16, data: fc.uint8Array({ maxLength: 40 }) });
const opt = fc.record({ udpSize: u16, isDnssecOk: fc.boolean(), options: fc.array(option, { maxLength: 3 }) });

const message: fc.Arbitrary<MessageToWrite> = fc.record({
  id: u16,
  // Anything but TC, which is what is looked for.
  flags: u16.map((bits) => bits & 0x87f0 & ~FLAG.TC),
  opcode: fc.nat(15),
  rcode: fc.nat(15),
  question: fc.option(fc.record({ name, type, class: u16 }), { freq: 10 }),
  answer: section,
  authority: section,
  additional: section,
  opt: fc.option(opt),
});

const decoded = (bytes: Buffer): Message => {
  const read = decodeMessage(bytes);
  if (read instanceof WireFault) throw new Error(`our own message: ${read.reason} at ${read.offset}`);
  return read;
};

/** A record as it comes back: a pointer takes over the case of the name it points to, in RDATA too. */
const comparable = ({ owner, type: kind, class: klass, ttl, rdata }: ResourceRecord): string => {
  const octets = Buffer.from(rdata).toString('latin1');
  return [foldName(owner), kind, klass, ttl, RDATA_LAYOUT.has(kind) ? octets.toLowerCase() : octets].join('|');
};
const sectionsOf = ({ answer, authority, additional }: Pick<Message, 'answer' | 'authority' | 'additional'>) => [
  answer.map(comparable),
  authority.map(comparable),
  additional.map(comparable),
];

const checkHead = (read: Message, given: MessageToWrite): void => {
  expect(read.id).toBe(given.id);
  expect(read.flags & ~FLAG.TC).toBe(given.flags | (given.opcode << 11) | (given.rcode & 15));
  expect(read.questions).toEqual(given.question === null ? [] : [given.question]);
  expect(read.edns?.udpSize).toBe(given.opt?.udpSize);
  expect(read.edns?.isDnssecOk).toBe(given.opt?.isDnssecOk);
};

describe('any message', () => {
  it('comes back whole where there is room for it, in every mix of sections', () => {
    fc.assert(
      fc.property(message, fc.constantFrom(0, 0, 20, 21), (some, fillers) => {
        // More than 16,383 octets, so that names stand beyond the reach of a pointer.
        const given = { ...some, answer: [...new Array<ResourceRecord>(fillers).fill(FILLER), ...some.answer] };
        const read = decoded(encodeMessage(given, 65_535));
        checkHead(read, given);
        expect(read.flags & FLAG.TC).toBe(0);
        expect(sectionsOf(read)).toEqual(sectionsOf(given));
        expect(read.edns?.options.map(({ code, data }) => [code, [...data]])).toEqual(
          given.opt?.options.map(({ code, data }) => [code, [...data]]),
        );
      }),
      runs(100),
    );
  });

  it('takes no more octets than the limit, keeps the first whole records in their order, and has TC where one is missing', () => {
    let cut = 0;
    fc.assert(
      fc.property(message, fc.oneof(fc.integer({ min: 512, max: 4096 }), fc.constant(512)), (given, limit) => {
        const bytes = encodeMessage(given, limit);
        expect(bytes.length).toBeLessThanOrEqual(limit);
        const read = decoded(bytes);
        checkHead(read, given);
        const [all, kept] = [sectionsOf(given).flat(), sectionsOf(read).flat()];
        expect(kept).toEqual(all.slice(0, kept.length));
        // A section begins only where the one before it is whole.
        const counts = [read.answer.length, read.authority.length, read.additional.length];
        const wanted = [given.answer.length, given.authority.length, given.additional.length];
        const short = counts.findIndex((count, i) => count < (wanted[i] as number));
        expect(counts.slice(0, Math.max(short, 0))).toEqual(wanted.slice(0, Math.max(short, 0)));
        expect((read.flags & FLAG.TC) !== 0).toBe(kept.length < all.length);
        if (kept.length === all.length) return;
        cut++;
        // What was cut would not have fitted: with it, and no limit, the message is longer.
        const next = given.answer.concat(given.authority, given.additional).slice(0, kept.length + 1);
        const more = encodeMessage({ ...given, answer: next, authority: [], additional: [] }, 65_535);
        expect(more.length).toBeGreaterThan(limit);
      }),
      runs(150),
    );
    expect(cut).toBeGreaterThan(5);
  });

  it('keeps to the limit with any options in its OPT, and leaves out those that do not fit', () => {
    const tight = fc.record({
      code: u16,
      data: fc.integer({ min: 484, max: 490 }).map((octets) => Buffer.alloc(octets)),
    });
    const large = fc.record({
      code: u16,
      data: fc.nat(70_000).map((octets) => Buffer.alloc(Math.min(octets, 65_535))),
    });
    fc.assert(
      fc.property(
        message,
        fc.array(fc.oneof(large, tight, tight, option), { maxLength: 3 }),
        fc.constantFrom(512, 512, 512, 1232, 65_507, 65_535),
        fc.boolean(),
        (some, options, limit, isHeadAlone) => {
          const given = isHeadAlone ? { ...some, question: null } : some;
          const bytes = encodeMessage({ ...given, opt: { udpSize: limit, isDnssecOk: true, options } }, limit);
          expect(bytes.length).toBeLessThanOrEqual(limit);
          const read = decoded(bytes);
          expect(read.edns).toMatchObject({ udpSize: limit, isDnssecOk: true });
          const head = 12 + (given.question === null ? 0 : given.question.name.length + 4);
          const codes = options.map(({ code }) => code);
          const kept = read.edns?.options.length ?? 0;
          expect(read.edns?.options.map(({ code }) => code)).toEqual(codes.slice(0, kept));
          if (kept < options.length) expect(head + optRecordOctets(options.slice(0, kept + 1))).toBeGreaterThan(limit);
        },
      ),
      runs(200),
    );
  });

  it('has names that dns-packet reads as they are, however they are compressed', () => {
    const label = fc.constantFrom('a', 'bb', 'svc', 'cluster', 'local', 'y'.repeat(63));
    const host = fc
      .array(label, { minLength: 1, maxLength: 4 })
      .map((labels) => labels.join('.'))
      .filter((text) => text.length < 254);
    const holder = fc.record({
      owner: host,
      target: host,
      kind: fc.constantFrom('CNAME', 'NS', 'PTR', 'MX', 'SRV', 'TXT'),
    });
    const recordOf = ({ owner, target, kind }: { owner: string; target: string; kind: string }): ResourceRecord => {
      const wire = Buffer.from(nameFromText(`${target}.`), 'latin1');
      const before = { MX: [0, 9], SRV: [0, 1, 0, 2, 0, 3] }[kind] ?? [];
      const rdata = kind === 'TXT' ? Buffer.from([3, 1, 2, 3]) : Buffer.concat([Buffer.from(before), wire]);
      return new ResourceRecord(nameFromText(`${owner}.`), RR_TYPE[kind as 'MX'], 5, rdata);
    };
    const records = fc.array(holder, { maxLength: 60 });
    fc.assert(
      fc.property(host, records, records, records, fc.integer({ min: 600, max: 65_535 }), (asked, ...rest) => {
        const limit = rest[3];
        const given = rest.slice(0, 3) as { owner: string; target: string; kind: string }[][];
        const [answer, authority, additional] = given.map((some) => some.map(recordOf)) as [
          ResourceRecord[],
          ResourceRecord[],
          ResourceRecord[],
        ];
        const question = { name: nameFromText(`${asked}.`), type: RR_TYPE.A, class: 1 };
        const head = { id: 1, flags: FLAG.QR, opcode: 0, rcode: 0, question, opt: null };
        const read = dnsPacket.decode(encodeMessage({ ...head, answer, authority, additional }, limit));
        const theirs = [read.answers, read.authorities, read.additionals].flatMap((some = []) =>
          some.map((each) => {
            const { name: owner, type: kind, data } = each as { name: string; type: string; data: unknown };
            const { exchange, target } = data as { exchange?: string; target?: string };
            return [owner, kind, kind === 'TXT' ? '' : (exchange ?? target ?? data)];
          }),
        );
        const wanted = given.flat().map(({ owner, target, kind }) => [owner, kind, kind === 'TXT' ? '' : target]);
        expect(theirs).toEqual(wanted.slice(0, theirs.length));
        expect(read.questions?.[0]?.name).toBe(asked);
      }),
      runs(150),
    );
  });
});

describe('any octets', () => {
  it('are a message or a fault within them, and a message is understood alike when it is written again', () => {
    const seeded = fc
      .tuple(message, fc.array(fc.tuple(fc.nat(), fc.nat(4), fc.uint8Array({ maxLength: 4 })), { maxLength: 5 }))
      .map(([given, changes]) => {
        let bytes = encodeMessage(given, 65_535);
        for (const [place, cut, noise] of changes) {
          const at = place % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at + cut)]);
        }
        return bytes;
      });
    const noise = fc.uint8Array({ maxLength: 300 }).map((some) => Buffer.from(some));
    fc.assert(
      fc.property(fc.oneof({ weight: 5, arbitrary: seeded }, { weight: 1, arbitrary: noise }), (bytes) => {
        const read = decodeMessage(bytes);
        if (read instanceof WireFault) {
          expect(read.offset).toBeLessThanOrEqual(bytes.length);
          return;
        }
        if (read.questions.length > 1 || (read.edns !== null && read.edns.version !== 0)) return;
        const again = encodeMessage(
          {
            ...{ id: read.id, flags: read.flags & 0x87f0, opcode: read.opcode, rcode: read.rcode },
            ...{ question: read.questions[0] ?? null, answer: read.answer },
            ...{ authority: read.authority, additional: read.additional, opt: read.edns },
          },
          65_535,
        );
        const reread = decoded(again);
        if ((reread.flags & FLAG.TC) !== (read.flags & FLAG.TC)) return; // pointers of the sender saved more than ours
        expect(sectionsOf(reread)).toEqual(sectionsOf(read));
      }),
      runs(300),
    );
  });
});
