import { describe, expect, it } from 'vitest';
import { RCODE } from '#dns/registry/rcodes.ts';
import { composeChain, type Layer, mapReply, type Next } from './chain.ts';
import { Answer, failure } from './reply.ts';
import { testQuery } from './testing.ts';

/** A layer that notes when a query and its reply pass. */
const noting = (name: string, seen: string[], isRepeatable = true): Layer => ({
  name,
  isRepeatable,
  handle: (query, next) => {
    seen.push(`${name} in`);
    return mapReply(next(query), (reply) => {
      seen.push(`${name} out`);
      return reply;
    });
  },
});
const answering: Layer = { name: 'last', isRepeatable: true, handle: () => new Answer({}) };

describe('a chain', () => {
  it('passes a query through its layers in order and the reply back', () => {
    const seen: string[] = [];
    const chain = composeChain([noting('first', seen), noting('second', seen), answering]);
    expect(chain(testQuery('a.', 'A'))).toBeInstanceOf(Answer);
    expect(seen).toEqual(['first in', 'second in', 'second out', 'first out']);
  });

  it('makes no promise where no layer waits for anything', async () => {
    const seen: string[] = [];
    expect(composeChain([noting('first', seen), answering])(testQuery('a.', 'A'))).not.toBeInstanceOf(Promise);
    const waiting: Layer = { ...answering, handle: async () => new Answer({}) };
    const later = composeChain([noting('first', seen), waiting])(testQuery('a.', 'A'));
    expect(later).toBeInstanceOf(Promise);
    expect(await later).toBeInstanceOf(Answer);
  });

  it('forbids to repeat what passes a layer that has not declared itself, and nothing else', () => {
    const declared = testQuery('a.', 'A');
    composeChain([noting('first', []), answering])(declared);
    expect(declared.provenance.isRepeatable).toBe(true);
    for (const layers of [
      [noting('third party', [], false), answering],
      [noting('first', []), { ...answering, isRepeatable: false }],
    ]) {
      const query = testQuery('a.', 'A');
      composeChain(layers)(query);
      expect(query.provenance.isRepeatable).toBe(false);
    }
  });

  it('does not count a layer that the query never reached', () => {
    const query = testQuery('a.', 'A');
    composeChain([answering, noting('behind', [], false)])(query);
    expect(query.provenance.isRepeatable).toBe(true);
  });

  it('ends in SERVFAIL that names the last layer', () => {
    const run = (chain: Next) => chain(testQuery('a.', 'A'));
    expect(run(composeChain([noting('log', [])]))).toMatchObject({
      rcode: RCODE.SERVFAIL,
      isBare: true,
      error: { code: 'no-next-plugin', message: 'plugin/log: no next plugin found' },
    });
  });
});

describe('changing a reply', () => {
  it('happens now, or when the reply is there', async () => {
    const refuse = () => failure(RCODE.REFUSED);
    expect(mapReply(new Answer({}), refuse)).toMatchObject({ rcode: RCODE.REFUSED });
    expect(await mapReply(Promise.resolve(new Answer({})), refuse)).toMatchObject({ rcode: RCODE.REFUSED });
  });
});
