import { describe, expect, it } from 'vitest';
import { runServe } from './serve.ts';

describe('the server, on its command line', () => {
  it('refuses a directory of manifests that is not there, and starts nothing', async () => {
    const stderr: string[] = [];
    const io = { stdout: () => undefined, stderr: (text: string) => void stderr.push(text) };
    expect(await runServe(['-conf', 'Corefile.example', '-manifests', 'examples', '-manifests', 'exampels'], io)).toBe(
      1,
    );
    expect(stderr).toEqual(['-manifests: exampels is not a directory\n']);
  });
});
