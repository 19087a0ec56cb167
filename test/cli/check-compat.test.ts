/** `cluster-dns check --compat`: what becomes of each line of a Corefile of CoreDNS's. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PLUGINS } from '#plugins/index.ts';
import { CapturedIo } from '#test/captured-io.ts';
import { runCommand } from '../../src/cli/commands.ts';

interface Line {
  readonly line: number;
  readonly text: string;
  readonly status: string;
  readonly notes: readonly { readonly text: string; readonly wayOut?: string; readonly see?: string }[];
}

let directory: string;
let io: CapturedIo;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-compat-'));
  io = new CapturedIo();
});
afterEach(() => rmSync(directory, { recursive: true }));

const compat = async (text: string, ...flags: string[]): Promise<number> => {
  const file = join(directory, 'Corefile');
  writeFileSync(file, text);
  const code = await runCommand(['check', '--compat', ...flags, file], io);
  io.out = io.out.replaceAll(file, 'Corefile').replaceAll(directory, '');
  return code;
};

/** All lines of the first Corefile, from the JSON. */
const linesOf = async (text: string): Promise<readonly Line[]> => {
  await compat(text, '-o', 'json');
  return JSON.parse(io.out).corefiles[0].compatibility.texts.flatMap((one: { lines: readonly Line[] }) => one.lines);
};

const statuses = async (text: string): Promise<readonly string[]> => (await linesOf(text)).map(({ status }) => status);

describe('a Corefile that fits', () => {
  it('is shown line by line with what is to be known, and ends with 0', async () => {
    const text = `# the cluster's
.:53 {
    errors
\tlog
    kubernetes cluster.local

    forward . 192.0.2.1
}
`;
    expect(await compat(text)).toBe(0);
    expect(io.out).toBe(`Corefile

         1  # the cluster's
ok       2  .:53 {
ok       3      errors
differs  4  \tlog
                    ^ every query of this server block takes the long way, those of classes that are not
                      logged too: none is answered from the answer memory, which saves most of the CPU
                      See docs/architecture.md#the-fast-path
ok       5      kubernetes cluster.local
         6
differs  7      forward . 192.0.2.1
                ^ no max_concurrent: 8,000 queries of the process may wait for upstreams, the next ones get
                  REFUSED; CoreDNS has no limit
                  See docs/differences.md#forward-and-cache
ok       8  }

It fits: the server starts with it as it is.
  4 lines as in CoreDNS
  2 lines that work otherwise: 4, 7
What else differs, seldom met: docs/differences.md
`);
    expect(io.err).toBe('');
  });

  it('may name interfaces and files that are not here', async () => {
    expect(
      await compat('. {\n    bind eth77\n    forward . tls://192.0.2.1 {\n        tls /none/ca.pem\n    }\n}\n'),
    ).toBe(0);
    expect(io.out).toContain('the interface eth77 is not looked at');
    expect(io.out).toContain('/none/ca.pem is not looked at');
  });
});

