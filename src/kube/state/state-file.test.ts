import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { projectService } from '../objects/service.ts';
import type { KubeObject } from '../source.ts';
import { readStateFile } from './read-state.ts';
import { writeStateFile } from './write-state.ts';

const CLUSTER = '{"server":"https://192.0.2.1:6443"}';
const header = { cluster: CLUSTER, savedAtMs: 1_700_000_000_000 };
const service = (name: string): KubeObject =>
  projectService({ metadata: { name, namespace: 'shop', resourceVersion: '1' } }) as KubeObject;

let directory = '';
let file = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cluster-dns-state-'));
  file = join(directory, 'state');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const names = async (): Promise<string[]> => {
  const loaded = await readStateFile(file, CLUSTER);
  return loaded.kind === 'state' ? loaded.objects.map(({ name }) => name) : [loaded.kind];
};

describe('a state file', () => {
  it('is there whole, for its owner alone, and nothing else is', async () => {
    const bytes = await writeStateFile(file, header, [service('a'), service('b')]);
    expect(await names()).toEqual(['a', 'b']);
    const { size, mode } = await stat(file);
    expect([size, mode & 0o777]).toEqual([bytes, 0o600]);
    await writeStateFile(file, header, [service('c')]);
    expect(await names()).toEqual(['c']);
    expect(await readdir(directory)).toEqual(['state']);
  });

  it('stays as it was where a new one does not come to its end', async () => {
    await writeStateFile(file, header, [service('a')]);
    function* failing(): Generator<KubeObject> {
      for (let i = 0; i < 5000; i++) yield service(`b-${i}`);
      throw new Error('no more');
    }
    await expect(writeStateFile(file, header, failing())).rejects.toThrow('no more');
    expect(await names()).toEqual(['a']);
    expect(await readdir(directory)).toEqual(['state']);
  });

  it('lets other work have its turn while it is written and read, also when that changes the objects', async () => {
    const all = new Map(Array.from({ length: 20_000 }, (_, i) => [`svc-${i}`, service(`svc-${i}`)]));
    let turns = 0;
    let isDone = false;
    const count = async (): Promise<void> => {
      while (!isDone) {
        await nextTurn();
        turns++;
        all.delete(`svc-${turns}`);
      }
    };
    const counting = count();
    await writeStateFile(file, header, all.values());
    expect(turns).toBeGreaterThan(20);
    turns = 0;
    expect((await names()).length).toBeGreaterThan(1000);
    expect(turns).toBeGreaterThan(5);
    isDone = true;
    await counting;
  });

  it('clears away what a killed process left, and nothing of a living one or of anybody else', async () => {
    const old = new Date(Date.now() - 120_000);
    const mine = ['state.0123456789ab.tmp', 'state.ba9876543210.tmp', 'state.tmp', 'other.0123456789ab.tmp'];
    for (const name of mine) await writeFile(join(directory, name), '');
    for (const name of [mine[0], mine[2], mine[3]]) await utimes(join(directory, name as string), old, old);
    await writeStateFile(file, header, []);
    expect(await readdir(directory)).toEqual([
      'other.0123456789ab.tmp',
      'state',
      'state.ba9876543210.tmp',
      'state.tmp',
    ]);
  });

  it('is absent, or of no use with a reason, and never a throw', async () => {
    expect(await readStateFile(file, CLUSTER)).toEqual({ kind: 'absent' });
    expect(await readStateFile(join(directory, 'none', 'state'), CLUSTER)).toEqual({ kind: 'absent' });
    await mkdir(file);
    expect(await readStateFile(file, CLUSTER)).toEqual({ kind: 'unusable', reason: 'it is no regular file' });
    await symlink('loop', join(directory, 'loop'));
    expect(await readStateFile(join(directory, 'loop'), CLUSTER)).toMatchObject({
      kind: 'unusable',
      reason: expect.stringMatching(/^it can't be read: ELOOP/),
    });
    await expect(writeStateFile(join(directory, 'none', 'state'), header, [])).rejects.toThrow('ENOENT');
  });

  it('is text that can be looked at', async () => {
    await writeStateFile(file, header, [service('a')]);
    const [first = '', second = ''] = (await readFile(file, 'utf8')).split('\n');
    expect(JSON.parse(first)).toEqual({
      format: 'cluster-dns state',
      version: 1,
      cluster: { server: 'https://192.0.2.1:6443' },
      savedAt: '2023-11-14T22:13:20.000Z',
    });
    expect(JSON.parse(second)).toMatchObject({ kind: 'Service', metadata: { namespace: 'shop', name: 'a' } });
  });
});
