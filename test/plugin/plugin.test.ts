/** The public contract: the example of docs/plugins.md, as it stands there, in a whole server. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { recordToText } from '#dns/record-text.ts';
import * as door from '#plugin/index.ts';
import { startServer, type TestServer } from '#test/server.ts';
import shout from './shout.ts';

// The source in place of the build, which may be older.
vi.mock('cluster-dns/plugin', () => import('#plugin/index.ts'));

const ROOT = join(import.meta.dirname, '../..');
const BUILT = join(ROOT, 'dist/plugin.js');
const isBuilt = existsSync(BUILT) && statSync(BUILT).mtimeMs > statSync(join(ROOT, 'src/plugin/index.ts')).mtimeMs;

let server: TestServer | null = null;
afterEach(() => server?.stop());

describe('the example plugin', () => {
  it('is the one that docs/plugins.md shows', () => {
    const document = readFileSync(join(ROOT, 'docs/plugins.md'), 'utf8');
    expect(/^```ts\n(.*?)^```$/ms.exec(document)?.[1]).toBe(
      readFileSync(join(import.meta.dirname, 'shout.ts'), 'utf8'),
    );
  });

  let asked = 0;
  /** It, with a count of the queries that reach it. */
  const counted = door.definePlugin({
    ...shout,
    setup: (context) => {
      const instance = shout.setup(context);
      const handle: door.Handler = (query, next) => {
        asked++;
        return (instance?.handle as door.Handler)(query, next);
      };
      return { ...instance, handle };
    },
  });

  it('answers as the document says, passes on what is not its own, and is repeated from memory', async () => {
    const corefile =
      /^```\n(example\.org.*?)^```$/ms.exec(readFileSync(join(ROOT, 'docs/plugins.md'), 'utf8'))?.[1] ?? '';
    server = await startServer({ corefile: corefile.replace(':1053', ':0'), plugins: [counted] });
    for (let i = 0; i < 3; i++) {
      const { answer } = await server.query('hello.example.org.', 'TXT');
      expect(answer.map(recordToText)).toEqual(['hello.example.org. 30 IN TXT "HELLO"']);
    }
    expect(asked).toBe(1);
    expect((await server.query('hello.example.org.', 'A')).additional).toHaveLength(2);
    expect((await server.query('hello.example.net.', 'TXT')).rcode).toBe(door.RCODE.REFUSED);
  });

  it('has its faults told like those of any other plugin', async () => {
    const refused = startServer({
      corefile: '. {\n    shout {\n        tll 5\n        ttl long\n    }\n}\n',
      plugins: [shout],
    });
    const { message } = await refused.then(
      () => new Error('it started'),
      (error: Error) => error,
    );
    expect(message).toContain("Corefile:3:9: plugin/shout: unknown property 'tll'");
    expect(message).toContain('did you mean "ttl"?');
    expect(message).toContain('Corefile:4:13: plugin/shout: ttl needs a number of seconds');
  });
});

describe('the public door', () => {
  it.skipIf(!isBuilt)(
    'exports the same names when built (skipped where dist is missing or older than the source)',
    async () => {
      const built = (await import(pathToFileURL(BUILT).href)) as object;
      expect(Object.keys(built).sort()).toEqual(Object.keys(door).sort());
    },
  );
});
