import { describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from '#dns/decode.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { Answer } from '#plugin/index.ts';
import { testQuery } from '#plugin/testing.ts';
import { encodeReply, replyLimit } from './respond.ts';

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

describe('the largest reply', () => {
  const edns = (udpSize: number) => ({ udpSize, version: 0, isDnssecOk: false, options: [] });

  it.each([
    [0, 512],
    [511, 512],
    [1232, 1232],
    [65_535, 65_507],
  ])('to a client that takes %i octets over UDP has %i', (udpSize, limit) => {
    expect(replyLimit(testQuery('a.example.', 'A', { edns: edns(udpSize) }).request, 'udp')).toBe(limit);
  });

  it('has as many as a frame can have over TCP', () => {
    expect(replyLimit(testQuery('a.example.', 'A').request, 'tcp')).toBe(65_535);
  });
});
