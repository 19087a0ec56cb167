/** The alerts, each with series that make it fire and series that do not, as Prometheus's own tool evaluates them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcome } from '#test/command.ts';
import { at, helmTemplate } from '#test/helm.ts';
import { missing, titled } from '../root/needs.ts';
import { ALERT_CASES, type AlertCase, TARGET } from './monitoring/alert-cases.ts';
import { dashboardOf, MONITORED, type Monitored, type Rule, ruleGroupsOf, rulesFile } from './monitoring/files.ts';

const TITLE = 'alerts by promtool';
const reason = await missing(TITLE, ['promtool']);
const LABELS = Object.entries(TARGET)
  .map(([name, value]) => `${name}="${value}"`)
  .join(', ');

const rulesOf = (chart: Monitored): readonly Rule[] => ruleGroupsOf(chart).flatMap(({ rules }) => rules);

/** A case as promtool reads it. */
const unitTest = ({ alert, minutes, labels, says, ...inputs }: AlertCase, rule: Rule, isFiring: boolean): object => ({
  interval: '1m',
  input_series: Object.entries(isFiring ? inputs.fires : inputs.quiet).map(([series, values]) => ({
    series: series.replace(/\bT\b/, LABELS),
    values,
  })),
  alert_rule_test: [
    {
      eval_time: `${minutes}m`,
      alertname: alert,
      exp_alerts: isFiring
        ? [{ exp_labels: { ...labels, ...rule.labels }, exp_annotations: { ...rule.annotations, description: says } }]
        : [],
    },
  ],
});

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'alerts-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each(MONITORED)('finds no fault in the rules of %s', async (chart) => {
    const { code, stdout, stderr } = await outcome('promtool', ['check', 'rules', '--lint-fatal', rulesFile(chart)]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`${rulesOf(chart).length} rules found`);
  });

  it.each(MONITORED)('has each alert of %s fire where it should, and be quiet where it should not', async (chart) => {
    const rules = new Map(rulesOf(chart).map((rule) => [rule.alert, rule]));
    const cases = ALERT_CASES[chart];
    expect([...new Set(cases.map(({ alert }) => alert))].sort()).toEqual([...rules.keys()].sort());
    const file = join(directory, `${chart}.yaml`);
    const tests = cases.flatMap((one) =>
      [true, false].map((isFiring) => unitTest(one, rules.get(one.alert) as Rule, isFiring)),
    );
    writeFileSync(file, dump({ rule_files: [rulesFile(chart)], evaluation_interval: '1m', tests }));
    const { stdout, stderr } = await outcome('promtool', ['test', 'rules', file]);
    expect(stdout + stderr).toContain('SUCCESS');
  });
});

/** What a chart must be told. */
const NEEDED: Readonly<Record<Monitored, object>> = {
  'cluster-dns': { service: { clusterIP: 'auto' } },
  'node-local-dns': { config: { dnsServer: '10.96.0.10' } },
  'service-proxy': { apiServer: { host: '192.0.2.1' }, config: { clusterCIDR: '10.244.0.0/16' } },
};
const NO_HELM = await missing('rules and dashboards in the charts', ['helm']);

describe.skipIf(NO_HELM !== '')(titled('rules and dashboards in the charts', NO_HELM), () => {
  it.each(MONITORED)('are those of the files of %s', async (chart) => {
    const values = { ...NEEDED[chart], prometheus: { rules: { enabled: true } }, dashboard: { enabled: true } };
    const objects = await helmTemplate(chart, values, { apiVersions: ['monitoring.coreos.com/v1'] });
    const [rules] = objects.filter(({ kind }) => kind === 'PrometheusRule');
    expect(rules?.spec).toEqual({ groups: ruleGroupsOf(chart) });
    const [map] = objects.filter(({ metadata }) => metadata.labels?.grafana_dashboard === '1');
    const texts = Object.values(map?.data as Readonly<Record<string, string>>);
    expect(texts.map((text) => JSON.parse(text))).toEqual([dashboardOf(chart)]);
  });

  it.each(MONITORED)('have the address in front that the values of %s give', async (chart) => {
    const values = {
      ...NEEDED[chart],
      prometheus: { rules: { enabled: true, runbookUrl: 'https://docs.example/$1/' } },
    };
    const rendered = (await helmTemplate(chart, values)).find(({ kind }) => kind === 'PrometheusRule');
    const urls = (groups: readonly { rules: readonly Rule[] }[]) =>
      groups.flatMap(({ rules }) => rules).map(({ annotations }) => annotations.runbook_url);
    expect(urls(at(rendered, 'spec.groups') as readonly { rules: readonly Rule[] }[])).toEqual(
      urls(ruleGroupsOf(chart)).map((place) => `https://docs.example/$1/${place}`),
    );
  });

  it.each([
    ['left out where no server block has kubernetes', '.:53 {\n    whoami\n}\n', false],
    ['there where another server block has it', '.:53 {\n    whoami\n}\na.test:53 {\n    kubernetes a.test\n}\n', true],
    ['there where the Corefile is not seen whole', '.:53 {\n    import /etc/more/*\n}\n', true],
  ])("on the cluster's data are %s", async (_, corefile, isThere) => {
    const probes = { livenessProbe: { enabled: false }, readinessProbe: { enabled: false } };
    const values = { ...NEEDED['cluster-dns'], ...probes, corefile, prometheus: { rules: { enabled: true } } };
    const rules = (await helmTemplate('cluster-dns', values)).find(({ kind }) => kind === 'PrometheusRule');
    expect(at(rules, 'spec.groups')).toEqual(
      ruleGroupsOf('cluster-dns').filter(({ name }) => isThere || name !== 'cluster-dns-cluster-data'),
    );
  });
});
