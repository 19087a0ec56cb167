import { describe, expect, it } from 'vitest';
import { chartRows } from '#test/chart-rows.ts';
import type { Outcome } from '#test/command.ts';
import { helmText } from '#test/helm.ts';
import { runProgram } from '#test/process.ts';
import { missing, titled } from '../root/needs.ts';

const TITLE = 'helm template | cluster-dns check -';
const reason = await missing(TITLE, ['helm']);

const check = async (chart: string, values: object): Promise<Outcome & { readonly rendered: string }> => {
  const rendered = await helmText(chart, values);
  return { rendered, ...(await runProgram(['check', '-'], { stdin: rendered })) };
};

const ADDRESS = { service: { clusterIP: '10.96.0.10' } };
const servers = (...plugins: readonly object[]) => ({
  ...ADDRESS,
  servers: [{ port: 53, plugins: [{ name: 'health' }, { name: 'ready' }, ...plugins] }],
});
const corefile = (...lines: readonly string[]) => ({
  ...ADDRESS,
  corefile: ['.:53 {', '    health', '    ready', ...lines.map((line) => `    ${line}`), '}', ''].join('\n'),
});

/** Why it is a fault, the chart, its values, and the words of the Corefile that are named. */
const FAULTS: readonly (readonly [why: string, chart: string, values: object, at: string, said: string])[] = [
  [
    'an option with a wrong value, in servers',
    'cluster-dns',
    servers({ name: 'kubernetes', parameters: 'cluster.local', configBlock: 'pods maybe' }),
    'maybe',
    'plugin/kubernetes: wrong value for pods',
  ],
  [
    'an option that there is none of',
    'cluster-dns',
    servers({ name: 'cache', configBlock: 'sucess 100' }),
    'sucess',
    'sucess',
  ],
  [
    'a plugin that there is none of, in corefile',
    'cluster-dns',
    corefile('kuberntes cluster.local'),
    'kuberntes',
    'kuberntes',
  ],
  ['an upstream that is no address', 'cluster-dns', corefile('forward . 10.0.0.1:99999'), '10.0.0.1:99999', '99999'],
  [
    'a block without an end, in a template of the node cache',
    'node-local-dns',
    { config: { dnsServer: '10.96.0.10', customConfig: '.:53 {\n    bind __PILLAR__LOCAL__DNS__\n    cache 30 {\n' } },
    '',
    'Corefile',
  ],
  [
    'a wrong number, in a template of the node cache',
    'node-local-dns',
    {
      config: {
        dnsServer: '10.96.0.10',
        customConfig: '.:53 {\n    bind __PILLAR__LOCAL__DNS__\n    cache {\n        success many\n    }\n}\n',
      },
    },
    'many',
    'many',
  ],
];

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  const rows = chartRows().filter(({ chart, asks }) => chart !== 'service-proxy' && asks.length > 0);

  it.each(rows)('finds nothing in what runs: $chart with values $name', async ({ chart, values }) => {
    const { code, stdout, stderr } = await check(chart, values);
    expect(`${stdout}${stderr}`).toContain('key Corefile: OK');
    expect(code).toBe(0);
  });

  it.each(FAULTS)('fails with file, line and column: %s', async (_why, chart, values, at, said) => {
    const { code, stderr, rendered } = await check(chart, values);
    expect(code).toBe(1);
    expect(stderr).toContain(said);
    const [, line, column] = (/^stdin:(\d+):(\d+): /m.exec(stderr) ?? []).map(Number);
    const place = rendered.split('\n')[(line ?? 0) - 1] ?? '';
    expect(place.slice((column ?? 0) - 1)).toContain(at);
    expect(place.slice((column ?? 0) - 1).startsWith(at)).toBe(true);
  });
});
