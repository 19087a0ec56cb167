/** What docs/proxy.md and the README say of the Service proxy holds. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COMMON_FLAGS, FIELDS } from '#proxy/config/fields.ts';
import { runCommand } from '../../src/cli/commands.ts';

const document = readFileSync('docs/proxy.md', 'utf8');

/** Lines of a table's row with this first cell, as the texts in backticks of each cell. */
const rowOf = (first: string): readonly (readonly string[])[] => {
  const row = document.split('\n').find((line) => line.startsWith(`| ${first}`));
  if (row === undefined) throw new Error(`no row "${first}"`);
  return row.split(' | ').map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text));
};

describe('the table of flags', () => {
  const start = document.indexOf('\n## Flags and configuration\n');
  const section = document.slice(start, document.indexOf('\n## ', start + 1));

  it('has every flag and every field there is', () => {
    const flags = new Set(FIELDS.flatMap(({ flag }) => (flag === undefined ? [] : [`--${flag}`])));
    for (const flag of flags) expect(section).toContain(`\`${flag}\``);
    for (const { path } of FIELDS) expect(section).toContain(`\`${path}\``);
    for (const { name } of COMMON_FLAGS) expect(section).toMatch(new RegExp(`\`--${name}[\` ]`));
  });

  it('has no other', () => {
    const known = [
      ...FIELDS.flatMap(({ flag, path }) => [`--${flag}`, path]),
      ...COMMON_FLAGS.map(({ name }) => `--${name}`),
      ...['--cleanup', '--init-only', '--write-config-to'],
    ];
    const words = [...section.matchAll(/`(--[a-z-]+|[a-zA-Z]+\.[a-zA-Z.]+)`/g)].map(([, word]) => word);
    expect(words.filter((word) => !known.includes(word as string))).toEqual([]);
  });

  it('says of each whether it does anything', () => {
    const unused = FIELDS.filter((field) => field.unused !== undefined).map(({ path }) => path);
    expect(rowOf('taken, without effect')[2]).toEqual(expect.arrayContaining(unused));
    const refused = FIELDS.filter((field) => field.refused !== undefined).map(({ path }) => path);
    expect([...(rowOf('refused')[2] ?? [])].sort()).toEqual(refused.sort());
  });
});

/** `$ cluster-dns proxy ...` of `console` blocks, each with what is shown below it. */
const consoleExamples = (file: string): readonly (readonly [command: string, shown: string])[] =>
  [...readFileSync(file, 'utf8').matchAll(/^```console\n(.*?)^```$/gms)].flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .filter((text) => /^(npx )?cluster-dns proxy /.test(text))
      .map((text) => {
        const end = text.indexOf('\n');
        return [text.slice(0, end).replace(/^npx /, ''), text.slice(end + 1)] as const;
      }),
  );

describe.each(['docs/proxy.md', 'README.md'])('the console examples of %s', (file) => {
  const examples = consoleExamples(file);

  it('are there', () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  it.each(examples)('%s prints what is shown', async (command, shown) => {
    let printed = '';
    const io = {
      stdout: (text: string) => {
        printed += text;
      },
      stderr: (text: string) => {
        printed += text;
      },
    };
    const [line = '', pipe] = command.split(' | ');
    await runCommand(line.split(' ').slice(1), io);
    expect(piped(printed, pipe)).toBe(shown);
  });
});

/** The few commands that an example may end with. */
const piped = (text: string, command: string | undefined): string => {
  if (command === undefined) return text;
  const [, pattern] = /^grep (\S+)$/.exec(command) ?? [];
  if (pattern !== undefined)
    return `${text
      .split('\n')
      .filter((line) => line.includes(pattern))
      .join('\n')}\n`;
  throw new Error(`no example may end with: ${command}`);
};
