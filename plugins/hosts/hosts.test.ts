import { mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recordToText } from '#dns/record-text.ts';
import { Log } from '#log/log.ts';
import { Answer, Generations, type Handler, isCurrent, type Query, type Reply } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, type TestSetup, testQuery, testServices } from '#plugin/testing.ts';
import definition from './index.ts';

const PASSED_ON = new Answer({ rcode: 5 });
const next = (): Reply => PASSED_ON;
const handlerOf = (setup: TestSetup): Handler => {
  const handle = setup.instance?.handle;
  if (handle === undefined) throw new Error(setup.faults.list[0]?.message ?? 'no layer');
  return handle;
};

/** What inline lines and options answer to a question: records in text, `NODATA`, `SERVFAIL`, or `next`. */
const ask = (lines: string, name: string, type = 'A', zones = ['.']): string[] | string => {
  const setup = setupPlugin(definition, `hosts /dev/null {\n${lines}\n}`, { zones });
  const reply = handlerOf(setup)(testQuery(name, type), next) as Answer;
  if (reply === PASSED_ON) return 'next';
  if (reply.isBare) return reply.rcode === 2 ? 'SERVFAIL' : `RCODE ${reply.rcode}`;
  expect([reply.rcode, reply.isAuthoritative, reply.authority]).toEqual([0, true, []]);
  return reply.answer.length === 0 ? 'NODATA' : reply.answer.map(recordToText);
};

const LINES =
  '10.0.0.1 example.org www.example.org # comment\n10.0.0.2 Example.ORG\n::1%lo example.org\n::ffff:10.0.0.9 mapped.org\n10.0.0.7 *.apps.org';

describe('answers', () => {
  it('A and AAAA with the TTL of an hour, the owner in lower case', () => {
    expect(ask(LINES, 'eXample.org.')).toEqual(['example.org. 3600 IN A 10.0.0.1', 'example.org. 3600 IN A 10.0.0.2']);
    expect(ask(LINES, 'example.org.', 'AAAA')).toEqual(['example.org. 3600 IN AAAA ::1']);
    expect(ask(LINES, 'mapped.org.')).toEqual(['mapped.org. 3600 IN A 10.0.0.9']);
  });

  it('PTR with all names of an address, in any zone', () => {
    const expected = [
      '1.0.0.10.in-addr.arpa. 3600 IN PTR example.org.',
      '1.0.0.10.in-addr.arpa. 3600 IN PTR www.example.org.',
    ];
    expect(ask(LINES, '1.0.0.10.in-addr.arpa.', 'PTR')).toEqual(expected);
    expect(ask(LINES, '1.0.0.10.in-addr.arpa.', 'PTR', ['example.org'])).toEqual(expected);
    expect(ask(LINES, `1.${'0.'.repeat(31)}ip6.arpa.`, 'PTR')).toHaveLength(1);
  });

  it('hands a PTR of an unknown address, and every PTR with no_reverse, on', () => {
    expect(ask(LINES, '9.9.9.9.in-addr.arpa.', 'PTR')).toBe('next');
    expect(ask(LINES, 'example.org.', 'PTR')).toBe('next');
    expect(ask(`${LINES}\nno_reverse`, '1.0.0.10.in-addr.arpa.', 'PTR')).toBe('next');
  });

  it('NODATA without SOA for another type of a known name', () => {
    expect(ask(LINES, 'www.example.org.', 'AAAA')).toBe('NODATA');
    expect(ask(LINES, 'www.example.org.', 'MX')).toBe('NODATA');
  });

  it('SERVFAIL without a text for an unknown name, or hands it on', () => {
    expect(ask(LINES, 'no.org.')).toBe('SERVFAIL');
    expect(ask(LINES, 'no.org.', 'TXT')).toBe('SERVFAIL');
    expect(ask(`${LINES}\nfallthrough`, 'no.org.')).toBe('next');
    expect(ask(`${LINES}\nfallthrough org`, 'no.org.')).toBe('next');
    expect(ask(`${LINES}\nfallthrough net`, 'no.org.')).toBe('SERVFAIL');
  });

  it('hands other types of known names on with fallthrough_unsupported, within its zones', () => {
    expect(ask(`${LINES}\nfallthrough\nfallthrough_unsupported`, 'example.org.', 'TXT')).toBe('next');
    expect(ask(`${LINES}\nfallthrough net\nfallthrough_unsupported`, 'example.org.', 'TXT')).toBe('NODATA');
    expect(ask(`${LINES}\nfallthrough\nfallthrough_unsupported`, 'www.example.org.', 'AAAA')).toBe('NODATA');
  });

  it('hands names outside of its zones on, whatever the lines say', () => {
    expect(ask(LINES, 'example.org.', 'A', ['example.net'])).toBe('next');
    expect(ask(LINES, 'apps.org.', 'A', ['example.net'])).toBe('next');
  });

  it('takes a wildcard for one label, where the name has no line of its own', () => {
    expect(ask(LINES, 'x.apps.org.')).toEqual(['x.apps.org. 3600 IN A 10.0.0.7']);
    expect(ask(`${LINES}\n10.0.0.8 x.apps.org`, 'x.apps.org.')).toEqual(['x.apps.org. 3600 IN A 10.0.0.8']);
    for (const name of ['y.x.apps.org.', 'apps.org.']) expect(ask(LINES, name)).toBe('SERVFAIL');
    expect(ask('10.0.0.7 *', 'org.')).toBe('SERVFAIL');
    expect(ask(LINES, '7.0.0.10.in-addr.arpa.', 'PTR')).toBe('next');
  });

  it('takes the TTL from the option', () => {
    expect(ask(`${LINES}\nttl 10`, 'www.example.org.')).toEqual(['www.example.org. 10 IN A 10.0.0.1']);
  });
});

