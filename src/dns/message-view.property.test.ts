/** The view that the fast path looks at a query through, against the decoder that the general path uses. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '#test/property-runs.ts';
import { decodeMessage, FLAG, type Message, WireFault } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { MessageView } from './message-view.ts';
import { foldName, type WireName } from './name.ts';
import { RR_TYPE } from './registry/rr-types.ts';
import { arbitraryName } from './testing/arbitrary.ts';

const SEED = 0x5eed;
const PLAIN = FLAG.RD | FLAG.AD | FLAG.CD;
const u16 = fc.nat(65_535);

interface PlainQuery {
  readonly id: number;
  readonly flags: number;
  readonly name: WireName;
  readonly type: number;
  readonly class: number;
  readonly opt: { readonly udpSize: number; readonly isDnssecOk: boolean } | null;
}

/** About as long as a name may be, below and above. */
const longName: fc.Arbitrary<WireName> = fc.integer({ min: 57, max: 63 }).map((last) => {
  const labels = [63, 63, 63, last].map((octets) => String.fromCharCode(octets) + 'n'.repeat(octets));
  return `${labels.join('')}\0` as WireName;
});

const plainQuery: fc.Arbitrary<PlainQuery> = fc.record({
  id: u16,
  flags: u16.map((bits) => bits & PLAIN),
  name: arbitraryName,
  type: fc.oneof(u16, fc.constantFrom(...Object.values(RR_TYPE))),
  class: fc.oneof(fc.constant(1), u16),
  opt: fc.option(fc.record({ udpSize: u16, isDnssecOk: fc.boolean() })),
});

const encode = ({ id, flags, name, type, class: klass, opt }: PlainQuery): Buffer =>
  encodeMessage(
    {
      ...{ id, flags, opcode: 0, rcode: 0, question: { name, type, class: klass } },
      ...{ answer: [], authority: [], additional: [], opt: opt === null ? null : { ...opt, options: [] } },
    },
    65_535,
  );

/** Octets that may be anything: a plain query with some of them changed, taken out or put in, mostly near its fields. */
const octets: fc.Arbitrary<Buffer> = fc
  .tuple(
    fc.oneof(
      { weight: 9, arbitrary: plainQuery },
      { weight: 1, arbitrary: fc.tuple(plainQuery, longName).map(([query, name]) => ({ ...query, name })) },
    ),
    fc.array(
      fc.record({
        from: fc.constantFrom('start', 'end'),
        at: fc.nat(16),
        cut: fc.nat(3),
        noise: fc.oneof(
          fc.uint8Array({ maxLength: 3 }),
          fc.constantFrom(...[[0], [1], [0x29], [0x80], [0xc0, 12], [0xff]].map((some) => Uint8Array.from(some))),
        ),
      }),
      { maxLength: 3 },
    ),
  )
  .map(([query, changes]) => {
    let bytes = encode(query);
    for (const { from, at, cut, noise } of changes) {
      const place = from === 'start' ? Math.min(at, bytes.length) : Math.max(0, bytes.length - at);
      bytes = Buffer.concat([bytes.subarray(0, place), noise, bytes.subarray(place + cut)]);
    }
    return bytes;
  });

/** The same octets, and a fault where one outside of the first `length` is read. */
const guarded = (bytes: Buffer, length: number): Uint8Array =>
  new Proxy<Uint8Array>(bytes, {
    get: (target, key) => {
      const index = typeof key === 'string' && /^\d+$/.test(key) ? Number(key) : null;
      if (index === null) return Reflect.get(target, key, target);
      if (index >= length) throw new Error(`octet ${index} of a message of ${length} was read`);
      return target[index];
    },
  });

/** Reads and gives the view, or null where it is not for the fast path. */
const viewOf = (bytes: Buffer, isIPv6 = false, isTcp = false): MessageView | null => {
  const view = new MessageView(SEED);
  return view.read(guarded(bytes, bytes.length), bytes.length, isIPv6, isTcp) ? view : null;
};

const decoded = (bytes: Buffer): Message => {
  const message = decodeMessage(bytes);
  if (message instanceof WireFault) throw new Error(`accepted, but ${message.reason} at ${message.offset}`);
  return message;
};

/** What the view says in the decoder's words. */
const checkAgainstDecoder = (view: MessageView, bytes: Buffer): void => {
  const message = decoded(bytes);
  expect(message.questions).toHaveLength(1);
  expect(message.answer.length + message.authority.length + message.additional.length).toBe(0);
  expect(message.opcode | (message.rcode & 15)).toBe(0);
  const { name, type, class: klass } = message.questions[0] as Message['questions'][0];
  expect(bytes.toString('latin1', 12, view.nameEnd)).toBe(name);
  expect([bytes.readUInt16BE(view.nameEnd), bytes.readUInt16BE(view.nameEnd + 2)]).toEqual([type, klass]);
  expect(view.questionEnd).toBe(view.nameEnd + 4);
  expect(view.flags).toBe(message.flags);
  expect(message.flags & ~PLAIN).toBe(0);
  expect(view.hasOpt).toBe(message.edns !== null);
  expect(view.isDnssecOk).toBe(message.edns?.isDnssecOk ?? false);
  expect(view.udpLimit).toBe(Math.max(512, message.edns?.udpSize ?? 0));
  expect(message.edns?.version ?? 0).toBe(0);
  expect(message.edns?.options ?? []).toEqual([]);
  expect(view.requestOctets).toBe(bytes.length);
};

