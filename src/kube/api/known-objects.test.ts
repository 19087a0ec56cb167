import { describe, expect, it } from 'vitest';
import { projectService } from '../objects/service.ts';
import type { Change, KubeObject } from '../source.ts';
import { KnownObjects } from './known-objects.ts';

const service = (name: string, resourceVersion: string): KubeObject =>
  projectService({ metadata: { name, namespace: 'shop', resourceVersion } }) as KubeObject;

const recorded = (): { known: KnownObjects; changes: string[] } => {
  const changes: string[] = [];
  const say = (change: Change): void => {
    const { name, version } =
      change.type === 'set'
        ? { name: change.object.name, version: change.object.resourceVersion }
        : { name: change.name, version: '' };
    changes.push(`${change.type} ${name} ${version}`.trim());
  };
  return { known: new KnownObjects('Service', say), changes };
};

describe('KnownObjects', () => {
  it('gives of a second list only what is new, different or gone', async () => {
    const { known, changes } = recorded();
    for (const name of ['a', 'b', 'c']) known.set(service(name, '1'));
    changes.length = 0;
    const relist = known.relist();
    relist.set(service('a', '1'));
    relist.set(service('b', '2'));
    relist.set(service('d', '3'));
    expect(changes).toEqual(['set b 2', 'set d 3']);
    await relist.finish();
    expect(changes).toEqual(['set b 2', 'set d 3', 'delete c']);
  });

  it('deletes nothing when a list fails half-way, and knows what it gave', async () => {
    const { known, changes } = recorded();
    known.set(service('a', '1'));
    known.relist().set(service('b', '2'));
    changes.length = 0;
    const relist = known.relist();
    relist.set(service('b', '2'));
    await relist.finish();
    expect(changes).toEqual(['delete a']);
  });

  it('says nothing of the deletion of what it never gave', () => {
    const { known, changes } = recorded();
    known.delete('shop', 'a');
    expect(changes).toEqual([]);
  });

  it('takes over what an earlier run knew, so that a list is a difference to it', async () => {
    const { known, changes } = recorded();
    for (const name of ['a', 'b', 'c']) known.restore(service(name, '1'));
    expect(changes).toEqual(['set a 1', 'set b 1', 'set c 1']);
    changes.length = 0;
    const relist = known.relist();
    relist.set(service('a', '1'));
    relist.set(service('b', '2'));
    await relist.finish();
    expect(changes).toEqual(['set b 2', 'delete c']);
    expect([...known.objects()].map(({ name, resourceVersion }) => `${name} ${resourceVersion}`)).toEqual([
      'a 1',
      'b 2',
    ]);
  });

  it('prefers what a list has given, and takes nothing over once a list was whole', async () => {
    const { known, changes } = recorded();
    const relist = known.relist();
    relist.set(service('a', '2'));
    known.restore(service('a', '1'));
    known.restore(service('gone', '1'));
    const finished = relist.finish();
    known.restore(service('late', '1'));
    await finished;
    known.restore(service('later', '1'));
    expect(changes).toEqual(['set a 2', 'set gone 1', 'delete gone']);
  });
});
