/** The command line in this process: what each subcommand prints and how it ends. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PLUGINS } from '#plugins/index.ts';
import { CapturedIo } from '#test/captured-io.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { runCommand } from '../../src/cli/commands.ts';
import { UNBUILT_COMMANDS, UsageError } from '../../src/cli/flags.ts';

let directory: string;
let io: CapturedIo;
const run = (...args: string[]): Promise<number> => runCommand(args, io);
const write = (text: string): string => {
  const file = join(directory, 'Corefile');
  writeFileSync(file, text);
  return file;
};
const piped = (...parts: readonly string[]): typeof process.stdin =>
  Readable.from(parts.map((part) => Buffer.from(part))) as unknown as typeof process.stdin;
/** The way a command line was refused. */
const refusal = async (...args: string[]): Promise<UsageError> => {
  const error = await run(...args).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof UsageError)) throw new Error(`expected a UsageError, found ${String(error)}`);
  return error;
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-cli-'));
  io = new CapturedIo();
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('cluster-dns check', () => {
  it('is content with a good Corefile and starts nothing: a port that is taken does not matter', async () => {
    const file = write('. {\n    health 127.0.0.1:1\n    whoami\n}\n');
    expect(await run('check', file)).toBe(0);
    expect([io.out, io.err]).toEqual([`${file}: OK\n`, '']);
  });

  it('is content with the example that everyone starts from', async () => {
    expect(await run('check', 'Corefile.example')).toBe(0);
  });

  it('prints every fault at once with its place, its line, a caret and a hint, and ends with 1', async () => {
    const file = write('. {\n    kuberntes cluster.local\n    cache {\n        sucess 10\n    }\n    forward .\n}\n');
    expect(await run('check', file)).toBe(1);
    expect(io.out).toBe('');
    expect(io.err.match(/^\S.*$/gm)).toEqual([
      `${file}:2:5: Error during parsing: Unknown directive 'kuberntes'`,
      `${file}:4:9: plugin/cache: Error during parsing: Wrong argument count or unexpected line ending after 'sucess'`,
      `${file}:6:13: plugin/forward: Error during parsing: Wrong argument count or unexpected line ending after '.'`,
    ]);
    const lines = io.err.split('\n');
    const at = lines.findIndex((line) => line.endsWith('    kuberntes cluster.local'));
    expect(lines[at + 1]?.indexOf('^')).toBe(lines[at]?.indexOf('kuberntes'));
    expect(io.err).toContain('did you mean "kubernetes"?');
    expect(io.err).toContain('did you mean "success"?');
  });

  it('prints warnings and is content all the same', async () => {
    const file = write('. {\n    kubernetes cluster.local a..b\n}\n');
    expect(await run('check', file)).toBe(0);
    expect(io.err).toContain(`${file}:2:30: warning: plugin/kubernetes: "a..b" is not a zone and is ignored`);
  });

  it('names a fault in an imported file there, and the import', async () => {
    const part = join(directory, 'part.conf');
    writeFileSync(part, 'whoam\n');
    const file = write('. {\n    import part.conf\n}\n');
    expect(await run('check', file)).toBe(1);
    expect(io.err).toContain(`${part}:1:1: Error during parsing: Unknown directive 'whoam'`);
    expect(io.err).toContain(`${file}:2:`);
  });

  it('says why a file can not be read', async () => {
    expect(await run('check', join(directory, 'none'))).toBe(1);
    expect(io.err).toBe(`loading Corefile: open ${join(directory, 'none')}: no such file or directory\n`);
    io.err = '';
    expect(await run('check', directory)).toBe(1);
    expect(io.err).toBe(`loading Corefile: read ${directory}: is a directory\n`);
  });

  it('reads standard input where the file is called so', async () => {
    const input = vi.spyOn(process, 'stdin', 'get');
    input.mockReturnValue(piped('. {\n    who', 'ami\n}\n'));
    expect(await run('check', 'stdin')).toBe(0);
    input.mockReturnValue(piped('. {\n    whoam\n}\n'));
    expect(await run('check', 'stdin')).toBe(1);
    input.mockRestore();
    expect(io.out).toBe('stdin: OK\n');
    expect(io.err).toContain("stdin:2:5: Error during parsing: Unknown directive 'whoam'");
  });

  it('wants one file', async () => {
    expect(await refusal('check')).toMatchObject({
      message: 'usage: cluster-dns check [--compat] [-o text|json] FILE',
      exitCode: 2,
    });
    expect((await refusal('check', 'a', 'b')).exitCode).toBe(2);
  });
});

describe('what is printed without serving', () => {
  it('-version gives the version and the platform in two lines', async () => {
    for (const flag of ['-version', '--version', '-version=true']) {
      io.out = '';
      expect(await run(flag)).toBe(0);
      expect(io.out).toMatch(new RegExp(`^cluster-dns-${packageJson.version}\\n\\w+/\\w+, node[\\d.]+, \\w*\\n$`));
    }
  });

  it('-plugins lists what is built, each on a line of its own, and nothing that is not', async () => {
    expect(await run('-plugins')).toBe(0);
    const built = PLUGINS.filter((plugin) => !('unbuilt' in plugin)).map(({ name }) => name);
    expect(io.out).toBe(`${built.sort().join('\n')}\n`);
    expect(io.out).not.toContain('rewrite');
  });

  it('help explains every subcommand and flag', async () => {
    expect(await run('help')).toBe(0);
    for (const word of ['check', 'manifests', 'pod', '-conf', '-dns.port', '-quiet']) expect(io.out).toContain(word);
    expect(await refusal('-h')).toMatchObject({ message: '', exitCode: 0 });
    const flags = [...readFileSync('README.md', 'utf8').matchAll(/`(-[a-z.-]+)[ `=]/g)].map(([, flag]) => flag);
    expect(flags).toContain('-conf');
    for (const flag of flags) expect(io.out).toContain(flag);
  });
});

describe('a command line that can not be used', () => {
  it('is refused as CoreDNS does: 2 for an unknown flag, 1 for words that are left over', async () => {
    expect(await refusal('-cpu', '1')).toMatchObject({ message: 'flag provided but not defined: -cpu', exitCode: 2 });
    expect(await refusal('chek', 'Corefile')).toMatchObject({
      message: 'extra command line arguments: [chek Corefile]',
      exitCode: 1,
    });
  });

  it.each([...UNBUILT_COMMANDS])('says that %s is not built yet and what to do', async (command, wayOut) => {
    expect(await refusal(command, '-x')).toMatchObject({
      message: `cluster-dns ${command} is not built yet: ${wayOut}`,
      exitCode: 1,
    });
  });

  it('ends with 1 where the Corefile that it names is not there', async () => {
    const file = join(directory, 'none');
    expect(await run('-conf', file)).toBe(1);
    expect(io.err).toBe(`loading Corefile: open ${file}: no such file or directory\n`);
  });
});
