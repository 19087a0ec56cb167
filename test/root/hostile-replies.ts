import { FLAG, type Message } from '#dns/decode.ts';
import { wireNameFromText } from '#dns/name.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { recordsFromText } from '#dns/record-text.ts';
import { RCODE, rcodeName } from '#dns/registry/rcodes.ts';
import { RR_TYPE, rrTypeName } from '#dns/registry/rr-types.ts';
import { type Asked, answerA, type ReplyFields, type Script } from '#test/fake-upstream.ts';

/** A way to misbehave, and what a client is told over UDP and over TCP, as `outcomeOf` says it. */
export interface Misbehaviour {
  readonly script: Script;
  readonly udp?: string;
  readonly tcp?: string;
}

/** The answer of an upstream that behaves. */
export const RIGHT = 'NOERROR 192.0.2.1';
export const FAILS = 'SERVFAIL';
const EVIL = recordsFromText('@ 300 IN A 203.0.113.66');
const GOOD = recordsFromText('@ 300 IN A 192.0.2.1');

const opt = (version = 0): NonNullable<ReplyFields['opt']> => ({
  udpSize: 1232,
  isDnssecOk: false,
  options: version === 0 ? [] : [{ code: 65_001, data: Buffer.alloc(4) }],
});

/** The right reply with some of its octets replaced. */
const changed = (asked: Asked, change: (bytes: Buffer) => void, fields: ReplyFields = { answer: GOOD }): Buffer => {
  const bytes = asked.encode(fields);
  change(bytes);
  return bytes;
};
const sends =
  (change: (bytes: Buffer) => void, fields?: ReplyFields): Script =>
  (asked) =>
    asked.send(changed(asked, change, fields));
const replies =
  (fields: ReplyFields): Script =>
  (asked) =>
    asked.reply(fields);
const both = (udp: string, tcp = udp) => ({ udp, tcp });
/** First one thing, then the right reply. */
const thenRight =
  (script: Script): Script =>
  (asked) => {
    script(asked);
    answerA(asked);
  };
const otherQuestion = (asked: Asked, change: Partial<{ name: string; type: number; class: number }>): ReplyFields => {
  const question = asked.message.questions[0] as { name: never; type: number; class: number };
  const { name, ...rest } = change;
  return {
    question: { ...question, ...rest, ...(name !== undefined && { name: wireNameFromText(name) }) },
    answer: EVIL,
  };
};
const mixCase = (text: string): string => text.replace(/[a-z]/g, (c, i: number) => (i % 2 === 0 ? c.toUpperCase() : c));
const records = (count: number, line: (i: number) => string): ResourceRecord[] =>
  recordsFromText(Array.from({ length: count }, (_, i) => line(i)).join('\n'));

/** Octets behind the question of a reply. */
const withTail = (asked: Asked, tail: Buffer, answers: number): Buffer => {
  const head = asked.encode({});
  head.writeUInt16BE(answers, 6);
  return Buffer.concat([head, tail]);
};
/** As many records as fit, whose names all lead through one long chain of pointers. */
const pointerBomb = (asked: Asked): Buffer => {
  const start = asked.encode({}).length + 11;
  const HOPS = 7000;
  const chain = Buffer.alloc(1 + 2 * HOPS);
  for (let i = 0; i < HOPS; i++) chain.writeUInt16BE(0xc000 | (start + Math.max(0, 2 * i - 1)), 1 + 2 * i);
  const holder = Buffer.from('00ff00000100000000', 'hex');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(chain.length);
  const bomb = Buffer.from('c000ff00000100000000' + '0000', 'hex');
  bomb.writeUInt16BE(0xc000 | (start + 2 * HOPS - 1));
  const COUNT = 4000;
  return withTail(
    asked,
    Buffer.concat([Buffer.of(0), holder, length, chain, ...new Array<Buffer>(COUNT).fill(bomb)]),
    COUNT + 1,
  );
};

