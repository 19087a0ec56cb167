import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CHARTS, helmTemplate } from '#test/helm.ts';
import { PLUGINS } from '../../plugins/index.ts';
import { missing, titled } from '../root/needs.ts';

const reason = await missing('what the chart cluster-dns refuses', ['helm']);

const IP = { service: { clusterIP: '10.96.0.10' } };
const server = (...plugins: readonly object[]) => ({ servers: [{ port: 53, plugins }] });

/** Why it is refused, the values, and what must be said: the key's name, and what to do. */
type Row = readonly [why: string, values: object, said: readonly string[], namespace?: string];
const ROWS: readonly Row[] = [
  [
    'no address, with where to find it and what goes without',
    {},
    ['service.clusterIP', 'kubectl -n kube-system get service kube-dns', 'clusterIP=auto', 'service.enabled=false'],
  ],
  ['a mistyped key', { ...IP, replicas: 3 }, ["'replicas' not allowed"]],
  ['a mistyped key further in', { service: { clusterIp: '10.96.0.10' } }, ["'/service'", "'clusterIp' not allowed"]],
  ["a key of the budget's old name", { ...IP, pdb: { minAvailable: 1 } }, ["'pdb' not allowed"]],
  ['a key of a plugin', { ...IP, ...server({ name: 'health', config: 'x' }) }, ['/servers/0/plugins/0', "'config'"]],
  ['a plugin without a name', { ...IP, ...server({ parameters: 'x' }) }, ['/servers/0/plugins/0', "'name'"]],
  ['a number for a text', { ...IP, image: { tag: 1.1 } }, ['/image/tag', 'got number, want string']],
  ['a text for a number', { ...IP, replicaCount: 'two' }, ['/replicaCount', 'want integer']],
  ['a label that is no text', { ...IP, customLabels: { a: true } }, ['/customLabels/a', 'want string']],
  ['an address that is none', { service: { clusterIP: 'kube-dns' } }, ['/service/clusterIP']],
  ['a type of Service that is none', { ...IP, serviceType: 'External' }, ['/serviceType', 'ClusterIP']],
  ['an image of CoreDNS', { ...IP, image: { repository: 'registry.k8s.io/coredns/coredns' } }, ['image.repository']],
  [
    'a plugin that is not built, with its place',
    { ...IP, ...server({ name: 'health' }, { name: 'ready' }, { name: 'template', parameters: 'IN A' }) },
    ['servers[0].plugins[2].name: the plugin template is not built'],
  ],
  [
    'a protocol that is not built',
    { ...IP, servers: [{ zones: [{ zone: '.', scheme: 'tls://' }], port: 853, plugins: [] }] },
    ['servers[0].zones[0].scheme: tls:// is not built'],
  ],
  [
    'a probe that nothing answers',
    { ...IP, ...server({ name: 'whoami' }) },
    ['livenessProbe.enabled: the Corefile has no health', 'readinessProbe.enabled: the Corefile has no ready'],
  ],
  ['a Corefile without server blocks', { ...IP, servers: [] }, ['servers: there is no server block']],
  [
    'two that set the number of replicas',
    { ...IP, hpa: { enabled: true }, autoscaler: { enabled: true } },
    ['hpa.enabled and autoscaler.enabled'],
  ],
  ['no name servers with dnsPolicy None', { ...IP, deployment: { dnsPolicy: 'None' } }, ['deployment.dnsConfig']],
  ['multicluster, which is not built', { ...IP, rbac: { multiclusterEnable: true } }, ['rbac.multiclusterEnable']],
  ['PodSecurityPolicy, which is no more', { ...IP, rbac: { pspEnable: true } }, ['rbac.pspEnable']],
  ['a take-over in the namespace default', { ...IP, adopt: true }, ['adopt:', '--namespace kube-system'], 'default'],
  ['a take-over that is no cluster DNS', { ...IP, adopt: true, isClusterService: false }, ['adopt:']],
];

describe.skipIf(reason !== '')(titled('the chart cluster-dns refuses', reason), () => {
  it.each(
    ROWS.map(([why, values, said, namespace = 'kube-system']) => ({ why, values, said, namespace })),
  )('$why', async ({ values, said, namespace }) => {
    const refusal = await helmTemplate('cluster-dns', values, { namespace }).then(
      () => 'rendered',
      (error: Error) => error.message,
    );
    for (const text of said) expect(refusal).toContain(text);
  });

  it('tells all faults of the values at once', async () => {
    const values = { ...IP, ...server({ name: 'rewrite' }, { name: 'file' }), rbac: { pspEnable: true } };
    const refusal = await helmTemplate('cluster-dns', values).catch((error: Error) => error.message);
    for (const text of ['plugins[0].name', 'plugins[1].name', 'rbac.pspEnable', 'livenessProbe'])
      expect(refusal).toContain(text);
  });
});

it('knows the plugins that are built, no more and no less', async () => {
  const text = await readFile(`${CHARTS}/cluster-dns/templates/_checks.tpl`, 'utf8');
  const known = /define "cluster-dns\.plugins" -\}\}\n(.*)\n/.exec(text)?.[1]?.split(' ');
  const built = PLUGINS.flatMap((plugin) => ('unbuilt' in plugin ? [] : [plugin.name]));
  expect(known).toEqual([...built, 'import'].toSorted());
});
