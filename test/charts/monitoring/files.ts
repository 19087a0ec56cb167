import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';

const ROOT = join(import.meta.dirname, '../../..');

/** The charts that have a dashboard and rules. */
export const MONITORED = ['cluster-dns', 'node-local-dns', 'service-proxy'] as const;
export type Monitored = (typeof MONITORED)[number];

export interface Target {
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly expr: string;
  readonly legendFormat: string;
  readonly refId: string;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string; readonly min?: number } };
  readonly options?: { readonly legend?: { readonly showLegend: boolean; readonly placement: string } };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly {
      readonly name: string;
      readonly type: string;
      readonly query: string | { readonly query: string };
    }[];
  };
}

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

export interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

export const rulesFile = (chart: Monitored): string => join(ROOT, 'charts', chart, 'files/rules.yaml');

export const dashboardOf = (chart: Monitored): Dashboard =>
  JSON.parse(readFileSync(join(ROOT, 'charts', chart, 'files/dashboard.json'), 'utf8')) as Dashboard;

export const ruleGroupsOf = (chart: Monitored): readonly RuleGroup[] =>
  (load(readFileSync(rulesFile(chart), 'utf8')) as { groups: readonly RuleGroup[] }).groups;

export const documentOf = (name: string): string => readFileSync(join(ROOT, 'docs', name), 'utf8');
