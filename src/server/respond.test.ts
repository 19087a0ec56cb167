import { describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from '#dns/decode.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { Answer } from '#plugin/index.ts';
import { testQuery } from '#plugin/testing.ts';
import { encodeReply } from './respond.ts';

const sent = (hasEdns: boolean): Message => {
  const { request } = testQuery('a.example.', 'A', { isDnssecOk: hasEdns });
  return decodeMessage(encodeReply(request, new Answer({ rcode: RCODE.BADVERS }), 512)) as Message;
};

describe('a reply', () => {
  it('carries an extended RCODE in its OPT', () => {
    expect(sent(true).rcode).toBe(RCODE.BADVERS);
  });

  it('is SERVFAIL where an extended RCODE has no OPT to stand in', () => {
    expect(sent(false).rcode).toBe(RCODE.SERVFAIL);
  });
});
