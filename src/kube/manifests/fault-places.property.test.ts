/** Whatever the objects of a manifest are and however they are laid out, each fault says where, and it is there. */

import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { runs } from '#test/property-runs.ts';
import { completeCluster } from './complete.ts';
import { formatFault, type ManifestFault } from './fault.ts';
import { parseYaml } from './parse-yaml.ts';
import { readObjects } from './read-objects.ts';

const faultsOf = (text: string): readonly ManifestFault[] => {
  const { documents, faults } = parseYaml('a.yaml', text);
  const read = readObjects(documents);
  return [...faults, ...read.faults, ...completeCluster(read.objects, read.namespaces).faults];
};

/** Text that YAML has to quote, now and then. */
const text = fc.oneof(
  fc.constantFrom(
    'web',
    'None',
    '10.96.0.7',
    'fd00::1',
    '',
    'no',
    'a: b',
    '- x',
    '#',
    "it's",
    'é',
    '😀',
    '1e3',
    '\u2028',
    'a\nb',
  ),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(text, fc.constantFrom<unknown>(80, 30080, -1, 70_000, 1.5, true, null, Number.MAX_SAFE_INTEGER)),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(
      fc.oneof(
        fc.constantFrom(
          'name',
          'port',
          'nodePort',
          'protocol',
          'targetPort',
          'ip',
          'addresses',
          'hostname',
          'conditions',
        ),
        text,
      ),
      tie('any'),
      { maxKeys: 4 },
    ),
  ),
})).any as fc.Arbitrary<unknown>;
const spec = fc.oneof(
  value,
  fc.record(
    {
      type: fc.oneof(fc.constantFrom('ClusterIP', 'NodePort', 'ExternalName', 'LoadBalancer'), value),
      clusterIP: value,
      clusterIPs: value,
      externalName: value,
      ports: fc.oneof(
        value,
        fc.array(fc.record({ name: value, port: value, nodePort: value, protocol: value }, { requiredKeys: [] })),
      ),
      selector: value,
      ipFamilies: value,
      ipFamilyPolicy: value,
      externalIPs: fc.oneof(value, fc.array(text)),
      sessionAffinity: value,
      externalTrafficPolicy: fc.oneof(fc.constantFrom('Local', 'local'), value),
      loadBalancerSourceRanges: fc.oneof(value, fc.array(text)),
      healthCheckNodePort: value,
      topologyKeys: fc.oneof(value, fc.array(text)),
    },
    { requiredKeys: [] },
  ),
);
/** Objects without a null prototype, which a dump does not know. */
const plain = (some: unknown): unknown => JSON.parse(JSON.stringify(some));

/** Objects that say themselves who they are, so that a fault can be told whose it is. */
const object = fc
  .record({ kind: fc.constantFrom('Service', 'Pod', 'Endpoints', 'EndpointSlice'), spec, more: value })
  .map(
    ({ kind, spec: ofSpec, more }) =>
      (name: string): unknown =>
        plain({
          apiVersion: kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1',
          kind,
          metadata: { name, namespace: 'shop', labels: { app: name } },
          ...{ spec: ofSpec, status: more, subsets: more, endpoints: more, ports: more, addressType: 'IPv4' },
        }),
  );

type Layout = (object: unknown) => string;
const layouts: readonly Layout[] = [
  (some) => JSON.stringify(some),
  (some) => JSON.stringify(some, null, 3),
  (some) => dump(some, { lineWidth: 40 }),
  (some) => dump(some, { indent: 4, quoteStyle: 'double', forceQuotes: true } as object),
  (some) => dump(some, { flowLevel: 2, noRefs: true } as object),
  (some) => `# about it\n\n${dump(some).replace(/^(kind:.*)$/m, '$1 # a comment')}\n`,
];

describe('any objects in any layout', () => {
  it('are read without an exception, and each fault stands at FILE:LINE:COLUMN within the text', () => {
    let faulty = 0;
    const documents = fc.array(fc.tuple(value, fc.constantFrom(...layouts)), { maxLength: 3 });
    fc.assert(
      fc.property(documents, fc.option(fc.nat()), (parts, cut) => {
        const text = parts.map(([some, layout]) => layout(plain(some))).join('\n---\n');
        const whole = cut === null ? text : text.slice(0, cut % (text.length + 1));
        const lines = whole.split('\n');
        for (const fault of faultsOf(whole)) {
          faulty++;
          expect(formatFault(fault)).toMatch(/^a\.yaml:\d+:\d+: [^\n]+$/);
          const { line, column } = fault.position;
          expect(line).toBeGreaterThan(0);
          expect(column).toBeGreaterThan(0);
          if (whole.trim() !== '') expect(lines[line - 1]?.trim(), formatFault(fault)).not.toBe('');
          expect(line, formatFault(fault)).toBeLessThanOrEqual(lines.length);
          expect(column, formatFault(fault)).toBeLessThanOrEqual((lines[line - 1] as string).length + 1);
        }
      }),
      runs(120),
    );
    expect(faulty).toBeGreaterThan(5);
  });

  it('have their faults in the lines of the object that they name', () => {
    let named = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(object, fc.constantFrom(...layouts)), { minLength: 1, maxLength: 4 }), (parts) => {
        const documents = parts.map(([make, layout], i) => layout(make(`thing-${i}-x`)));
        const faults = faultsOf(documents.join('\n---\n'));
        for (const fault of faults) {
          const owner = /shop\/thing-(\d+)-x/.exec(fault.message)?.[1];
          if (owner === undefined) continue;
          named++;
          const before = documents.slice(0, Number(owner)).reduce((sum, each) => sum + each.split('\n').length + 1, 0);
          const own = (documents[Number(owner)] as string).split('\n').length;
          expect(fault.position.line, formatFault(fault)).toBeGreaterThan(before);
          expect(fault.position.line, formatFault(fault)).toBeLessThanOrEqual(before + own);
        }
      }),
      runs(60),
    );
    expect(named).toBeGreaterThan(5);
  });
});
