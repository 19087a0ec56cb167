/** What lies outside of the cluster: the same reply to the same question, whoever asks. */
import { FLAG } from '#dns/decode.ts';
import { recordsFromText } from '#dns/record-text.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { type Asked, FakeUpstream, type ReplyFields } from '#test/fake-upstream.ts';
import { foldedText } from './queries.ts';

/** Beside the flags of a reply: it does not repeat RD and CD of its query. */
const FORGETS = 0x10000;
const SOA = 'up.test. 60 IN SOA ns.up.test. root.up.test. 1 60 60 60 60';
const records = (...lines: string[]): ReturnType<typeof recordsFromText> => recordsFromText(lines.join('\n'), {});
const many = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `@ 300 IN A 198.51.${100 + (i >> 8)}.${i & 255}`);

/** Records of a name that has some. */
const dataOf = (type: number): string[] => {
  switch (type) {
    case RR_TYPE.A:
      return ['@ 300 IN A 192.0.2.1', '@ 300 IN A 192.0.2.2'];
    case RR_TYPE.AAAA:
      return ['@ 300 IN AAAA 2001:db8::1'];
    case RR_TYPE.TXT:
      return ['@ 300 IN TXT "one" "two"'];
    case RR_TYPE.SRV:
      return ['@ 300 IN SRV 1 2 3 Target.up.test.'];
    case RR_TYPE.MX:
      return ['@ 300 IN MX 10 mail.up.test.', '@ 300 IN MX 20 Mail2.up.test.'];
    case RR_TYPE.HTTPS:
      return ['@ 300 IN HTTPS \\# 10 0001 00 0001 0003 026832'];
    default:
      return [];
  }
};

const replyTo = (label: string, type: number): ReplyFields => {
  const data = dataOf(type);
  const found: ReplyFields = data.length > 0 ? { answer: records(...data) } : { authority: records(SOA) };
  switch (label) {
    case 'a':
      return found;
    case 'alias':
      return { answer: records('@ 300 IN CNAME a.up.test.', ...data.map((line) => line.replace('@', 'a.up.test.'))) };
    case 'nodata':
      return { authority: records(SOA) };
    case 'refused':
      return { rcode: RCODE.REFUSED };
    case 'servfail':
      return { rcode: RCODE.SERVFAIL };
    case 'notimp':
      return { rcode: RCODE.NOTIMP };
    case 'large':
      return { answer: records(...many(60)) };
    case 'authoritative':
      return { ...found, flags: FLAG.RA | FLAG.AA };
    case 'authentic':
      return { ...found, flags: FLAG.RA | FLAG.AD };
    case 'delegated':
      return { authority: records('up.test. 300 IN NS ns.up.test.') };
    case 'badvers':
      return { rcode: RCODE.BADVERS, opt: { udpSize: 1232, isDnssecOk: false, options: [] } };
    case 'options':
      return {
        ...found,
        opt: { udpSize: 1400, isDnssecOk: false, options: [{ code: 15, data: Buffer.from([0, 3]) }] },
      };
    case 'zero':
      return { answer: records(...data.map((line) => line.replace(' 300 ', ' 0 '))) };
    case 'far':
      return { answer: records(...data.map((line) => line.replace(' 300 ', ' 2147483647 '))) };
    case 'forgetful':
      return { ...found, flags: FLAG.RA | FORGETS };
    case 'soaless':
      return { rcode: RCODE.NXDOMAIN };
    case 'truncated':
      return { ...found, flags: FLAG.RA | FLAG.TC };
    case 'mixed':
      return { ...found, authority: records('up.test. 300 IN NS ns.up.test.') };
    default:
      return { rcode: RCODE.NXDOMAIN, authority: records(SOA) };
  }
};

/** An upstream on a port of its own. */
export const openUpstream = (): Promise<FakeUpstream> =>
  FakeUpstream.open((asked: Asked) => {
    const [question] = asked.message.questions;
    if (question === undefined) return;
    const name = foldedText(question.name);
    const label = name.endsWith('.up.test.') ? name.slice(0, -'.up.test.'.length) : '';
    const reply = replyTo(label, question.type);
    const takes = asked.protocol === 'tcp' ? 65_535 : Math.max(512, asked.message.edns?.udpSize ?? 0);
    const isCut = asked.encode(reply).length > takes;
    const { flags = FLAG.RA } = reply;
    const echoed = (flags & FORGETS) !== 0 ? 0 : asked.message.flags & (FLAG.RD | FLAG.CD);
    const whole = { ...reply, flags: (flags & ~FORGETS) | echoed };
    asked.reply(isCut ? { ...whole, answer: [], flags: FLAG.RA | FLAG.TC | echoed } : whole);
  });