/** By the first label of the name that is asked for. */
export const REPLIES: Readonly<Record<string, Misbehaviour>> = {
  garbage: { script: (asked) => asked.send(Buffer.alloc(40, 0xa5)), ...both(FAILS) },
  'garbage-with-id': { script: sends((bytes) => bytes.fill(0xff, 2)), ...both(FAILS) },
  'garbage-then-right': { script: thenRight((asked) => asked.send(Buffer.alloc(40, 0xa5))), ...both(RIGHT) },
  'one-octet': { script: (asked) => asked.send(Buffer.of(0)), ...both(FAILS) },
  'header-only': { script: (asked) => asked.send(asked.encode({}).subarray(0, 12)), ...both(FAILS) },
  never: { script: () => undefined, ...both(FAILS) },
  twice: { script: thenRight(answerA), ...both(RIGHT) },
  'twice-then-other': {
    script: (asked) => thenRight(() => undefined)(asked) ?? asked.reply({ answer: EVIL }),
    ...both(RIGHT),
  },
  'from-other-port': { script: (asked) => void asked.sendFromElsewhere(asked.encode({ answer: EVIL })), udp: FAILS },
  'from-other-address': {
    script: (asked) =>
      void asked.sendFromElsewhere(asked.encode({ answer: EVIL }), '127.0.0.2').then(() => answerA(asked)),
    udp: RIGHT,
  },
  'other-id': { script: (asked) => asked.reply({ id: asked.message.id ^ 1, answer: EVIL }), ...both(FAILS) },
  'other-id-then-right': {
    script: thenRight((asked) => asked.reply({ id: asked.message.id ^ 0x8000, answer: EVIL })),
    ...both(RIGHT),
  },
  'other-name': { script: (asked) => asked.reply(otherQuestion(asked, { name: 'evil.example.' })), ...both(FAILS) },
  'other-type': { script: (asked) => asked.reply(otherQuestion(asked, { type: 28 })), ...both(FAILS) },
  'other-class': { script: (asked) => asked.reply(otherQuestion(asked, { class: 3 })), ...both(FAILS) },
  'other-name-then-right': {
    script: thenRight((asked) => asked.reply(otherQuestion(asked, { name: 'evil.example.' }))),
    udp: RIGHT,
    tcp: FAILS,
  },
  'other-case': {
    script: (asked) => {
      const bytes = asked.encode({ answer: GOOD });
      bytes.write(mixCase(bytes.toString('latin1', 12, 40)), 12, 'latin1');
      asked.send(bytes);
    },
    ...both(RIGHT),
  },
  'no-question': { script: replies({ question: null, answer: EVIL }), ...both(FAILS) },
  'error-without-question': { script: replies({ question: null, rcode: RCODE.REFUSED }), ...both('REFUSED') },
  'two-questions': {
    script: (asked) => {
      const bytes = asked.encode({});
      bytes.writeUInt16BE(2, 4);
      asked.send(Buffer.concat([bytes, bytes.subarray(12)]));
    },
    ...both(FAILS),
  },
  'tc-empty': { script: replies({ flags: FLAG.TC }), ...both('NOERROR TC') },
  'tc-with-records': { script: replies({ flags: FLAG.TC, answer: GOOD }), ...both('NOERROR TC 192.0.2.1') },
  'tc-then-right': {
    script: (asked) => (asked.protocol === 'udp' ? asked.reply({ flags: FLAG.TC }) : answerA(asked)),
    ...both('NOERROR TC', RIGHT),
  },
  'tc-then-garbage': {
    script: (asked) => (asked.protocol === 'udp' ? asked.reply({ flags: FLAG.TC }) : asked.send(Buffer.alloc(9))),
    ...both('NOERROR TC', FAILS),
  },
  cut: { script: (asked) => asked.send(asked.encode({ answer: GOOD }).subarray(0, -3)), ...both('NOERROR TC', FAILS) },
  'count-too-large': { script: sends((bytes) => bytes.writeUInt16BE(5, 6)), ...both('NOERROR TC', FAILS) },
  'counts-all-ones': { script: sends((bytes) => bytes.fill(0xff, 6, 12)), ...both('NOERROR TC', FAILS) },
  'count-too-small': { script: sends((bytes) => bytes.writeUInt16BE(0, 6)), ...both('NOERROR') },
  'trailing-octets': {
    script: (asked) => asked.send(Buffer.concat([asked.encode({ answer: GOOD }), Buffer.alloc(20, 0xff)])),
    ...both(RIGHT),
  },
  'cname-loop': {
    script: (asked) =>
      asked.reply({
        answer: recordsFromText(
          '@ 60 IN CNAME b.example.\nb.example. 60 IN CNAME c.example.\nc.example. 60 IN CNAME b.example.',
        ),
      }),
    ...both('NOERROR CNAME CNAME CNAME'),
  },
  'cname-to-itself': {
    script: (asked) =>
      asked.reply({ answer: recordsFromText('@ 60 IN CNAME b.example.\nb.example. 60 IN CNAME b.example.') }),
    ...both('NOERROR CNAME CNAME'),
  },
  'cname-chain': {
    script: replies({
      answer: [
        ...records(20, (i) => `${i === 0 ? '@' : `c${i}.example.`} 60 IN CNAME c${i + 1}.example.`),
        ...recordsFromText('c20.example. 60 IN A 192.0.2.1'),
      ],
    }),
    ...both(`NOERROR ${'CNAME '.repeat(20)}192.0.2.1`),
  },
  'nxdomain-with-answer': { script: replies({ rcode: RCODE.NXDOMAIN, answer: GOOD }), ...both('NXDOMAIN 192.0.2.1') },
  servfail: { script: replies({ rcode: RCODE.SERVFAIL }), ...both('SERVFAIL') },
  refused: { script: replies({ rcode: RCODE.REFUSED }), ...both('REFUSED') },
  formerr: { script: replies({ rcode: RCODE.FORMERR }), ...both('FORMERR') },
  notimp: { script: replies({ rcode: RCODE.NOTIMP }), ...both('NOTIMP') },
  'rcode-15': { script: replies({ rcode: 15 }), ...both('RCODE15') },
  badvers: { script: replies({ rcode: RCODE.BADVERS, opt: opt() }), ...both(FAILS) },
  'edns-version-5': {
    script: (asked) => {
      const bytes = asked.encode({ answer: GOOD, opt: opt() });
      bytes[bytes.length - 5] = 5;
      asked.send(bytes);
    },
    ...both(RIGHT),
  },
  'edns-unknown-option': { script: replies({ answer: GOOD, opt: opt(1) }), ...both(RIGHT) },
  'two-opts': {
    script: (asked) => {
      const bytes = asked.encode({ answer: GOOD, opt: opt() });
      bytes.writeUInt16BE(2, 10);
      asked.send(Buffer.concat([bytes, bytes.subarray(-11)]));
    },
    ...both(FAILS),
  },
  'thousand-records': {
    script: (asked) => asked.reply({ answer: records(1000, (i) => `@ 300 IN A 192.0.${2 + (i >> 8)}.${i & 255}`) }),
    ...both('NOERROR TC', 'NOERROR 1000 records'),
  },
  'qr-clear': { script: sends((bytes) => bytes.writeUInt8(bytes.readUInt8(2) & 0x7f, 2)), ...both(FAILS) },
  'other-opcode': { script: sends((bytes) => bytes.writeUInt8(bytes.readUInt8(2) | 0x20, 2)), ...both(FAILS) },
  'all-flags': {
    script: replies({ flags: FLAG.AA | FLAG.AD | FLAG.Z | FLAG.RA | FLAG.CD, answer: GOOD }),
    ...both(RIGHT),
  },
  'short-address': { script: sends((bytes) => bytes.writeUInt16BE(3, bytes.length - 6)), ...both(FAILS) },
  'pointer-to-itself': {
    script: (asked) => {
      const at = 0xc000 | asked.encode({}).length;
      asked.send(withTail(asked, Buffer.from(`${at.toString(16)}000100010000012c0004c0000201`, 'hex'), 1));
    },
    ...both(FAILS),
  },
  'pointer-bomb': { script: (asked) => asked.send(pointerBomb(asked)), ...both('NOERROR TC', FAILS) },
  'label-of-64': {
    script: (asked) => asked.send(withTail(asked, Buffer.from('40000100010000012c0004c0000201', 'hex'), 1)),
    ...both(FAILS),
  },
};

