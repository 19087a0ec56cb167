import { describe, expect, it } from 'vitest';
import { documentOf, MONITORED, ruleGroupsOf } from '../charts/monitoring/files.ts';

const RUNBOOK = 'docs/monitoring.md#';
const document = documentOf('monitoring.md');
const headings = [...document.matchAll(/^#+ (\S+)$/gm)].map(([, heading = '']) => heading);

describe('alerts', () => {
  const all = MONITORED.flatMap((chart) => ruleGroupsOf(chart)).flatMap(({ rules }) => rules);

  it.each(all)('$alert says how bad it is, what it is, and what to do', ({
    alert,
    labels,
    annotations,
    for: pause,
  }) => {
    expect(['critical', 'warning', 'info']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/^[A-Z].*\.$/);
    expect(annotations.description).toMatch(/\.$/);
    expect(annotations.runbook_url).toBe(RUNBOOK + alert.toLowerCase());
    expect(headings).toContain(alert);
    const after = pause === '0m' ? 'at once' : pause;
    expect(document).toContain(`| [${alert}](#${alert.toLowerCase()}) | ${labels.severity} | ${after} |`);
  });

  it('are all that the document describes', () => {
    const described = headings.filter((heading) => /^(ClusterDNS|NodeLocalDNS|ServiceProxy)[A-Z]/.test(heading));
    expect(described.sort()).toEqual([...new Set(all.map(({ alert }) => alert))].sort());
  });

  it('on any server are the same with the node cache', () => {
    const ofServer = (chart: 'cluster-dns' | 'node-local-dns') =>
      ruleGroupsOf(chart).find(({ name }) => name === 'cluster-dns-server');
    expect(ofServer('node-local-dns')).toEqual(ofServer('cluster-dns'));
    expect(ofServer('cluster-dns')?.rules.length).toBeGreaterThan(20);
  });

  it('name no scrape job, which would be another one elsewhere', () => {
    for (const { expr } of all) expect(expr).not.toMatch(/job\s*=/);
  });
});
