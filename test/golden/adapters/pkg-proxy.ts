/** What CoreDNS's proxy package does with one exchange: its protocol, malformed replies, failed health checks. */
import { textFromName } from '#dns/name.ts';
import { recordsFromText, recordToText } from '#dns/record-text.ts';
import { setupPlugin, testQuery } from '#plugin/testing.ts';
import definition from '#plugins/forward/index.ts';
import { type Asked, FakeUpstream } from '#test/fake-upstream.ts';
import { Health } from '#upstream/health.ts';
import { readUdpReply } from '#upstream/reply-check.ts';
import type { Adapter } from '../adapter.ts';
import { differs, type RowCheck, replayTables, type Verdict } from '../row-checks.ts';

const NOT_A_CASE = { notApplicable: 'a list inside the Go test, not a case' };

/** The reply that forward gives while an upstream runs this script, and what the upstream was asked. */
const forwardOnce = async (
  script: (asked: Asked) => void,
  options: string,
  transport: 'udp' | 'tcp',
): Promise<{ answer: string[]; asked: readonly Asked[] }> => {
  const fake = await FakeUpstream.open(script);
  const { instance } = setupPlugin(definition, `forward . ${fake.address} {\n${options}\n}`);
  await instance?.start?.();
  const reply = await instance?.handle?.(testQuery('variant.example.', 'A', { transport }), () => {
    throw new Error('passed on');
  });
  await instance?.stop?.();
  await fake.close();
  return { answer: reply?.kind === 'answer' ? reply.answer.map(recordToText) : [], asked: fake.asked };
};

type ProtocolRow = { requestTCP: boolean; opts: { ForceTCP: boolean; PreferUDP: boolean }; expectedProto: string };

const checkProtocol: RowCheck<ProtocolRow> = async ({ requestTCP, opts, expectedProto }) => {
  const options = `${opts.ForceTCP ? 'force_tcp\n' : ''}${opts.PreferUDP ? 'prefer_udp\n' : ''}`;
  const { asked } = await forwardOnce((query) => query.reply(), options, requestTCP ? 'tcp' : 'udp');
  return differs(
    asked.map(({ protocol }) => protocol),
    [expectedProto],
  );
};

/** What the two functions of the table make: a packet without a whole header, and half a question under another ID. */
const MALFORMED = [
  (id: number) => Buffer.from([id >> 8, id & 255, 0]),
  (id: number) => Buffer.from([id >> 8, id & 255, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 1]),
];

const checkMalformed: RowCheck = async (_, index): Promise<Verdict> => {
  const { answer, asked } = await forwardOnce(
    (query) => {
      query.send((MALFORMED[index] as (id: number) => Buffer)((query.message.id + 1) & 0xffff));
      query.reply({ answer: recordsFromText('variant.example. 60 IN A 192.0.2.55') });
    },
    'prefer_udp',
    'udp',
  );
  const owner = textFromName(asked[0]?.message.questions[0]?.name ?? ('\0' as never));
  return differs(answer, [`${owner} 60 IN A 192.0.2.55`]);
};

const checkFails: RowCheck<{ fails: number; expectFails: number }> = ({ fails, expectFails }) => {
  if (fails !== 0) return { notApplicable: 'a counter of 32 bits that must not wrap; ours is a double' };
  const health = new Health(
    (done) => {
      done(new Error('i/o timeout'));
      return () => undefined;
    },
    1_000_000,
    () => undefined,
  );
  health.check();
  health.stop();
  return differs(health.fails, expectFails);
};

/** A reply of 60 octets with one A record. */
const REPLY = Buffer.from(
  '1234818000010001000000000161076578616d706c6500000100010161076578616d706c65000001000100000001000401020304',
  'hex',
);

const checkTruncation: RowCheck<{ testname: string; expected: boolean }> = ({ testname, expected }) => {
  const isEmptied = (bytes: Buffer, limit: number): boolean => {
    const reply = readUdpReply(bytes, limit);
    return reply !== null && (reply.flags & 0x0200) !== 0 && reply.answer.length === 0;
  };
  if (testname === 'BufferSizeTooSmall') return differs(isEmptied(REPLY, REPLY.length - 1), expected);
  if (testname === 'OverflowUnpackingA') return differs(isEmptied(REPLY.subarray(0, -2), 512), expected);
  return { notApplicable: 'an error value of the Go DNS library that no reply from the network brings about here' };
};

const adapter: Adapter = {
  files: ['pkg-proxy.json'],
  replay: (file, data) =>
    replayTables(file, data, {
      TestMaxIdleConnsUnlimited: () => NOT_A_CASE,
      TestProtocolSelection: checkProtocol,
      TestProxyIncrementFails: checkFails,
      TestProxyMalformedUDPThenValid: checkMalformed,
      TestShouldTruncateResponse: checkTruncation,
    }),
};
export default adapter;
