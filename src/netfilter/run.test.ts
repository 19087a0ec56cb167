import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '#test/until.ts';
import { CommandError, runCommand, startAhead } from './run.ts';

describe('startAhead', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-dns-run-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** A command that notes its start, and says what it read; processes that have started, by file. */
  const noting = (name: string): { readonly args: string[]; readonly started: () => number[] } => {
    const file = join(directory, name);
    const started = (): number[] => readFileSync(file, 'utf8').trim().split('\n').map(Number);
    return { args: ['-c', `echo $$ >> ${file}; cat`], started };
  };

  it('has the next one started before its input comes', async () => {
    const { args, started } = noting('next');
    const run = startAhead('sh', args);
    const first = await run('sh', args, 'one');
    expect(first).toMatchObject({ exitCode: 0, stdout: 'one', pid: started()[0] });
    await until(() => started().length === 2);
    const second = await run('sh', args, ['tw', 'o']);
    expect(second).toMatchObject({ exitCode: 0, stdout: 'two', pid: started()[1] });
  });

  it('takes another where the one that waited was ended', async () => {
    const { args, started } = noting('ended');
    const run = startAhead('sh', args);
    await run('sh', args, 'one');
    await until(() => started().length === 2);
    const waiting = started()[1] as number;
    process.kill(waiting, 'SIGKILL');
    await until(() => isGone(waiting));
    expect(await run('sh', args, 'two')).toMatchObject({ exitCode: 0, stdout: 'two' });
  });

  it('runs other command lines as they come', async () => {
    const { args } = noting('other');
    expect(await startAhead('sh', args)('echo', ['here'])).toMatchObject({ exitCode: 0, stdout: 'here\n' });
  });

  it('says each time that the command is not there', async () => {
    const run = startAhead('no-such-command', []);
    for (let i = 0; i < 2; i++)
      await expect(run('no-such-command', [], 'text')).rejects.toThrow('not found on the path');
  });
});

describe('runCommand', () => {
  it('gives the exit code and what was said', async () => {
    expect(await runCommand('sh', ['-c', 'echo no >&2; exit 3'])).toMatchObject({
      exitCode: 3,
      stdout: '',
      stderr: 'no\n',
    });
  });

  it('rejects where a signal ended it', async () => {
    await expect(runCommand('sh', ['-c', 'kill -9 $$'])).rejects.toThrow(CommandError);
  });
});

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};
