import { describe, expect, it } from 'vitest';
import { foldName, nameFromText, wireNameFromText } from '#dns/name.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import type { Query, ServerHandle } from './query.ts';
import { failure } from './reply.ts';
import { testQuery } from './testing.ts';

describe('an internal look-up', () => {
  const asked: Query[] = [];
  const server: ServerHandle = {
    label: 'dns://:53',
    serve: (query) => {
      asked.push(query);
      return failure(RCODE.REFUSED);
    },
  };
  const query = testQuery('Alias.example.', 'AAAA', { server, isDnssecOk: true, zone: 'example.' });
  const target = wireNameFromText('Target.example.');
  const reply = query.lookup(target, foldName(target), RR_TYPE.A);
  const [inner] = asked;

  it('goes through the routing of the listener, without a promise of its own', () => {
    expect(asked).toHaveLength(1);
    expect(reply).toMatchObject({ rcode: RCODE.REFUSED });
  });

  it('asks for the target as it is spelled, and keeps what the client sent otherwise', () => {
    expect(inner?.name).toBe(nameFromText('target.example.'));
    expect(inner?.type).toBe(RR_TYPE.A);
    expect(inner?.request.question).toEqual({ name: target, type: RR_TYPE.A, class: 1 });
    expect(inner?.request.id).toBe(query.request.id);
    expect([inner?.isDnssecOk, inner?.peer, inner?.transport]).toEqual([true, query.peer, 'udp']);
  });

  it('is one deeper, so that circles end', () => {
    expect([query.depth, inner?.depth]).toEqual([0, 1]);
  });

  it('shares the provenance of the query and forbids to repeat its reply', () => {
    expect(inner?.provenance).toBe(query.provenance);
    expect(query.provenance.isRepeatable).toBe(false);
  });

  it('leaves the query as it was', () => {
    expect([query.name, query.type, query.request.question.type]).toEqual([
      nameFromText('alias.example.'),
      RR_TYPE.AAAA,
      RR_TYPE.AAAA,
    ]);
  });
});

describe('a changed copy of a query', () => {
  it('has what was changed, and all else, the view too', () => {
    const query = testQuery('a.example.', 'A', { zone: 'example.' });
    query.view = 'inside';
    const copy = query.with({ type: RR_TYPE.TXT });
    expect(copy).toMatchObject({ name: query.name, type: RR_TYPE.TXT, zone: query.zone, view: 'inside', depth: 0 });
    expect(copy.request).toBe(query.request);
    expect(copy.receivedAtMs).toBe(query.receivedAtMs);
  });
});
