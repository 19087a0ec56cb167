/** What dashboards, alerts and documents say is scraped by a real Prometheus from programs that run. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcome } from '#test/command.ts';
import { until } from '#test/until.ts';
import { missing, titled } from '../root/needs.ts';
import { filledIn, groupingsOf, selectorsOf } from './monitoring/expressions.ts';
import { dashboardOf, documentOf, MONITORED, ruleGroupsOf, rulesFile } from './monitoring/files.ts';
import { MonitoredScene } from './monitoring/scene.ts';
import { STOCK_QUERIES } from './monitoring/stock-queries.ts';

const TITLE = 'monitoring by a real Prometheus';
const reason = await missing(TITLE, ['root', 'prometheus', 'promtool', 'ip', 'nft', 'iptables', 'conntrack', 'dig']);

/** kube-proxy's names, which promtool does not like for gauges. */
const ODD_NAMES = ['sync_proxy_rules_no_local_endpoints_total', 'sync_proxy_rules_iptables_total'];

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let scene: MonitoredScene;

  beforeAll(async () => {
    scene = await MonitoredScene.start({ ruleFiles: MONITORED.map(rulesFile) });
    // Rates need two scrapes of the changed and the unchanged alike.
    for (let round = 0; round < 8; round++) {
      await scene.load(round);
      await delay(500);
    }
    await until(
      async () => ((await scene.prometheus.query('min(count_over_time(up[1m]))'))[0]?.value ?? 0) >= 5,
      'five scrapes of each target',
      30_000,
    );
  });
  afterAll(() => scene?.stop());

  it('scrapes every target', async () => {
    const down = (await scene.prometheus.query('up == 0')).map(({ metric }) => metric);
    expect(down).toEqual([]);
    expect(await scene.prometheus.query('up')).toHaveLength(scene.targets.size);
  });

  it('has nothing for promtool to complain of in what is exposed', async () => {
    for (const [title, target] of scene.targets) {
      const text = await (await fetch(`http://${target}/metrics`)).text();
      const { stdout, stderr } = await outcome('promtool', ['check', 'metrics'], { stdin: text });
      const faults = (stdout + stderr).split('\n').filter((line) => !ODD_NAMES.some((name) => line.includes(name)));
      expect([title, faults]).toEqual([title, ['']]);
    }
  });

  it.each(MONITORED)('gives each panel of the dashboard of %s data', async (chart) => {
    const empty: string[] = [];
    for (const { title, targets = [] } of dashboardOf(chart).panels) {
      for (const { expr } of targets) {
        const found = await scene.prometheus.query(filledIn(expr, { job: chart }));
        if (found.length === 0) empty.push(`${title}: ${expr}`);
      }
    }
    expect(empty).toEqual([]);
  });

  it.each(MONITORED)('has each metric and label that the alerts of %s name', async (chart) => {
    const unknown: string[] = [];
    for (const { alert, expr } of ruleGroupsOf(chart).flatMap(({ rules }) => rules)) {
      await scene.prometheus.query(expr);
      const labels = new Set<string>();
      for (const { metric, labels: named } of selectorsOf(expr)) {
        const series = await scene.prometheus.series(metric);
        const there = new Set(series.flatMap((one) => Object.keys(one)));
        for (const label of there) labels.add(label);
        if (series.length === 0) unknown.push(`${alert}: ${metric}`);
        else unknown.push(...named.filter((one) => !there.has(one)).map((one) => `${alert}: ${metric}{${one}}`));
      }
      unknown.push(
        ...groupingsOf(expr)
          .filter((one) => !labels.has(one))
          .map((one) => `${alert}: ${one}`),
      );
    }
    expect(unknown).toEqual([]);
  });

  it.each(STOCK_QUERIES)('answers what stock dashboards and alerts ask: $expr', async ({
    expr,
    empty,
    of = 'cluster-dns',
  }) => {
    const found = await scene.prometheus.query(filledIn(expr, { job: of }));
    expect(found.length > 0).toBe(empty === undefined);
  });

  it('has each metric that docs/metrics.md and docs/node-cache.md name, and no other of its own', async () => {
    const [own = '', proxy = ''] = documentOf('metrics.md').split('## Service proxy');
    const nodeCache = documentOf('node-cache.md').split('## Metrics and health')[1]?.split('\n## ')[0] ?? '';
    const inTables = (text: string, name: RegExp): readonly string[] =>
      text
        .split('\n')
        .filter((line) => line.startsWith('| `'))
        .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(name)].map(([, found = '']) => found));
    const names = [
      ...inTables(own + nodeCache, /`((?:cluster_dns|coredns)_[a-z0-9_]+)/g),
      ...inTables(proxy, /`([a-z0-9]+_[a-z0-9_]+)/g).map((name) => `kubeproxy_${name}`),
    ];
    const exposed = await scene.prometheus.names();
    expect(names.filter((name) => !exposed.has(name))).toEqual([]);
    expect(names.length).toBeGreaterThan(50);
    const ours = [...exposed].filter((name) => name.startsWith('cluster_dns_'));
    expect(ours.filter((name) => !names.includes(name))).toEqual([]);
  });
});