describe('faults and warnings', () => {
  const start = 'Error during parsing: ';
  it.each([
    ['hosts /dev/null {\n ttl\n}', `${start}ttl needs a time in second`],
    ['hosts /dev/null {\n ttl x\n}', `${start}ttl needs a number of second`],
    ['hosts /dev/null {\n ttl 0\n}', `${start}ttl provided is invalid`],
    ['hosts /dev/null {\n ttl 65536\n}', `${start}ttl provided is invalid`],
    ['hosts /dev/null {\n reload\n}', `${start}reload needs a duration (zero seconds to disable)`],
    ['hosts /dev/null {\n reload x\n}', `${start}invalid duration for reload 'x'`],
    ['hosts /dev/null {\n reload -1s\n}', `${start}invalid negative duration for reload '-1s'`],
    ['hosts /dev/null {\n fallthrough_unsupported\n}', `${start}fallthrough_unsupported requires fallthrough`],
    ['hosts /dev/null {\n fallthrough\n 10.0.0.1 example.org\n}', `${start}unknown property '10.0.0.1'`],
    ['hosts /dev/null {\n 10.0.0.1 a.org {\n }\n}', `${start}Unexpected token '{', expecting argument`],
    ['hosts /dev/null {\n}\nhosts /dev/null', 'this plugin can only be used once per Server Block'],
  ])('of %j', (stanza, fault) => {
    expect(setupPlugin(definition, stanza).faults.list.map(({ message }) => message)).toEqual([fault]);
  });

  it('a file below a file is a fault, a missing one a warning in the log', () => {
    const sink = new RecordingSink();
    const services = testServices({ log: new Log(sink) });
    const below = setupPlugin(definition, 'hosts /dev/null/x', { services });
    expect(below.faults.list.map(({ message }) => message)).toEqual([
      "Error during parsing: unable to access hosts file '/dev/null/x': stat /dev/null/x: not a directory",
    ]);
    setupPlugin(definition, 'hosts no-such-file', { services });
    setupPlugin(definition, 'hosts /', { services });
    expect(sink.lines).toEqual([
      'warning plugin/hosts: File does not exist: no-such-file',
      'warning plugin/hosts: Hosts file "/" is a directory',
    ]);
  });

  it('a line that is neither hosts line nor option is warned of, and the rest serves', () => {
    const { faults, instance } = setupPlugin(definition, 'hosts /dev/null {\n falthrough\n 10.0.0.1 example.org\n}');
    expect(faults.list).toEqual([]);
    expect(faults.warnings.map(({ message, token }) => [message, token?.line])).toEqual([
      ['"falthrough" is no hosts line and no option, and is ignored: "falthrough" is not an IP address', 3],
    ]);
    expect(instance?.handle?.(testQuery('example.org.', 'A'), next)).not.toBe(PASSED_ON);
  });
});

