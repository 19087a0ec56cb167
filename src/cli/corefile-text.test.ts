import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileFault, findCorefile } from './corefile-text.ts';

let directory: string;
const cwd = process.cwd();
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-corefile-'));
  process.chdir(directory);
});
afterEach(() => {
  process.chdir(cwd);
  rmSync(directory, { recursive: true });
});

describe('the Corefile', () => {
  it('is the one in the working directory where none is named', async () => {
    writeFileSync('Corefile', '. {\n}\n');
    const found = await findCorefile('', 53);
    expect([found.file, found.name, await found.read()]).toEqual(['Corefile', 'Corefile', '. {\n}\n']);
  });

  it('is read anew each time, for a reload', async () => {
    writeFileSync('mine', 'a {\n}\n');
    const found = await findCorefile('mine', 53);
    writeFileSync('mine', 'b {\n}\n');
    expect(await found.read()).toBe('b {\n}\n');
  });

  it('is the built-in one, on the default port, where there is none', async () => {
    const found = await findCorefile('', 1053);
    expect([found.file, await found.read()]).toEqual([null, '.:1053 {\nwhoami\nlog\n}\n']);
  });

  it('is the built-in one too where the file says nothing', async () => {
    writeFileSync('Corefile', '\n  # nothing\n\n');
    expect(await (await findCorefile('', 53)).read()).toContain('whoami');
  });

  it('is missed where it was named', async () => {
    const error = await findCorefile('none', 53).catch((reason: NodeJS.ErrnoException) => reason);
    expect(fileFault('none', error as NodeJS.ErrnoException)).toBe('open none: no such file or directory');
  });
});

describe('the fault of a file', () => {
  it('is in the words of the system where they are known, else in those of Node.js', () => {
    const fault = (code: string, syscall: string) => Object.assign(new Error(`${code}: odd`), { code, syscall });
    expect(fileFault('x', fault('EACCES', 'open'))).toBe('open x: permission denied');
    expect(fileFault('x', fault('EISDIR', 'read'))).toBe('read x: is a directory');
    expect(fileFault('x', fault('EMFILE', 'open'))).toBe('EMFILE: odd');
  });
});
