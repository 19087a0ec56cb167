import { describe, expect, it } from 'vitest';
import { filledIn } from '../charts/monitoring/expressions.ts';
import { dashboardOf, MONITORED, type Panel } from '../charts/monitoring/files.ts';

/** Grafana's units that are in use, so that one thing has one unit everywhere. */
const UNITS = ['reqps', 'ops', 's', 'bytes', 'percentunit', 'short'];
const COLUMNS = 24;
/** `kubectl apply` keeps a copy of an object in an annotation, which may be no larger. */
const MAX_ANNOTATION = 262_144;

const isRow = ({ type }: Panel): boolean => type === 'row';
const overlap = (a: Panel['gridPos'], b: Panel['gridPos']): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

describe.each(MONITORED)('dashboard of %s', (chart) => {
  const dashboard = dashboardOf(chart);
  const { panels } = dashboard;
  const charts = panels.filter((panel) => !isRow(panel));

  it('is of Grafana 10 or later, with an identity of its own, and fits a ConfigMap', () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(38);
    expect(dashboard.uid).toBe(chart);
    expect(JSON.stringify(dashboard, null, 2).length).toBeLessThan(MAX_ANNOTATION);
  });

  it('asks the data source that is chosen, and no other', () => {
    const [first] = dashboard.templating.list;
    expect(first).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
    const sources = charts.flatMap(({ datasource, targets = [] }) => [
      datasource,
      ...targets.map((target) => target.datasource),
    ]);
    expect(new Set(sources.map((source) => JSON.stringify(source)))).toEqual(
      new Set([JSON.stringify({ type: 'prometheus', uid: `$\{datasource}` })]),
    );
  });

  it('has a place for each panel, and no two in one', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(COLUMNS);
    const clashes = panels.flatMap((one, i) =>
      panels
        .slice(i + 1)
        .filter((other) => overlap(one.gridPos, other.gridPos))
        .map((other) => `${one.title}, ${other.title}`),
    );
    expect(clashes).toEqual([]);
  });

  it('begins with a row, and fills each', () => {
    expect(panels[0]?.type).toBe('row');
    const ys = new Set(charts.map(({ gridPos }) => gridPos.y));
    const widths = [...ys].map((y) =>
      charts.filter(({ gridPos }) => gridPos.y === y).reduce((sum, { gridPos }) => sum + gridPos.w, 0),
    );
    expect(new Set(widths)).toEqual(new Set([COLUMNS]));
  });

  it.each(charts)('says of "$title" what it is, in a unit, from 0, with a legend', (panel) => {
    expect(panel.description).toMatch(/^[A-Z0-9].*\.$/);
    expect(UNITS).toContain(panel.fieldConfig?.defaults.unit);
    if (panel.type !== 'timeseries') return;
    expect(panel.fieldConfig?.defaults.min).toBe(0);
    expect(panel.options?.legend).toMatchObject({ showLegend: true, placement: 'bottom' });
    for (const { legendFormat } of panel.targets ?? []) expect(legendFormat).not.toBe('');
  });

  it('keeps every query to the job and the instance that are chosen', () => {
    const targets = charts.flatMap(({ targets: all = [] }) => all);
    for (const { expr } of targets) {
      expect(expr).toContain('{job=~"$job", instance=~"$instance"');
      expect(filledIn(expr)).not.toContain('$');
    }
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance']);
  });
});
