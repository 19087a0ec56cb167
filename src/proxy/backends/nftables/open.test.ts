import { describe, expect, it } from 'vitest';
import { CommandError, type CommandResult, type Run } from '#netfilter/run.ts';
import { openWriter } from './open.ts';
import { removeTables } from './remove.ts';

const good = (stdout = ''): CommandResult => ({ exitCode: 0, stdout, stderr: '' });
const bad = (stderr: string): CommandResult => ({ exitCode: 1, stdout: '', stderr });
const textOf = (input: string | Iterable<string> = ''): string =>
  typeof input === 'string' ? input : [...input].join('');

/** A machine where dry runs come to this. */
const open = (version: string, dryRun: (text: string) => CommandResult) => {
  const run: Run = async (_, args, input) =>
    args.includes('--version') ? good(`nftables ${version} (name)`) : dryRun(textOf(input));
  const lines: string[] = [];
  const note = (line: string): void => void lines.push(line);
  const log = { debug: note, info: note, warning: note, error: note };
  return { writer: openWriter({ family: 'IPv4', run, log, now: () => 0 }, 'map-only'), lines };
};

describe('opening the nftables writer', () => {
  it('puts Services into maps where a dry run of that succeeds', async () => {
    const texts: string[] = [];
    const { writer } = open('v1.0.6', (text) => {
      texts.push(text);
      return good();
    });
    expect((await writer).layout).toBe('map-only');
    expect(texts.join()).not.toMatch(/kube-proxy\b(?!-probe)(?!")/);
  });
  it('makes a chain for each Service where maps of endpoints are refused', async () => {
    const { writer, lines } = open('v1.0.2', (text) => (text.includes('typeof') ? bad('Error: syntax error') : good()));
    expect((await writer).layout).toBe('per-service');
    expect(lines.join()).toContain('Error: syntax error');
  });
  it('says what is needed where the tables may not be touched', async () => {
    const { writer } = open('v1.0.6', () => bad('Operation not permitted (you must be root)\nnetlink: Error'));
    await expect(writer).rejects.toThrow(/not permitted.*needs root, or the capability NET_ADMIN/);
  });
  it('names the version that is needed where nft is too old', async () => {
    await expect(open('v0.9.8', () => good()).writer).rejects.toThrow(
      'nft: version 0.9.8 is too old: install nftables 1.0.1 or later',
    );
  });
  it('says what to install where there is no nft, and has nothing to remove then', async () => {
    const run: Run = async () => {
      throw new CommandError('nft', null, 'nft: not found on the path', Object.assign(new Error(), { code: 'ENOENT' }));
    };
    const note = (): void => undefined;
    const log = { debug: note, info: note, warning: note, error: note };
    await expect(openWriter({ family: 'IPv4', run, log, now: () => 0 }, 'map-only')).rejects.toThrow(
      'nft: not found on the path: install nftables 1.0.1 or later',
    );
    await expect(removeTables(run)).resolves.toBeUndefined();
  });
  it('guesses why nft crashes', async () => {
    const run: Run = async () => {
      throw new CommandError('nft', null, 'nft: ended by SIGSEGV');
    };
    await expect(removeTables(run)).rejects.toThrow(/a later version of nft may have made a table/);
  });
});
