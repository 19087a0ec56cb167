/** docs/errors.md lists every stable code there is, and no other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const sources = ['src', 'plugins']
  .flatMap((top) => readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' }).map((file) => join(top, file)))
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));

/** Codes of error classes: a field `code = '...'`, or the members of a type named `...ErrorCode`. */
const codesOf = (text: string): string[] => [
  ...[...text.matchAll(/readonly code = '([^']+)'/g)].map(([, code = '']) => code),
  ...[...text.matchAll(/^export type \w+ErrorCode =([^;]+);/gm)].flatMap(([, members = '']) =>
    [...members.matchAll(/'([\w-]+)'/g)].map(([, code = '']) => code),
  ),
];

describe('docs/errors.md', () => {
  const codes = new Map(
    sources.flatMap((file) => codesOf(readFileSync(join(ROOT, file), 'utf8')).map((code) => [code, file] as const)),
  );
  const rows = [...readFileSync(join(ROOT, 'docs/errors.md'), 'utf8').matchAll(/^\| `([\w-]+)` \| `([^`]+)` \|/gm)];

  it('has each code once, with the place that it is from', () => {
    expect(rows.map(([, code]) => code).sort()).toEqual([...codes.keys()].sort());
    for (const [, code = '', place = ''] of rows) expect(codes.get(code)).toMatch(new RegExp(`^${place}/`));
  });

  it('leaves no error class with a code out of sight of this test', () => {
    const classes = sources.filter((file) =>
      /^export class \w+ extends Error/m.test(readFileSync(join(ROOT, file), 'utf8')),
    );
    for (const file of classes)
      expect([file, /readonly code\b/.test(readFileSync(join(ROOT, file), 'utf8'))]).toEqual([file, true]);
    expect(codes.size).toBeGreaterThan(15);
  });
});
