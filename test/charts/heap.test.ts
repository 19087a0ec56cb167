/** The limit of V8's heap that each chart makes of the memory limit. */
import { describe, expect, it } from 'vitest';
import { outcome } from '#test/command.ts';
import { at, helmTemplate } from '#test/helm.ts';
import { missing, titled } from '../root/needs.ts';

const TITLE = "the heap's part of a memory limit";
const reason = await missing(TITLE, ['helm']);

interface Variable {
  readonly name: string;
  readonly value?: string;
}

/** What a chart must be told, and the memory of whose container it is. */
const CHARTS = {
  'cluster-dns': { kind: 'Deployment', needed: { service: { clusterIP: 'auto' } } },
  'node-local-dns': { kind: 'DaemonSet', needed: { config: { dnsServer: '10.96.0.10' } } },
  'service-proxy': {
    kind: 'DaemonSet',
    needed: { apiServer: { host: '192.0.2.1' }, config: { clusterCIDR: '10.244.0.0/16' } },
  },
} as const;
type Chart = keyof typeof CHARTS;
const NAMES = Object.keys(CHARTS) as Chart[];

const environmentOf = async (chart: Chart, more: object): Promise<readonly Variable[]> => {
  const { kind, needed } = CHARTS[chart];
  const manifests = await helmTemplate(chart, { ...needed, ...more });
  const found = manifests.find((one) => one.kind === kind);
  return (at(found, 'spec.template.spec.containers.0.env') ?? []) as readonly Variable[];
};
const optionOf = async (chart: Chart, memory: unknown): Promise<string | undefined> =>
  (await environmentOf(chart, { resources: { limits: { memory } } })).find(({ name }) => name === 'NODE_OPTIONS')
    ?.value;

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  it.each([
    ['cluster-dns', '128Mi', 64],
    ['cluster-dns', '512Mi', 352],
    ['cluster-dns', '1Gi', 864],
    ['node-local-dns', '192Mi', 96],
    ['node-local-dns', '512Mi', 400],
    ['service-proxy', '384Mi', 128],
    ['service-proxy', '1.5Gi', 512],
  ] as const)('is for %s with %s %i MiB', async (chart, memory, mebibytes) => {
    expect(await optionOf(chart, memory)).toBe(`--max-old-space-size=${mebibytes}`);
  });

  // 512 MiB in every way that Kubernetes reads, and what is near it.
  it.each([
    ['524288Ki'],
    ['0.5Gi'],
    [536_870_912],
    ['536870912'],
    ['536870912000m'],
    ['536871k'],
    ['536.871M'],
    ['0.536871e9'],
  ])('reads %s', async (memory) => {
    expect(await optionOf('cluster-dns', memory)).toBe('--max-old-space-size=352');
  });

  it.each(NAMES)('is left to Node.js by %s without a limit, and to the user who has NODE_OPTIONS', async (chart) => {
    const own = [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=100' }];
    const limits = { limits: { memory: '512Mi' } };
    const ofNode = (variables: readonly Variable[]) => variables.filter(({ name }) => name === 'NODE_OPTIONS');
    expect(ofNode(await environmentOf(chart, { resources: null }))).toEqual([]);
    expect(ofNode(await environmentOf(chart, { resources: limits, env: own }))).toEqual(own);
    expect(ofNode(await environmentOf(chart, { resources: limits, env: [{ name: 'A', value: 'b' }] }))).toHaveLength(1);
  });

  it('leaves more to a node whose cache holds more', async () => {
    const values = {
      config: { dnsServer: '10.96.0.10', cacheMemory: '128Mi' },
      resources: { limits: { memory: '512Mi' } },
    };
    const [variable] = await environmentOf('node-local-dns', values);
    expect(variable?.value).toBe('--max-old-space-size=352');
  });

  it('is what Node.js then takes', async () => {
    const [variable] = await environmentOf('cluster-dns', { resources: { limits: { memory: '512Mi' } } });
    const program = 'console.log(require("node:v8").getHeapStatistics().heap_size_limit / 2 ** 20)';
    const env = { ...process.env, NODE_OPTIONS: variable?.value };
    const { stdout } = await outcome(process.execPath, ['-e', program], { env });
    // The young generation comes on top.
    expect(Number(stdout)).toBeGreaterThanOrEqual(352);
    expect(Number(stdout)).toBeLessThan(352 + 64);
  });
});
