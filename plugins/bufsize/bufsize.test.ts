import { afterEach, describe, expect, it } from 'vitest';
import { Answer, type Query } from '#plugin/index.ts';
import { setupPlugin, testQuery } from '#plugin/testing.ts';
import { startServer, type TestServer } from '#test/server.ts';
import bufsize from './index.ts';

const unexpected = (word: string): string =>
  `Error during parsing: Wrong argument count or unexpected line ending after '${word}'`;
const messagesOf = (stanza: string): string[] => setupPlugin(bufsize, stanza).faults.list.map(({ message }) => message);

/** The query as the layer behind sees it. */
const pass = (stanza: string, udpSize: number | null): Query => {
  const edns = udpSize === null ? null : { udpSize, version: 0, isDnssecOk: true, options: [] };
  const query = testQuery('example.org.', 'A', { edns });
  let seen = query;
  setupPlugin(bufsize, stanza).instance?.handle?.(query, (next) => {
    seen = next;
    return new Answer({});
  });
  return seen;
};

describe('bufsize', () => {
  it.each([
    ['bufsize', 1232],
    ['bufsize 512', 512],
    ['bufsize 4096', 4096],
    ['bufsize "1220"', 1220],
    ['bufsize +600', 600],
    ['bufsize 700 {\n x\n}', 700],
    ['bufsize 700\nbufsize 9999', 700],
  ])('of %j takes larger sizes down', (stanza, octets) => {
    expect(messagesOf(stanza)).toEqual([]);
    expect(pass(stanza, 65_535).request.edns?.udpSize).toBe(octets);
    expect(pass(stanza, octets + 1).request.edns?.udpSize).toBe(octets);
    expect(pass(stanza, octets).request.edns?.udpSize).toBe(octets);
    expect(pass(stanza, 100).request.edns?.udpSize).toBe(100);
  });

  it.each([
    ['bufsize 511', '511'],
    ['bufsize 4097', '4097'],
    ['bufsize -1232', '-1232'],
    ['bufsize 1e3', '1e3'],
    ['bufsize ""', ''],
    ['bufsize "512 512"', '512 512'],
    ['bufsize 512 1232', '1232'],
  ])('refuses %j in the words of CoreDNS', (stanza, word) => {
    expect(messagesOf(stanza)).toEqual([unexpected(word)]);
  });

  it('warns of what CoreDNS passes over in silence', () => {
    const { faults } = setupPlugin(bufsize, 'bufsize 700 {\n}\nbufsize 800');
    expect(faults.warnings.map(({ message, token }) => [token?.line, message])).toEqual([
      [4, 'only the first bufsize of a server block counts'],
      [2, 'bufsize has no options; its block is passed over'],
    ]);
  });

  it('leaves a query without an OPT, and what else stands in one, alone', () => {
    expect(pass('bufsize', null).request.edns).toBeNull();
    expect(pass('bufsize', 4096).request).toMatchObject({ id: 1, edns: { isDnssecOk: true, version: 0 } });
  });
});

describe('a server block with bufsize', () => {
  let server: TestServer | null = null;
  afterEach(() => server?.stop());
  const HOSTS = Array.from({ length: 100 }, (_, i) => `192.0.2.${i} large.test`).join('\n');

  it('cuts what is larger over UDP, not over TCP, and says the size in both', async () => {
    server = await startServer({
      corefile: `. {\n bufsize 800\n hosts {\n ${HOSTS}\n }\n}\nother {\n hosts {\n ${HOSTS}\n }\n}`,
    });
    const cut = await server.query('large.test.', 'A', { udpSize: 4096 });
    expect([cut.answer.length, cut.flags & 0x0200, cut.edns?.udpSize]).toEqual([47, 0x0200, 800]);
    const whole = await server.query('large.test.', 'A', { udpSize: 4096, transport: 'tcp' });
    expect([whole.answer.length, whole.flags & 0x0200, whole.edns?.udpSize]).toEqual([100, 0, 800]);
    expect((await server.query('missing.other.', 'A', { udpSize: 4096 })).edns?.udpSize).toBe(4096);
  });

  it('without any other plugin still takes the size of the SERVFAIL down, as in CoreDNS', async () => {
    server = await startServer({ corefile: '. {\n bufsize 600\n}' });
    const failed = await server.query('example.org.', 'A', { udpSize: 4096 });
    expect([failed.rcode, failed.edns?.udpSize]).toEqual([2, 600]);
  });
});
