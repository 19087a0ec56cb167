import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Kind } from '#kube/source.ts';
import { failure, isCurrent, type Reply } from '#plugin/index.ts';
import { testQuery } from '#plugin/testing.ts';
import { type Bench, type Manifest, startBench, textOf } from './testing/bench.ts';

/** A universe small enough that changes meet, some parts of it more often than others. */
const NAMESPACES = ['a', 'b'];
const SERVICES = ['web', 'db'];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', 'fd00::1'];
const SLICES = ['s1', 's2'];
const PODS = ['p1', 'p2'];

const namespaceName = fc.constantFrom('a', 'a', 'a', 'b');
const serviceName = fc.constantFrom(...SERVICES);
const address = fc.constantFrom(...ADDRESSES);
const ports = fc.constantFrom([], [{ name: 'http', port: 80 }], [{ name: 'dns', port: 53, protocol: 'UDP' }]);

const service: fc.Arbitrary<Manifest> = fc
  .record({
    namespace: namespaceName,
    name: serviceName,
    spec: fc.oneof(
      fc.record({ clusterIPs: fc.uniqueArray(address, { minLength: 1 }), ports }),
      fc.record({ clusterIPs: fc.constant(['None']), ports }),
      fc.record({
        type: fc.constant('ExternalName'),
        externalName: fc
          .tuple(serviceName, namespaceName)
          .map(([name, namespace]) => `${name}.${namespace}.svc.cluster.local`),
      }),
    ),
  })
  .map(({ namespace, name, spec }) => ({ kind: 'Service', metadata: { namespace, name }, spec }));

const slice: fc.Arbitrary<Manifest> = fc
  .record({
    namespace: namespaceName,
    name: fc.constantFrom('s1', 's1', 's2'),
    of: fc.constantFrom('', 'web', 'web', 'web', 'db'),
    ports,
    endpoints: fc.array(
      fc.record({
        addresses: fc.array(address, { minLength: 1, maxLength: 2 }),
        hostname: fc.constantFrom('', 'h0'),
        conditions: fc.record({ ready: fc.boolean() }),
        targetRef: fc.record({ name: fc.constantFrom('p1', 'p2') }),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ namespace, name, of, ...rest }) => ({
    kind: 'EndpointSlice',
    metadata: { namespace, name, labels: { 'kubernetes.io/service-name': of } },
    ...rest,
  }));

const pod: fc.Arbitrary<Manifest> = fc
  .tuple(namespaceName, fc.constantFrom(...PODS), address)
  .map(([namespace, name, podIP]) => ({ kind: 'Pod', metadata: { namespace, name }, status: { podIP } }));

const namespace: fc.Arbitrary<Manifest> = namespaceName.map((name) => ({ kind: 'Namespace', metadata: { name } }));

const removal = fc
  .record({
    kind: fc.constantFrom<Kind>('Service', 'EndpointSlice', 'Pod', 'Namespace'),
    namespace: namespaceName,
    name: fc.constantFrom(...SERVICES, ...SLICES, ...PODS, ...NAMESPACES),
  })
  .map(
    (gone) => (on: Bench) => on.source.delete(gone.kind, gone.kind === 'Namespace' ? '' : gone.namespace, gone.name),
  );

const addition = fc
  .oneof(namespace, service, slice, slice, slice, pod)
  .map((manifest) => (on: Bench) => on.source.set(manifest));

const QUESTIONS: readonly (readonly [string, string])[] = [
  ...NAMESPACES.flatMap((of) => [
    ...[...SERVICES, '10-0-0-1', 'fd00--1'].flatMap((label) =>
      ['A', 'AAAA', 'SRV', 'CNAME', 'TXT'].flatMap((type) => [
        [`${label}.${of}.svc.cluster.local.`, type] as const,
        [`${label}.${of}.pod.cluster.local.`, type] as const,
        [`h0.${label}.${of}.svc.cluster.local.`, type] as const,
        [`p1.${label}.${of}.svc.cluster.local.`, type] as const,
        [`_http._tcp.${label}.${of}.svc.cluster.local.`, type] as const,
      ]),
    ),
    [`${of}.svc.cluster.local.`, 'A'] as const,
  ]),
  ['1.0.0.10.in-addr.arpa.', 'PTR'],
  ['2.0.0.10.in-addr.arpa.', 'PTR'],
  [`1.${'0.'.repeat(27)}0.0.d.f.ip6.arpa.`, 'PTR'],
  ['cluster.local.', 'NS'],
  ['ns.dns.cluster.local.', 'A'],
];

/** Each question's answer without its serial, and a look whether it may still be used. */
const askAll = (on: Bench): { readonly text: string; isUsable(): boolean }[] =>
  QUESTIONS.map(([name, type]) => {
    const query = testQuery(name, type, { generations: on.services.generations });
    const reply = on.instance.handle(query, () => failure(2)) as Reply;
    const { rcode, answer, additional } = textOf(reply);
    const { slots, seen } = query.provenance;
    return {
      text: JSON.stringify([rcode, answer, additional]),
      isUsable: () => isCurrent(on.services.generations, slots, seen),
    };
  });

const STANZAS = [
  'kubernetes {\npods verified\n}',
  'kubernetes {\npods verified\nendpoint_pod_names\nignore empty_service\nnamespaces a\n}',
];

describe('whatever changes', () => {
  it.each(STANZAS)('no answer that would be another now may still be used: %s', async (stanza) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(addition, addition, addition, removal), { minLength: 1, maxLength: 40 }),
        async (changes) => {
          const on = await startBench([], {
            stanza,
            zones: ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.'],
            networkInterfaces: () => ({ eth0: [{ address: '10.0.0.2' }] }) as never,
          });
          for (const change of changes) {
            const before = askAll(on);
            change(on);
            const after = askAll(on);
            for (const [i, { text, isUsable }] of before.entries())
              if (text !== after[i]?.text) expect([QUESTIONS[i], isUsable()]).toEqual([QUESTIONS[i], false]);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('leaves the same answers as the objects that remain would give by themselves', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(addition, { maxLength: 30 }),
        fc.array(removal, { maxLength: 15 }),
        async (set, gone) => {
          const options = { stanza: STANZAS[0] as string, zones: ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.'] };
          const on = await startBench([], options);
          for (const change of [...set, ...gone]) change(on);
          for (const kind of ['Service', 'EndpointSlice', 'Pod', 'Namespace'] as const)
            for (const of of kind === 'Namespace' ? [''] : NAMESPACES)
              for (const name of [...SERVICES, ...SLICES, ...PODS, ...NAMESPACES]) on.source.delete(kind, of, name);
          const empty = await startBench([], options);
          expect(askAll(on).map(({ text }) => text)).toEqual(askAll(empty).map(({ text }) => text));
        },
      ),
      { numRuns: 40 },
    );
  });
});
