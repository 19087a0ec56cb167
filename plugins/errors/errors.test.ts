import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Log } from '#log/log.ts';
import { Answer, failure, type Reply } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import errors from './index.ts';

const setup = (stanza: string) => {
  const sink = new RecordingSink();
  const made = setupPlugin(errors, stanza, { services: testServices({ log: new Log(sink) }) });
  const { handle, stop } = made.instance ?? {};
  if (handle === undefined) throw new Error('no layer');
  const fail = async (message: string, rcode = 2): Promise<Reply> =>
    handle(testQuery('Example.org.', 'A'), () => failure(rcode, new Error(message)));
  return { ...made, sink, handle, fail, stop: () => stop?.() };
};

const messages = (stanza: string): string[] => setupPlugin(errors, stanza).faults.list.map(({ message }) => message);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('errors', () => {
  it('logs the error of a reply with its rcode, name and type', async () => {
    const { fail, sink } = setup('errors');
    const reply = await fail('plugin/forward: no upstreams', 2);
    expect(sink.lines).toEqual(['error plugin/errors: 2 example.org. A: plugin/forward: no upstreams']);
    expect(reply).toMatchObject({ kind: 'answer', rcode: 2 });
  });

  it('logs nothing for an rcode without an error, and makes no promise', () => {
    const { handle, sink } = setup('errors');
    const query = testQuery('example.org.', 'A');
    const reply = new Answer({ rcode: 3 });
    expect(handle(query, () => reply)).toBe(reply);
    expect(sink.lines).toEqual([]);
    expect(query.provenance.isRepeatable).toBe(true);
  });

  it('does not let a reply with an error be repeated from memory', () => {
    const { handle } = setup('errors');
    const query = testQuery('example.org.', 'A');
    handle(query, () => new Answer({ error: new Error('odd') }));
    expect(query.provenance.isRepeatable).toBe(false);
  });

  it('logs the error of a reply that comes later', async () => {
    const { handle, sink } = setup('errors');
    await handle(testQuery('example.org.', 'AAAA'), async () => failure(2, new Error('timeout')));
    expect(sink.lines).toEqual(['error plugin/errors: 2 example.org. AAAA: timeout']);
  });
});

describe('errors { consolidate }', () => {
  it('counts what matches and sums it up when the time is over', async () => {
    const { fail, sink } = setup('errors {\n consolidate 30s ".* i/o timeout$" warning\n}');
    for (let i = 0; i < 3; i++) await fail(`read udp ${i}: i/o timeout`);
    expect(sink.lines).toEqual([]);
    vi.advanceTimersByTime(30_000);
    expect(sink.lines).toEqual(["warning plugin/errors: 3 errors like '.* i/o timeout$' occurred in last 30s"]);
    vi.advanceTimersByTime(60_000);
    expect(sink.lines).toHaveLength(1);
  });

  it('logs what does not match by itself', async () => {
    const { fail, sink } = setup('errors {\n consolidate 30s timeout\n}');
    await fail('refused');
    expect(sink.lines).toEqual(['error plugin/errors: 2 example.org. A: refused']);
  });

  it('shows the first with show_first, and no sum for one alone', async () => {
    const { fail, sink } = setup('errors {\n consolidate 1m timeout info show_first\n}');
    await fail('timeout 1');
    vi.advanceTimersByTime(60_000);
    expect(sink.lines).toEqual(['info plugin/errors: 2 example.org. A: timeout 1']);
    await fail('timeout 2');
    await fail('timeout 3');
    vi.advanceTimersByTime(60_000);
    expect(sink.lines.slice(1)).toEqual([
      'info plugin/errors: 2 example.org. A: timeout 2',
      "info plugin/errors: 2 errors like 'timeout' occurred in last 1m0s",
    ]);
  });

  it('takes the first pattern that matches', async () => {
    const { fail, sink, stop } = setup('errors {\n consolidate 1m a info\n consolidate 1m b warning\n}');
    await fail('ab');
    await fail('b');
    await stop();
    expect(sink.lines).toEqual([
      "info plugin/errors: 1 errors like 'a' occurred in last 1m0s",
      "warning plugin/errors: 1 errors like 'b' occurred in last 1m0s",
    ]);
  });

  it('sums up at the stop and logs one by one after it', async () => {
    const { fail, sink, stop } = setup('errors {\n consolidate 1m timeout\n}');
    await fail('timeout');
    await stop();
    await fail('timeout');
    expect(sink.lines).toEqual([
      "error plugin/errors: 1 errors like 'timeout' occurred in last 1m0s",
      'error plugin/errors: 2 example.org. A: timeout',
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('understands flags and named groups as Go writes them', async () => {
    const { fail, sink, stop } = setup('errors {\n consolidate 1m "(?i)(?P<what>TIMEOUT)"\n}');
    await fail('i/o timeout');
    await stop();
    expect(sink.lines).toHaveLength(1);
  });
});

describe('setting errors up', () => {
  it('tells the core to log stacks', () => {
    expect(setup('errors {\n stacktrace\n}').block.settings.isStackLogged).toBe(true);
    expect(setup('errors').block.settings.isStackLogged).toBe(false);
  });

  it.each([
    ['errors file.txt', 'invalid log file: file.txt'],
    ['errors a b', "Error during parsing: Wrong argument count or unexpected line ending after 'b'"],
    ['errors {\n consolidate 1m\n}', "Error during parsing: Wrong argument count or unexpected line ending after '1m'"],
    ['errors {\n consolidate 1 x\n}', 'time: missing unit in duration "1"'],
    ['errors {\n consolidate x y\n}', 'time: invalid duration "x"'],
    ['errors {\n consolidate 1m x info debug\n}', 'multiple log levels specified in consolidate'],
    ['errors {\n consolidate 1m x show_first info\n}', 'log level must come before show_first in consolidate'],
    ['errors {\n consolidate 1m x loud\n}', 'unknown option in consolidate: loud'],
    [`errors {\n consolidate 1m ${'a'.repeat(10_001)}\n}`, 'regex pattern too long: 10001 > 10000'],
    ['errors\nerrors', 'this plugin can only be used once per Server Block'],
  ])('refuses %s', (stanza, message) => {
    expect(messages(stanza)).toEqual([message]);
  });

  it('refuses an expression that can not be read, and an unknown field', () => {
    expect(messages('errors {\n consolidate 1m "())"\n colour\n}')).toEqual([
      expect.stringMatching(/^error parsing regexp: /),
      expect.stringContaining('Unknown field colour'),
    ]);
  });
});
