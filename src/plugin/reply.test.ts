import { describe, expect, it } from 'vitest';
import { wireNameFromText } from '#dns/name.ts';
import { addressRecord } from '#dns/record.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { Answer, failure } from './reply.ts';

describe('an answer', () => {
  it('is empty and NOERROR where nothing is said', () => {
    const answer = new Answer({});
    expect(answer).toMatchObject({ rcode: RCODE.NOERROR, isAuthoritative: false, isBare: false, error: null });
    expect([...answer.answer, ...answer.authority, ...answer.additional, ...answer.options]).toEqual([]);
  });

  it('is copied with changes, and stays as it was itself', () => {
    const record = addressRecord(wireNameFromText('a.'), 5, Uint8Array.of(10, 0, 0, 1));
    const answer = new Answer({ answer: [record], isAuthoritative: true, error: new Error('seen') });
    const changed = answer.with({ rcode: RCODE.NXDOMAIN, answer: [], error: null });
    expect(changed).toMatchObject({ rcode: RCODE.NXDOMAIN, isAuthoritative: true, answer: [], error: null });
    expect(answer).toMatchObject({ rcode: RCODE.NOERROR, answer: [record] });
    expect(answer.with({}).error).toBe(answer.error);
  });

  it('stays bare when a layer changes what the core made', () => {
    expect(failure(RCODE.REFUSED).with({ isAuthoritative: true }).isBare).toBe(true);
  });
});
