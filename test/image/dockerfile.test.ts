/** What can be said of the Dockerfile without building it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { outcome } from '#test/command.ts';
import { missing, titled } from '../root/needs.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const dockerfile = read('Dockerfile');
const reason = await missing('hadolint', ['hadolint']);

describe('the Dockerfile', () => {
  it('has the base by tag, and by nothing that only one registry has', () => {
    expect(/^ARG NODE_IMAGE=(.*)$/m.exec(dockerfile)?.[1]).toMatch(/^node:\d+-bookworm-slim$/);
    expect(dockerfile).not.toContain('sha256:');
  });

  it('ends with the target that is built where none is asked for', () => {
    const stages = [...dockerfile.matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, name]) => name);
    expect(stages.slice(-2)).toEqual(['node', 'dns']);
  });

  it('gets no more of a checkout than it names', () => {
    const lines = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines[0]).toBe('*');
    for (const part of ['.git', 'node_modules', 'dist', 'test']) expect(lines).not.toContain(`!${part}`);
  });

  it.skipIf(reason !== '')(titled('has no fault that hadolint finds', reason), async () => {
    expect(await outcome('hadolint', ['-'], { stdin: dockerfile })).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});