const OCTET_MS = 5;
/** One octet after the other until the peer has closed. */
const drip = (asked: Asked, bytes: Buffer, everyMs: number): void => {
  let at = 0;
  const timer = setInterval(() => {
    if (at === bytes.length) clearInterval(timer);
    else asked.sendRaw(bytes.subarray(at, ++at));
  }, everyMs);
};
const framed = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

/** What only a connection makes possible. */
export const STREAM_REPLIES: Readonly<Record<string, Misbehaviour>> = {
  closes: { script: (asked) => asked.hangUp(), tcp: FAILS },
  resets: { script: (asked) => asked.reset(), tcp: FAILS },
  'closes-after-length': {
    script: (asked) => {
      asked.sendRaw(Buffer.from([0, 40]));
      asked.hangUp();
    },
    tcp: FAILS,
  },
  'closes-in-the-middle': {
    script: (asked) => {
      asked.sendRaw(framed(asked.encode({ answer: GOOD })).subarray(0, 20));
      asked.hangUp();
    },
    tcp: FAILS,
  },
  'length-0': { script: (asked) => asked.sendRaw(Buffer.alloc(2)), tcp: FAILS },
  'length-0-then-right': { script: thenRight((asked) => asked.sendRaw(Buffer.alloc(2))), tcp: FAILS },
  'length-too-large': {
    script: (asked) => asked.sendRaw(Buffer.concat([Buffer.from([0xff, 0xff]), asked.encode({ answer: GOOD })])),
    tcp: FAILS,
  },
  'length-too-small': {
    script: (asked) => asked.sendRaw(Buffer.concat([Buffer.from([0, 20]), asked.encode({ answer: GOOD })])),
    tcp: FAILS,
  },
  'two-in-one-segment': {
    script: (asked) => {
      const reply = framed(asked.encode({ answer: GOOD }));
      asked.sendRaw(Buffer.concat([reply, framed(asked.encode({ answer: EVIL }))]));
    },
    tcp: RIGHT,
  },
  'hundred-wrong-ids-then-right': {
    script: (asked) => {
      const wrong = framed(asked.encode({ id: asked.message.id ^ 0xffff, answer: EVIL }));
      asked.sendRaw(Buffer.concat([...new Array<Buffer>(100).fill(wrong), framed(asked.encode({ answer: GOOD }))]));
    },
    tcp: RIGHT,
  },
  'octet-by-octet': { script: (asked) => drip(asked, framed(asked.encode({ answer: GOOD })), 1), tcp: RIGHT },
  'too-slow': {
    script: (asked) =>
      drip(asked, framed(asked.encode({ answer: records(100, (i) => `@ 1 IN A 192.0.2.${i}`) })), OCTET_MS),
    tcp: FAILS,
  },
};

/** RCODE, TC and records of a reply in one line. */
export const outcomeOf = ({ rcode, flags, answer }: Message): string => {
  const each = answer.map(({ type, rdata }) => (type === RR_TYPE.A ? rdata.join('.') : rrTypeName(type)));
  const told = answer.length > 100 ? [`${answer.length} records`] : each;
  return [rcodeName(rcode), ...((flags & FLAG.TC) === 0 ? [] : ['TC']), ...told].join(' ');
};

/** Misbehaves as the first label says, and behaves where it says nothing of it. */
export const misbehave: Script = (asked) => {
  const [label = ''] = labelsOf(asked);
  (REPLIES[label] ?? STREAM_REPLIES[label] ?? { script: answerA }).script(asked);
};

/** Labels of the name that is asked for. */
export const labelsOf = ({ message }: Asked): string[] => {
  const name = message.questions[0]?.name ?? '\0';
  const labels: string[] = [];
  for (let at = 0; name.charCodeAt(at) > 0; at += 1 + name.charCodeAt(at))
    labels.push(name.slice(at + 1, at + 1 + name.charCodeAt(at)).toLowerCase());
  return labels;
};