describe('what does not fit', () => {
  it('is told with the plugin, what is lost without it, and the way out, and ends with 1', async () => {
    const text = '. {\n    rewrite name a b\n    template ANY ANY x {\n        rcode NXDOMAIN\n    }\n    trace\n}\n';
    expect(await compat(text)).toBe(1);
    expect(io.out).toContain(
      'missing  2      rewrite name a b\n                ^ rewrite is not built. Answers change without it:',
    );
    expect(io.out).toContain('missing  6      trace\n                ^ trace is not built. Answers stay as they are: ');
    expect(io.out).toContain('It does not fit: the server would not start with it.');
    expect(io.out).toContain('  5 lines that are not built: 2 rewrite, 3 template, 6 trace\n');
  });

  it.each(PLUGINS.filter((plugin) => 'unbuilt' in plugin).map(({ name }) => name))('is said of %s', async (name) => {
    const [, line] = await linesOf(`. {\n    ${name} x\n}\n`);
    expect(line).toMatchObject({
      status: 'missing',
      notes: [{ text: expect.stringContaining(`${name} is not built`) }],
    });
    expect(line?.notes[0]?.wayOut).toBeTruthy();
  });

  it.each([
    ['a directive of old', '. {\n    proxy . 192.0.2.1\n}\n', 2, 'gone', /CoreDNS 1\.14 refuses proxy, too/],
    ['an option of old', '. {\n    kubernetes a {\n        upstream\n    }\n}\n', 3, 'gone', /refuses upstream, too/],
    ['an external plugin', '. {\n    k8s_gateway a\n}\n', 2, 'missing', /k8s_gateway is an external plugin/],
    ['a protocol', 'tls://. {\n    whoami\n}\n', 1, 'missing', /transport 'tls:\/\/' is not served/],
    ['an upstream over HTTPS', '. {\n    forward . https://192.0.2.1\n}\n', 2, 'missing', /'https' is not supported/],
    [
      'an option that is not built',
      '. {\n    kubernetes a {\n        zonal\n    }\n}\n',
      3,
      'missing',
      /zonal is not built yet/,
    ],
    ['a slip', '. {\n    whoam\n}\n', 2, 'wrong', /Unknown directive 'whoam'/],
    ['a word too many', '. {\n    loop x\n}\n', 2, 'wrong', /plugin\/loop: .*Wrong argument count/],
  ])('is told as what it is: %s', async (_, text, number, status, note) => {
    const lines = await linesOf(text);
    expect(lines[number - 1]).toMatchObject({ line: number, status, notes: [{ text: expect.stringMatching(note) }] });
    expect(lines.filter((line) => ['gone', 'missing', 'wrong'].includes(line.status))).toHaveLength(1);
  });

  it('in a snippet is told there, once', async () => {
    const text =
      '(common) {\n    errors\n    acl {\n        block\n    }\n}\na {\n    import common\n}\nb {\n    import common\n}\n';
    const lines = await linesOf(text);
    expect(lines.map(({ status }) => status)).toEqual([
      ...['ok', 'ok', 'missing', 'missing', 'missing', 'ok'],
      ...['ok', 'ok', 'ok', 'ok', 'ok', 'ok'],
    ]);
    expect(lines[2]?.notes).toHaveLength(1);
  });

  it('in an imported file is told under its name', async () => {
    writeFileSync(join(directory, 'part.conf'), '# a comment\nrewrite name a b\n');
    expect(await compat('. {\n    import part.conf\n    whoami\n}\n')).toBe(1);
    expect(io.out).toContain('\n/part.conf\n\n         1  # a comment\nmissing  2  rewrite name a b\n');
    expect(io.out).toContain('1 line that is not built: /part.conf:2 rewrite');
  });
});

describe('differences', () => {
  it('of options stand at their lines', async () => {
    const text =
      '. {\n  kubernetes a\n  cache 30 {\n    prefetch 2\n    serve_stale 1h verify\n  }\n  forward . 192.0.2.1 {\n    max_concurrent 1000\n    force_tcp\n  }\n}\n';
    expect(await statuses(text)).toEqual([
      ...['ok', 'ok', 'differs', 'differs', 'differs', 'ok'],
      ...['ok', 'ok', 'differs', 'ok', 'ok'],
    ]);
  });

  it('are not told where they do not apply', async () => {
    const text =
      '. {\n  cache 30 {\n    serve_stale 1h\n  }\n  loadbalance\n  forward . 192.0.2.1 {\n    max_concurrent 10\n  }\n}\n';
    expect(new Set(await statuses(text))).toEqual(new Set(['ok']));
  });

  it('of a template of node-cache stand in the template', async () => {
    const text =
      '.:53 {\n  bind __PILLAR__LOCAL__DNS__\n  forward . __PILLAR__CLUSTER__DNS__ {\n    force_tcp\n  }\n  template IN A x\n}\n';
    expect(await statuses(text)).toEqual(['ok', 'ok', 'differs', 'differs', 'ok', 'missing', 'ok']);
  });
});
