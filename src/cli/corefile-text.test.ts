import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileFault, findCorefile } from './corefile-text.ts';

describe('the Corefile', () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'corefile-text-'));
    file = join(directory, 'Corefile');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is read anew each time', async () => {
    writeFileSync(file, '. {\n}\n');
    const corefile = await findCorefile(file, 53);
    writeFileSync(file, 'example.org {\n}\n');
    expect(await corefile.read()).toBe('example.org {\n}\n');
    expect(corefile.file).toBe(file);
  });

  it.each([
    '',
    '\n \t\r\n',
    '# nothing yet\n  # nor here',
  ])('is the built-in one where %j says nothing', async (text) => {
    writeFileSync(file, text);
    expect(await (await findCorefile(file, 1053)).read()).toBe('.:1053 {\nwhoami\nlog\n}\n');
  });

  it('is told in the words of the system where it can not be read', async () => {
    const faultOf = (path: string): Promise<string> =>
      findCorefile(path, 53).then(
        () => '',
        (error: NodeJS.ErrnoException) => fileFault(path, error),
      );
    expect(await faultOf(file)).toBe(`open ${file}: no such file or directory`);
    expect(await faultOf(directory)).toBe(`read ${directory}: is a directory`);
  });
});
