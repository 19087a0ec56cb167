import { describe, expect, it } from 'vitest';
import { foldName, wireNameFromText } from '#dns/name.ts';
import { recordToText } from '#dns/record-text.ts';
import { setupPlugin, type TestQueryOptions, testQuery } from '#plugin/testing.ts';
import definition from './index.ts';
import { whoami } from './whoami.ts';

const told = (name: string, options: TestQueryOptions = {}): string[] =>
  whoami(testQuery(name, 'A', options)).additional.map(recordToText);

describe('whoami', () => {
  it('tells address, port and transport in the additional section, with AA and TTL 0', () => {
    const reply = whoami(testQuery('example.org.', 'MX'));
    expect(reply).toMatchObject({ rcode: 0, isAuthoritative: true, answer: [], authority: [] });
    expect(reply.additional.map(recordToText)).toEqual([
      'example.org. 0 IN A 10.240.0.1',
      '_udp.example.org. 0 IN SRV 0 0 40212 .',
    ]);
  });

  it('tells an IPv6 address without its zone, and TCP for TCP and TLS', () => {
    const address = 'fe80::1%lo';
    for (const transport of ['tcp', 'tls'] as const)
      expect(told('example.org.', { address, transport })).toEqual([
        'example.org. 0 IN AAAA fe80::1',
        '_tcp.example.org. 0 IN SRV 0 0 40212 .',
      ]);
  });

  it('keeps the spelling and the class of the question', () => {
    expect(told('Example.ORG.', { class: 3 })).toEqual([
      'Example.ORG. 0 CH A 10.240.0.1',
      '_udp.Example.ORG. 0 CH SRV 0 0 40212 .',
    ]);
  });

  it('uses the name that a rewriting layer put in', () => {
    const query = testQuery('Example.ORG.', 'A').with({ name: foldName(wireNameFromText('other.net.')) });
    expect(whoami(query).additional.map(recordToText)[0]).toBe('other.net. 0 IN A 10.240.0.1');
  });

  it('answers for the root', () => {
    expect(told('.')).toEqual(['. 0 IN A 10.240.0.1', '_udp. 0 IN SRV 0 0 40212 .']);
  });

  it('leaves the SRV record out where QNAME has no room for the label', () => {
    const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(60)}.`;
    expect(told(long)).toHaveLength(1);
  });
});

describe('the directive', () => {
  it.each([
    ['whoami', []],
    ['whoami x', ["Error during parsing: Wrong argument count or unexpected line ending after 'x'"]],
    ['whoami {\n}', ["Error during parsing: Unexpected token '{', expecting argument"]],
  ])('`%s`', (stanza, faults) => {
    expect(setupPlugin(definition, stanza).faults.list.map(({ message }) => message)).toEqual(faults);
  });

  it('is never repeated from memory', () => {
    expect(definition.isRepeatable).toBeUndefined();
  });
});
