import { describe, expect, it } from 'vitest';
import { chartRows } from '#test/chart-rows.ts';
import { helmTemplate } from '#test/helm.ts';
import { type KubeSchemas, kubeSchemas } from '#test/kube-schema.ts';
import { missing, skipped, titled } from '../root/needs.ts';

/** The oldest that the charts are for, and the newest whose schemas there are. */
const VERSIONS = ['v1.27.16', 'v1.36.3'];
/** What only newer clusters know is asked for by name in the values of these rows. */
const FOR_NEWER_ONLY: readonly string[] = [];

describe.each(VERSIONS)('what the charts render, by the schemas of Kubernetes %s,', async (version) => {
  const title = `schemas of Kubernetes ${version}`;
  const missed = await missing(title, ['helm', 'go']);
  const schemas = missed === '' ? await kubeSchemas(version) : { skip: missed };
  const reason = 'skip' in schemas ? schemas.skip : '';
  if (missed === '' && reason !== '') skipped(title, reason);
  const { faults } = schemas as KubeSchemas;
  const rows = chartRows().filter(
    ({ chart, name }) => version !== VERSIONS[0] || !FOR_NEWER_ONLY.includes(`${chart}/${name}`),
  );

  it.skipIf(reason !== '').each(rows)(
    titled('is right: $chart with values $name', reason),
    async ({ chart, values }) => {
      const manifests = await helmTemplate(chart, values, { kubeVersion: version });
      expect(manifests.length).toBeGreaterThan(0);
      expect(manifests.flatMap(faults)).toEqual([]);
    },
  );

  it.skipIf(reason !== '')(
    titled('is wrong with a field too many, one too few, and a value of another type', reason),
    () => {
      const container = {
        image: 'a',
        ports: [{ containerPort: '53', protocol: 'UDP' }],
        resources: { limits: { memory: '1 Gi' } },
      };
      const template = { metadata: { labels: { a: 1 } }, spec: { containers: [container], dnspolicy: 'Default' } };
      const manifest = {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name: 'a' },
        spec: { selector: {}, template },
      };
      expect(faults(manifest as never)).toEqual([
        'DaemonSet.spec.template.metadata.labels.a: 1 should be of type string',
        'DaemonSet.spec.template.spec.containers[0].name: missing',
        'DaemonSet.spec.template.spec.containers[0].ports[0].containerPort: "53" should be of type integer',
        'DaemonSet.spec.template.spec.containers[0].resources.limits.memory: "1 Gi" is no quantity',
        'DaemonSet.spec.template.spec.dnspolicy: unknown field',
      ]);
      expect(faults({ ...manifest, apiVersion: 'extensions/v1beta1' } as never)).toEqual([
        `extensions/v1beta1 DaemonSet is not known to ${version}`,
      ]);
    },
  );

  it.skipIf(reason !== '')(titled('is wrong where the Prometheus operator knows no such field', reason), () => {
    const metadata = { name: 'a', namespace: 'b' };
    const spec = { selector: {}, endpoints: [{ port: 'metrics', intervall: '15s', scrapeTimeout: '10 s' }] };
    expect(faults({ apiVersion: 'monitoring.coreos.com/v1', kind: 'ServiceMonitor', metadata, spec })).toEqual([
      expect.stringContaining('ServiceMonitor.spec.endpoints[0].intervall: unknown field'),
      expect.stringContaining('ServiceMonitor.spec.endpoints[0].scrapeTimeout: "10 s" does not match'),
    ]);
  });
});
