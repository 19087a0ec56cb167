/** `cluster-dns check` with dumps that were damaged on their way: it ends with 0 or 1 and says something, whatever it is given. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from '../../src/cli/commands.ts';

const FOLDER = 'test/cli/corefiles';
const texts = readdirSync(FOLDER).map((file) => readFileSync(join(FOLDER, file), 'utf8'));
const PIECES = [
  '{',
  '}',
  '"',
  "'",
  '\t',
  '#',
  ':',
  '- ',
  '|',
  '>',
  '\r\n',
  '\u0000',
  '\ufeff',
  '---\n',
  '__PILLAR__DNS__DOMAIN__',
];
const WORDS = [
  'import custom/*',
  '{$X}',
  'rewrite',
  '&a ',
  '*a',
  '𝔘',
  '\n\n',
  'binaryData:\n',
  'items:\n',
  'Corefile: |\n',
];

type Edit = readonly [at: number, take: number, piece: string];
const edits = fc.array(fc.tuple(fc.nat(3000), fc.nat(40), fc.constantFrom('', ...PIECES, ...WORDS)), { maxLength: 5 });

const edited = (text: string, list: readonly Edit[]): string =>
  list.reduce((now, [at, take, piece]) => {
    const start = at % (now.length + 1);
    return now.slice(0, start) + piece + now.slice(start + take);
  }, text);

interface Report {
  readonly ok: boolean;
  readonly corefiles: readonly {
    readonly ok: boolean;
    readonly compatibility: {
      readonly texts: readonly { readonly lines: readonly { readonly status: string }[] }[];
      readonly faults?: readonly unknown[];
    };
  }[];
}

/** A Corefile fits where no line of it is said not to. */
const expectAgreement = ({ ok, corefiles }: Report, code: number): void => {
  expect(ok).toBe(code === 0);
  for (const { ok: fits, compatibility } of corefiles) {
    const statuses = compatibility.texts.flatMap(({ lines }) => lines.map(({ status }) => status));
    const isBad = statuses.some((status) => ['missing', 'gone', 'wrong'].includes(status));
    expect(isBad || compatibility.faults !== undefined).toBe(!fits);
  }
};

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-check-mutations-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

it.each([['plain'], ['--compat'], ['-o json --compat']])('is told what is wrong with it: %s', async (flags) => {
  const file = join(directory, 'input');
  const args = flags === 'plain' ? [] : flags.split(' ');
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...texts), edits, async (text, list) => {
      writeFileSync(file, edited(text, list));
      let printed = '';
      const print = (part: string) => {
        printed += part;
      };
      const code = await runCommand(['check', ...args, file], { stdout: print, stderr: print });
      expect([0, 1]).toContain(code);
      expect(printed).not.toBe('');
      // Nothing of the file may write into the terminal.
      expect(printed.replace(/[\n\t]/g, '')).not.toMatch(/\p{Cc}/u);
      if (flags.includes('json')) expectAgreement(JSON.parse(printed), code);
    }),
    { numRuns: 150 },
  );
});
