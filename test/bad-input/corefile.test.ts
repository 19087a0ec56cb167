/** A Corefile with a fault of every kind: all are told at once, and nobody goes without answers meanwhile. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigurationError } from '#server/lifecycle.ts';
import { startServer, type TestServer } from '#test/server.ts';

const text = readFileSync(join(import.meta.dirname, '../corpus/corefile/every-plugin.corefile'), 'utf8');
/** `LINE: message` of each line with a fault, as the comments of the file say. */
const expected = text
  .split('\n')
  .map((line, i) => ({ message: line.split('  # ')[1], line: i + 1 }))
  .filter(({ message }) => message !== undefined)
  .map(({ message, line }) => `${line}: ${message}`);

let server: TestServer | null = null;
afterEach(() => server?.stop());

describe('a Corefile with a fault in each of its eighty blocks', () => {
  it('does not start, and every fault is told in one go with its line', async () => {
    const error = await startServer({ corefile: text }).catch((reason: unknown) => reason);
    if (!(error instanceof ConfigurationError)) throw new Error(`expected faults, found ${String(error)}`);
    expect(expected.length).toBeGreaterThan(75);
    const heads = error.message.match(/^Corefile:.*$/gm) as string[];
    expect(heads.map((line) => line.replace(/^Corefile:(\d+):\d+:/, '$1:'))).toEqual(expected);
    // Each with its source line and a caret below it.
    expect(error.message.match(/^ +\| +\^+$/gm)).toHaveLength(expected.length);
  });

  it('does not take the place of the one that is served', async () => {
    server = await startServer({ corefile: '. {\n    whoami\n}\n' });
    const fault = await server.reload(text);
    for (const part of ['starting with listener file descriptors', 'plugin/cache:', "Unknown directive 'kuberntes'"])
      expect(fault?.message).toContain(part);
    const told = server.logLines.filter((line) => line.startsWith('error : Restart failed: '));
    expect(told).toHaveLength(expected.length);
    expect((await server.query('still.example.', 'A')).additional).toHaveLength(2);
    expect(await server.reload('. {\n    whoami\n}\n')).toBeNull();
    expect((await server.query('again.example.', 'A')).additional).toHaveLength(2);
  });

  it.each([
    ['octets that are no UTF-8', Buffer.from('. {\n    who\xff\x00ami\n}\n', 'latin1').toString('utf8')],
    ['a quote that never ends', '. {\n    log "'.concat('x'.repeat(100_000))],
    ['ten thousand braces', '{'.repeat(10_000)],
    ['a snippet that imports itself', '(a) {\n    import a\n}\n. {\n    import a\n}\n'],
    ['a line of a million octets', `. {\n    whoami ${'x '.repeat(500_000)}\n}\n`],
  ])('is refused where it is %s, and the old one goes on', async (_title, corefile) => {
    server = await startServer({ corefile: '. {\n    whoami\n}\n' });
    expect(await server.reload(corefile)).toBeInstanceOf(Error);
    expect((await server.query('still.example.', 'A')).additional).toHaveLength(2);
  });
});
