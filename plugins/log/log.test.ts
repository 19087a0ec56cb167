import { describe, expect, it } from 'vitest';
import { nameFromText, wireNameFromText } from '#dns/name.ts';
import { addressRecord, soaRecord } from '#dns/record.ts';
import { Log } from '#log/log.ts';
import { Answer, DROP, failure, type Query, type Reply } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import { compileFormat, parseFormat } from './format.ts';
import log from './index.ts';

const NAME = wireNameFromText('example.org.');
const POSITIVE = new Answer({
  isAuthoritative: true,
  answer: [addressRecord(NAME, 5, Uint8Array.of(1, 2, 3, 4))],
});
const zone = nameFromText('org.');
const SOA = soaRecord(zone, 5, { mname: zone, rname: zone, serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 1 });

const setup = (stanza: string) => {
  const sink = new RecordingSink();
  let now = 0;
  const clock = { monotonicMs: () => now, wallMs: () => now };
  const made = setupPlugin(log, stanza, { services: testServices({ log: new Log(sink), clock }) });
  const pass = (query: Query, reply: Reply): Reply | Promise<Reply> | undefined =>
    made.instance?.handle?.(query, () => {
      now += 0.361265;
      return reply;
    });
  return { ...made, sink, pass };
};

describe('log', () => {
  it('writes a line in the common format once the reply is there', () => {
    const { sink, pass } = setup('log');
    expect(pass(testQuery('Example.ORG.', 'A'), POSITIVE)).toBe(POSITIVE);
    expect(sink.lines).toEqual([
      'info : 10.240.0.1:40212 - 1 "A IN example.org. udp 29 false 512" NOERROR qr,aa,rd 56 0.000361265s',
    ]);
  });

  it('writes the buffer size, DO, the opcode and brackets around IPv6', () => {
    const { sink, pass } = setup('log . "{remote} {local} {>bufsize} {>do} {>opcode} {proto}"');
    pass(testQuery('example.org.', 'A', { isDnssecOk: true, address: '2001:db8::1' }), POSITIVE);
    pass(testQuery('example.org.', 'A', { transport: 'tcp' }), POSITIVE);
    expect(sink.lines).toEqual([
      'info : [2001:db8::1] 127.0.0.1 4096 true 0 udp',
      'info : 10.240.0.1 127.0.0.1 65535 false 0 tcp',
    ]);
  });

  it('writes what the server will answer where no plugin did, and dashes where there is no reply', () => {
    const { sink, pass } = setup('log . "{rcode} {>rflags} {rsize}"');
    pass(testQuery('example.org.', 'A'), failure(2));
    pass(testQuery('example.org.', 'A'), DROP);
    expect(sink.lines).toEqual(['info : SERVFAIL qr,rd 29', 'info : - - 0']);
  });

  it('uses the first rule whose name fits, and lets other queries pass', () => {
    const { sink, pass } = setup('log example.org "{name} one {rcode}"\nlog org "{name} two {rcode}"');
    for (const name of ['a.example.org.', 'b.org.', 'c.net.']) pass(testQuery(name, 'A'), POSITIVE);
    expect(sink.lines).toEqual(['info : a.example.org. one NOERROR', 'info : b.org. two NOERROR']);
  });

  it.each([
    ['success', [true, false, false, false]],
    ['denial', [false, true, true, false]],
    ['error', [false, false, false, true]],
    ['denial error', [false, true, true, true]],
    ['denial all', [true, true, true, true]],
  ])('logs class %s only', (classes, expected) => {
    const replies = [POSITIVE, new Answer({ rcode: 3 }), new Answer({ authority: [SOA] }), failure(2)];
    const logged = replies.map((reply) => {
      const { sink, pass } = setup(`log {\n class ${classes}\n}`);
      pass(testQuery('example.org.', 'A'), reply);
      return sink.lines.length === 1;
    });
    expect(logged).toEqual(expected);
  });

  it('waits for a reply that comes later', async () => {
    const { sink, instance } = setup('log . "{rcode} {name}"');
    await instance?.handle?.(testQuery('example.org.', 'A'), async () => POSITIVE);
    expect(sink.lines).toEqual(['info : NOERROR example.org.']);
  });

  it('is never repeated from memory', () => {
    expect(log.isRepeatable).toBeUndefined();
  });

  it.each([
    ['log {\n class foo\n}', 'invalid Class: foo'],
    ['log {\n class\n}', "Error during parsing: Wrong argument count or unexpected line ending after 'class'"],
    ['log {\n colour\n}', "unknown property 'colour'"],
  ])('refuses %j', (stanza, message) => {
    expect(setup(stanza).faults.list.map((fault) => fault.message)).toEqual([message]);
  });

  it('warns of a format that is taken for a name', () => {
    const { faults } = setup('log "{type}"');
    expect(faults.list).toEqual([]);
    expect(faults.warnings).toHaveLength(1);
  });
});

describe('a log format', () => {
  it('keeps what is in braces and no label', () => {
    expect(parseFormat('{ A {X} {type} }').map(({ kind, value }) => `${kind} ${value}`)).toEqual([
      'literal { A {X}',
      'literal  ',
      'label {type}',
      'literal  }',
    ]);
  });

  it('has a dash for metadata that nothing provides', () => {
    const write = compileFormat('{/forward/upstream} {/a/b}', (_query, name) => (name === 'a/b' ? 'here' : null));
    expect(write({ query: testQuery('a.', 'A'), reply: null, durationMs: 0 })).toBe('- here');
  });

  it('writes a duration to the nanosecond', () => {
    const write = compileFormat('{duration}');
    const texts = [0, 1, 1500, 0.000001].map((durationMs) =>
      write({ query: testQuery('a.', 'A'), reply: null, durationMs }),
    );
    expect(texts).toEqual(['0s', '0.001s', '1.5s', '0.000000001s']);
  });

  it('keeps percent signs of a name', () => {
    const write = compileFormat('{name}');
    expect(write({ query: testQuery('foo.%s.example.org.', 'A'), reply: null, durationMs: 0 })).toBe(
      'foo.%s.example.org.',
    );
  });
});
