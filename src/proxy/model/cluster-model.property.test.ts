import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '#kube/source.ts';
import { runs } from '#test/property-runs.ts';
import { objectsAfter, RANDOM_NODE, randomChanges, randomSteps } from '#test/random-cluster/random-cluster.ts';
import type { IpFamily } from '../rule-options.ts';
import { addressAndPort } from './address.ts';
import { entriesOf } from './claims.ts';
import { ClusterModel } from './cluster-model.ts';
import type { Endpoint, ServicePort, ServicePorts } from './service-port.ts';

const FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6'];

const portsFromScratch = (objects: readonly KubeObject[], family: IpFamily): ServicePorts => {
  const model = new ClusterModel({ nodeName: RANDOM_NODE });
  for (const object of objects) model.apply({ type: 'set', object });
  return model.take(family).ports;
};

const byKey = (ports: ServicePorts): Record<string, ServicePort> =>
  Object.fromEntries([...ports].sort(([a], [b]) => (a < b ? -1 : 1)));

/** Texts are compared first, as that is much faster. */
const expectSame = (ports: Record<string, ServicePort>, wanted: Record<string, ServicePort>): void => {
  if (JSON.stringify(ports) !== JSON.stringify(wanted)) expect(ports).toEqual(wanted);
};

const texts = (endpoints: readonly Endpoint[]): string[] =>
  endpoints.map(({ address, port }) => addressAndPort(address, port));

const isSortedAndUnique = (list: readonly string[]): boolean =>
  list.every((text, index) => index === 0 || (list[index - 1] as string) < text);

describe('ServicePorts of random clusters', () => {
  it('are the same whatever way the objects came, and changed keys are those that differ', () => {
    fc.assert(
      fc.property(randomSteps(), (steps) => {
        const model = new ClusterModel({ nodeName: RANDOM_NODE });
        const before = new Map<IpFamily, Record<string, ServicePort>>();
        for (const [index, changes] of steps.entries()) {
          for (const change of changes) model.apply(change);
          const objects = objectsAfter(steps.slice(0, index + 1).flat());
          for (const family of FAMILIES) {
            const { ports, changed, noLocalEndpoints } = model.take(family);
            const now = byKey(ports);
            expectSame(now, byKey(portsFromScratch(objects, family)));
            const old = before.get(family) ?? {};
            const keys = new Set([...Object.keys(old), ...Object.keys(now)]);
            const isChanged = (key: string): boolean => JSON.stringify(old[key]) !== JSON.stringify(now[key]);
            expect([...changed].sort()).toEqual([...keys].filter(isChanged).sort());
            const all = Object.values(now);
            expect(noLocalEndpoints).toEqual({
              internal: all.filter((port) => port.internalPolicy === 'Local' && port.internal === 'drop').length,
              external: all.filter((port) => port.externalPolicy === 'Local' && port.external === 'drop').length,
            });
            before.set(family, now);
          }
        }
      }),
      runs(40),
    );
  });

  it('are the same in whatever order the objects are listed', () => {
    const shuffled = randomChanges()
      .map(objectsAfter)
      .chain((objects) =>
        fc.tuple(fc.constant(objects), fc.shuffledSubarray([...objects], { minLength: objects.length })),
      );
    fc.assert(
      fc.property(shuffled, ([objects, others]) => {
        for (const family of FAMILIES)
          expectSame(byKey(portsFromScratch(others, family)), byKey(portsFromScratch(objects, family)));
      }),
      runs(40),
    );
  });

  it('share no entry, and are what their fields say', () => {
    fc.assert(
      fc.property(randomChanges(), (changes) => {
        for (const family of FAMILIES) {
          const ports = portsFromScratch(objectsAfter(changes), family);
          const entries = [...ports.values()].flatMap(entriesOf);
          expect(new Set(entries).size).toBe(entries.length);
          for (const [key, port] of ports) expect([key, faultsOf(port)]).toEqual([port.key, []]);
        }
      }),
      runs(40),
    );
  });
});

/** What a reader of a ServicePort may rely on, and does not hold. */
const faultsOf = (port: ServicePort): string[] => {
  const { clusterEndpoints, localEndpoints, internal, external, internalPolicy, externalPolicy, hasEndpoints } = port;
  const hasExternal = port.nodePort !== 0 || port.externalIPs.length > 0 || port.loadBalancerIPs.length > 0;
  const of = (policy: ServicePort['internalPolicy']): readonly Endpoint[] =>
    policy === 'Local' ? localEndpoints : clusterEndpoints;
  const rules: Readonly<Record<string, boolean>> = {
    'lists are sorted, each text once':
      [port.externalIPs, port.loadBalancerIPs, port.sourceRanges].every(isSortedAndUnique) &&
      [texts(clusterEndpoints), texts(localEndpoints)].every(isSortedAndUnique),
    'local endpoints are local': localEndpoints.every(({ isLocal }) => isLocal),
    'balance has endpoints': internal !== 'balance' || of(internalPolicy).length > 0,
    'balance outside has endpoints': external !== 'balance' || of(externalPolicy).length > 0,
    'reject has none anywhere': (internal === 'reject') === !hasEndpoints,
    'drop has some elsewhere': (internal !== 'drop' && external !== 'drop') || hasEndpoints,
    'no endpoints that nobody uses':
      (internalPolicy === 'Cluster' || hasExternal || clusterEndpoints.length === 0) &&
      (internalPolicy === 'Local' || externalPolicy === 'Local' || localEndpoints.length === 0),
    'nothing outside is no policy outside': hasExternal || (externalPolicy === 'Cluster' && external === 'reject'),
    'who is served on the node is served in the cluster':
      localEndpoints.length === 0 || clusterEndpoints.length > 0 || (internalPolicy === 'Local' && !hasExternal),
    'source ranges are for load balancers': port.loadBalancerIPs.length > 0 || port.sourceRanges.length === 0,
    'a node in no range is in none': port.sourceRanges.length > 0 || !port.hasNodeInSourceRanges,
  };
  return Object.keys(rules).filter((rule) => !rules[rule]);
};
