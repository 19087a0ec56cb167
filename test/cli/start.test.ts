/** The program's door, before anything else of it is loaded. */
import { describe, expect, it } from 'vitest';
import { outcome } from '#test/command.ts';
import { PROGRAM } from '#test/process.ts';

/** The program, which takes this Node.js for another version. */
const startedBy = (version: string) => {
  const pretends = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`;
  return outcome(process.execPath, ['--import', `data:text/javascript,${pretends}`, PROGRAM, '-version']);
};

describe('cluster-dns', () => {
  it.each([
    '14.21.3',
    '18.20.8',
    '20.19.9',
  ])('tells Node.js %s which one it needs, and ends with 1', async (version) => {
    expect(await startedBy(version)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `cluster-dns needs Node.js 20.20 or newer, and this is ${version} (${process.execPath})\n`,
    });
  });

  it.each(['20.20.0', '22.0.0', '100.1.0'])('starts with Node.js %s', async (version) => {
    expect(await startedBy(version)).toMatchObject({ code: 0, stderr: '' });
  });
});
