import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { chartRows } from '#test/chart-rows.ts';
import { CHARTS, helmLint, helmText } from '#test/helm.ts';
import { renderFaults } from '#test/render-faults.ts';
import { missing, titled } from '../root/needs.ts';

const reason = await missing('renders of the charts', ['helm']);
/** As long as Helm allows. */
const LONG_RELEASE = 'a'.repeat(53);

describe.skipIf(reason !== '')(titled('every chart', reason), () => {
  it('is in the table of values', async () => {
    const tried = [...new Set(chartRows().map(({ chart }) => chart))];
    expect(tried).toEqual((await readdir(CHARTS)).toSorted());
  });
});

describe.each(chartRows())('$chart with values $name', ({ chart, values, elsewhere }) => {
  it.skipIf(reason !== '')('passes lint without a warning', async () => {
    await expect(helmLint(chart, values)).resolves.toContain('0 chart(s) failed');
  });

  it.skipIf(reason !== '')('has names that fit, and references that lead somewhere', async () => {
    const text = await helmText(chart, values, { namespace: 'kube-system' });
    expect(renderFaults(text, { namespace: 'kube-system', elsewhere })).toEqual([]);
  });

  it.skipIf(reason !== '')('is the same each time, and whole under a long name elsewhere', async () => {
    const options = { release: LONG_RELEASE, namespace: 'dns' };
    const text = await helmText(chart, values, options);
    expect(await helmText(chart, values, options)).toBe(text);
    expect(renderFaults(text, { namespace: 'dns', elsewhere })).toEqual([]);
  });
});

describe.skipIf(reason !== '')(titled('a render', reason), () => {
  const spoiled: readonly (readonly [what: string, from: RegExp, to: string, said: string])[] = [
    ['a key twice', /replicas: 2/, 'replicas: 2\n  replicas: 3', 'no YAML: duplicated mapping key'],
    [
      'a word that YAML 1.1 takes for a truth',
      /kubernetes\.io\/os: linux/,
      'kubernetes.io/os: yes',
      'YAML 1.1 and 1.2',
    ],
    ['what a template leaves', /image: ".*"/, 'image: "<no value>"', '"<no value>" is left over'],
    ['no fixed tag', /image: ".*"/, 'image: "cluster-dns:latest"', 'has no fixed tag'],
    [
      'a volume that nobody mounts',
      /- name: state\n\s+mountPath/,
      '- name: other\n              mountPath',
      'nobody mounts volume state',
    ],
    [
      'a ConfigMap that is not there',
      /configMap:\n(\s+)name: "cluster-dns"/,
      'configMap:\n$1name: other',
      'no ConfigMap other',
    ],
    ['an account that is not there', /serviceAccountName: .*/, 'serviceAccountName: other', 'no ServiceAccount other'],
    ['a Service port that leads nowhere', /targetPort: 9153/, 'targetPort: 9154', 'leads to 9154, which no container'],
    ['a role that is not there', /(roleRef:[\s\S]*?name: )"cluster-dns"/, '$1other', 'no ClusterRole other'],
    ['a budget that allows no eviction', /maxUnavailable: 1\n/, 'maxUnavailable: 0\n', 'allows no eviction'],
    [
      'another namespace',
      /kind: ConfigMap\nmetadata:\n {2}name: (.*)\n {2}namespace: .*/,
      'kind: ConfigMap\nmetadata:\n  name: $1',
      'is in namespace undefined',
    ],
  ];

  it.each(spoiled)('with %s has a fault that is named', async (_what, from, to, said) => {
    const text = await helmText('cluster-dns', { service: { clusterIP: '10.96.0.10' } });
    expect(text).toMatch(from);
    expect(renderFaults(text.replace(from, to), { namespace: 'kube-system' }).join('\n')).toContain(said);
  });
});