/** Letters that `picks` points at in the other case. */
const respelled = (name: WireName, picks: readonly boolean[]): WireName => {
  let wire = '';
  for (let at = 0; at < name.length; ) {
    const end = at + 1 + name.charCodeAt(at);
    wire += name[at];
    for (let i = at + 1; i < end; i++) {
      const octet = name[i] as string;
      const other =
        octet >= 'a' && octet <= 'z' ? octet.toUpperCase() : /[A-Z]/.test(octet) ? octet.toLowerCase() : octet;
      wire += picks[i % picks.length] === true ? other : octet;
    }
    at = end;
  }
  return wire as WireName;
};

describe('a view of a message', () => {
  it('reads nothing outside of it, never throws, and says what the decoder says of whatever it accepts', () => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(octets, (bytes) => {
        const view = viewOf(bytes);
        if (view === null) refused++;
        else {
          accepted++;
          checkAgainstDecoder(view, bytes);
        }
      }),
      runs(2000),
    );
    // Neither side is tested by its absence.
    expect(Math.min(accepted, refused)).toBeGreaterThan(300);
  });

  it('does not care what stands behind the message or was read before', () => {
    const used = new MessageView(SEED);
    fc.assert(
      fc.property(octets, fc.uint8Array({ maxLength: 20 }), (bytes, behind) => {
        const alone = viewOf(bytes);
        const isAccepted = used.read(Buffer.concat([bytes, behind]), bytes.length, false, false);
        expect(isAccepted).toBe(alone !== null);
        if (alone === null) return;
        const said = ({ hash, nameEnd, questionEnd, flags, hasOpt, isDnssecOk, udpLimit, variant }: MessageView) =>
          [hash, nameEnd, questionEnd, flags, hasOpt, isDnssecOk, udpLimit, variant] as const;
        expect(said(used)).toEqual(said(alone));
      }),
      runs(1000),
    );
  });

  it('accepts every plain query, with the longest name that there is', () => {
    fc.assert(
      fc.property(plainQuery, fc.option(longName, { freq: 20 }), (query, long) => {
        const bytes = encode(long === null ? query : { ...query, name: long });
        expect(viewOf(bytes) === null).toBe(decodeMessage(bytes) instanceof WireFault);
      }),
      runs(1000),
    );
  });

  it('gives one hash to a question however its letters are spelled, whatever the rest of the message is', () => {
    fc.assert(
      fc.property(
        plainQuery,
        plainQuery,
        fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
        (query, other, picks) => {
          const { name, type, class: klass } = query;
          const again = { ...other, name: respelled(name, picks), type, class: klass };
          expect(foldName(again.name)).toBe(foldName(name));
          expect(viewOf(encode(again))?.hash).toBe(viewOf(encode(query))?.hash);
        },
      ),
      runs(1000),
    );
  });

  it('gives another hash where one octet of the folded question is another', () => {
    fc.assert(
      fc.property(plainQuery, fc.nat(300), fc.integer({ min: 1, max: 255 }), (query, place, change) => {
        const bytes = encode(query);
        const view = viewOf(bytes) as MessageView;
        const changed = Buffer.from(bytes);
        const at = 12 + (place % (view.questionEnd - 12));
        changed[at] = (changed[at] as number) ^ change;
        const after = viewOf(changed);
        // A changed length octet may move the end of the name.
        if (after === null || after.questionEnd !== view.questionEnd) return;
        const fold = (message: Buffer): string =>
          foldName(message.toString('latin1', 12, view.nameEnd) as WireName) +
          message.toString('latin1', view.nameEnd, view.questionEnd);
        if (after.nameEnd === view.nameEnd) expect(after.hash === view.hash).toBe(fold(changed) === fold(bytes));
      }),
      runs(1000),
    );
  });

  it('keeps apart what is answered or counted differently', () => {
    fc.assert(
      fc.property(
        plainQuery,
        plainQuery,
        fc.tuple(fc.boolean(), fc.boolean()),
        fc.tuple(fc.boolean(), fc.boolean()),
        (a, b, ways, otherWays) => {
          const distinguishing = ({ flags, opt }: PlainQuery, [isIPv6, isTcp]: readonly [boolean, boolean]) =>
            JSON.stringify([flags & (FLAG.AD | FLAG.CD), opt !== null, opt?.isDnssecOk ?? false, isIPv6, isTcp]);
          const variant = (query: PlainQuery, [isIPv6, isTcp]: readonly [boolean, boolean]) =>
            viewOf(encode(query), isIPv6, isTcp)?.variant;
          expect(variant(a, ways) === variant(b, otherWays)).toBe(
            distinguishing(a, ways) === distinguishing(b, otherWays),
          );
        },
      ),
      runs(500),
    );
  });
});