describe('the file', () => {
  let directory = '';
  let path = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hosts-'));
    path = join(directory, 'hosts');
  });
  afterEach(() => rm(directory, { recursive: true }));

  /** The file is changed as editors do it: a new one takes its place. */
  const write = async (text: string, seconds: number): Promise<void> => {
    await writeFile(`${path}.new`, text);
    await utimes(`${path}.new`, seconds, seconds);
    await rename(`${path}.new`, path);
  };

  const started = async (
    options = 'reload 0',
  ): Promise<TestSetup & { readonly sink: RecordingSink; readonly ask: (query: Query) => string[] }> => {
    const sink = new RecordingSink();
    const services = testServices({ log: new Log(sink), generations: new Generations() });
    const setup = setupPlugin(definition, `hosts ${path} {\n10.0.0.99 inline.org example.org\n${options}\n}`, {
      services,
    });
    await setup.instance?.start?.();
    const answersOf = (query: Query): string[] =>
      (handlerOf(setup)(query, next) as Answer).answer.map(({ rdata }) => rdata.join('.'));
    return { ...setup, sink, ask: answersOf };
  };

  it('is read at the start, and the lines of the Corefile come after it', async () => {
    await write('10.0.0.1 example.org\n', 1000);
    const hosts = await started();
    expect(hosts.ask(testQuery('example.org.', 'A'))).toEqual(['10.0.0.1', '10.0.0.99']);
    expect(hosts.ask(testQuery('inline.org.', 'A'))).toEqual(['10.0.0.99']);
  });

  it('has bad lines, which are logged with their number while the rest serves', async () => {
    await write(
      '10.0.0.1 example.org\r\n\n# comment\n321.1.1.1 loki\n123.123.123 loki\n10.0.0.3\n10.0.0.2 bad..name good.org\n',
      1000,
    );
    const hosts = await started();
    expect(hosts.sink.lines.filter((line) => line.startsWith('warning'))).toEqual([
      `warning plugin/hosts: ${path}:4: "321.1.1.1" is not an IP address, the line is ignored`,
      `warning plugin/hosts: ${path}:5: "123.123.123" is not an IP address, the line is ignored`,
      `warning plugin/hosts: ${path}:6: "10.0.0.3" has no name, the line is ignored`,
      `warning plugin/hosts: ${path}:7: "bad..name" is not a name, the name is ignored`,
    ]);
    expect(hosts.ask(testQuery('good.org.', 'A'))).toEqual(['10.0.0.2']);
    expect(hosts.ask(testQuery('example.org.', 'A'))).toEqual(['10.0.0.1', '10.0.0.99']);
  });

  it('counts its entries and tells when it changed', async () => {
    await write('10.0.0.1 a.org b.org\n10.0.0.2 *.c.org\n', 1000);
    const { services } = await started();
    const text = await services.metrics.render();
    expect(text).toContain(`coredns_hosts_entries{hostsfile="${path}"} 9`);
    expect(text).toContain('coredns_hosts_reload_timestamp_seconds 1000');
  });

  it('is looked at every `reload`, and a change makes every answer stale in the same turn', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      await write('10.0.0.1 example.org\n', 1000);
      const hosts = await started('reload 3s');
      const query = testQuery('example.org.', 'A', { generations: hosts.services.generations });
      hosts.ask(query);
      const { slots, seen } = query.provenance;
      expect(query.provenance.isRepeatable).toBe(true);
      expect(isCurrent(hosts.services.generations, slots, seen)).toBe(true);
      await write('10.0.0.2 example.org\n', 2000);
      vi.advanceTimersByTime(3000);
      await vi.waitFor(() => expect(isCurrent(hosts.services.generations, slots, seen)).toBe(false));
      expect(hosts.ask(testQuery('example.org.', 'A'))).toEqual(['10.0.0.2', '10.0.0.99']);
      await hosts.instance?.stop?.();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('leaves the last table in place when it goes away, and comes back', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const hosts = await started('reload 1s');
      expect(hosts.ask(testQuery('example.org.', 'A'))).toEqual(['10.0.0.99']);
      await write('10.0.0.1 example.org\n', 1000);
      vi.advanceTimersByTime(1000);
      await vi.waitFor(() => expect(hosts.ask(testQuery('example.org.', 'A'))).toHaveLength(2));
      const before = hosts.sink.lines.length;
      await rm(path);
      vi.advanceTimersByTime(1000);
      await vi.waitFor(() => expect(hosts.sink.lines.length).toBeGreaterThan(before));
      expect(hosts.ask(testQuery('example.org.', 'A'))).toEqual(['10.0.0.1', '10.0.0.99']);
      await hosts.instance?.stop?.();
    } finally {
      vi.useRealTimers();
    }
  });

  it('is what even a query that is handed on depends on', async () => {
    const hosts = await started('reload 0\nfallthrough');
    const query = testQuery('no.org.', 'A', { generations: hosts.services.generations });
    handlerOf(hosts)(query, next);
    expect(query.provenance.slots).toHaveLength(1);
  });
});
