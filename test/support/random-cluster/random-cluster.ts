import fc from 'fast-check';
import { projectNode } from '#kube/objects/node.ts';
import { projectServiceCidr } from '#kube/objects/service-cidr.ts';
import type { Change, KubeObject } from '#kube/source.ts';
import { pick, RANDOM_NODE } from './pick.ts';
import { randomService } from './random-service.ts';
import { randomSlice } from './random-slice.ts';

export { RANDOM_NODE } from './pick.ts';

const node = fc
  .record({
    metadata: fc.record({
      name: pick(RANDOM_NODE, 'neighbour', 'there'),
      labels: pick({}, { 'topology.kubernetes.io/zone': 'z1' }, { 'topology.kubernetes.io/zone': 'z2' }),
    }),
    status: pick({}, { addresses: [{ type: 'InternalIP', address: '192.168.0.2' }] }),
  })
  .map((raw) => projectNode(raw) as KubeObject);

const cidr = pick('one', 'two').map(
  (name) =>
    projectServiceCidr({
      metadata: { name },
      spec: { cidrs: ['172.30.0.0/16', 'fd00:172:30::/112'] },
    }) as KubeObject,
);

const object = fc.oneof(
  { weight: 8, arbitrary: randomService },
  { weight: 12, arbitrary: randomSlice },
  { weight: 2, arbitrary: node },
  { weight: 1, arbitrary: cidr },
);

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: object.map((one): Change => ({ type: 'set', object: one })) },
  {
    weight: 1,
    arbitrary: object.map(({ kind, namespace, name }): Change => ({ type: 'delete', kind, namespace, name })),
  },
);

/**
 * Changes of a small cluster: a handful of names, addresses and ports, so that Services meet over an entry, slices over an endpoint, and
 * objects come, change and go. Both families.
 */
export const randomChanges = (maxLength = 40): fc.Arbitrary<readonly Change[]> =>
  fc.array(change, { minLength: 1, maxLength, size: 'max' });

/** The same in steps, as an agent sees them: a cluster, then a few changes at a time. */
export const randomSteps = (maxSteps = 8, maxLength = 5): fc.Arbitrary<readonly (readonly Change[])[]> =>
  fc
    .tuple(randomChanges(), fc.array(randomChanges(maxLength), { maxLength: maxSteps - 1, size: 'max' }))
    .map(([first, others]) => [first, ...others]);

/** What is left after changes. */
export const objectsAfter = (changes: readonly Change[]): readonly KubeObject[] => {
  const left = new Map<string, KubeObject>();
  for (const change of changes) {
    const { kind, namespace, name } = change.type === 'set' ? change.object : change;
    if (change.type === 'set') left.set(`${kind} ${namespace}/${name}`, change.object);
    else left.delete(`${kind} ${namespace}/${name}`);
  }
  return [...left.values()];
};
