import { ask, type Endpoint, type QueryOptions } from '#test/dns-client.ts';
import type { Outcome } from './adapter.ts';
import { differenceFrom, type ExpectedReply } from './compare.ts';

/**
 * How every question is put: over TCP, over UDP with room for any reply, and over TCP once more, when the reply may be a remembered one.
 */
const WAYS: readonly QueryOptions[] = [
  { transport: 'tcp' },
  { transport: 'udp', udpSize: 65_535 },
  { transport: 'tcp' },
];

export interface Asked {
  readonly qname: string;
  readonly qtype: string;
}

/** Puts a question in every way; the reply must each time be all that is expected of it. */
export const replayQuestion = async (
  endpoint: Endpoint,
  file: string,
  { qname, qtype }: Asked,
  ...expected: readonly ExpectedReply[]
): Promise<Outcome> => {
  const name = `${file}: ${qname} ${qtype}`;
  for (const way of WAYS) {
    const message = await ask(endpoint, qname, qtype, way).catch((error: Error) => error);
    const difference =
      message instanceof Error
        ? message.message
        : expected.map((reply) => differenceFrom(reply, message)).find((found) => found !== null);
    if (difference) return { name, result: 'fail', reason: `${way.transport}: ${difference}` };
  }
  return { name, result: 'pass' };
};
