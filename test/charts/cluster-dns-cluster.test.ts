import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectFields } from '#test/chart-fields.ts';
import { outcome } from '#test/command.ts';
import { CHARTS } from '#test/helm.ts';
import { missing, titled } from '../root/needs.ts';

const reason = await missing('the chart cluster-dns beside a cluster', ['helm']);

/** Objects of the cluster that Helm asks, by their paths. */
type Live = Readonly<Record<string, object>>;

const SERVICES = '/api/v1/namespaces/kube-system/services';
const kubeDns = (clusterIP: string) => ({
  [`${SERVICES}/kube-dns`]: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'kube-dns' }, spec: { clusterIP } },
});
const coredns = (matchLabels: object) => ({
  '/apis/apps/v1/namespaces/kube-system/deployments/coredns': {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'coredns' },
    spec: { selector: { matchLabels } },
  },
});

/** What the chart is made of, as Helm looks it up. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  v1: ['Service', 'ConfigMap', 'ServiceAccount', 'Secret', 'Pod'],
  'apps/v1': ['Deployment'],
  'policy/v1': ['PodDisruptionBudget'],
  'rbac.authorization.k8s.io/v1': ['ClusterRole', 'ClusterRoleBinding'],
};
const GROUPS = Object.keys(KINDS).filter((groupVersion) => groupVersion !== 'v1');
const DISCOVERY: Live = {
  '/version': { major: '1', minor: '34', gitVersion: 'v1.34.0' },
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': {
    kind: 'APIGroupList',
    groups: GROUPS.map((groupVersion) => ({
      name: groupVersion.split('/')[0],
      versions: [{ groupVersion, version: 'v1' }],
    })),
  },
  ...Object.fromEntries(
    Object.entries(KINDS).map(([groupVersion, kinds]) => [
      groupVersion === 'v1' ? '/api/v1' : `/apis/${groupVersion}`,
      {
        kind: 'APIResourceList',
        groupVersion,
        resources: kinds.map((kind) => ({
          name: `${kind.toLowerCase()}s`,
          kind,
          namespaced: !kind.startsWith('Cluster'),
          verbs: ['get', 'list'],
        })),
      },
    ]),
  ),
};

let live: Live = {};
let api: Server;
let url = '';

beforeAll(async () => {
  api = createServer((request, response) => {
    const body = { ...DISCOVERY, ...live }[request.url?.split('?')[0] ?? ''];
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(body ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 }),
    );
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
});

afterAll(() => new Promise((resolve) => api.close(resolve)));

/** `helm template` that may look at the cluster: what it renders with `lookup`. */
const asking = (...sets: readonly string[]): readonly string[] => [
  ...['--dry-run=server', '--kube-apiserver', url],
  ...sets.flatMap((set) => ['--set', set]),
];

describe.skipIf(reason !== '')(titled('the chart cluster-dns beside a cluster', reason), () => {
  it('takes the address and the selector of the DNS that it takes over', async () => {
    const labels = { 'k8s-app': 'kube-dns', 'eks.amazonaws.com/component': 'coredns' };
    live = { ...kubeDns('10.100.0.10'), ...coredns(labels) };
    await expectFields('cluster-dns', {
      it: '',
      values: { adopt: true },
      args: asking(),
      fields: [
        ['Service', 'spec.clusterIP', '10.100.0.10'],
        ['Service', 'spec.selector', labels],
        ['Deployment', 'spec.selector', { matchLabels: labels }],
        ['Deployment', 'spec.template.metadata.labels', expect.objectContaining(labels)],
      ],
    });
  });

  it('keeps the address of its own Service at an upgrade', async () => {
    live = {
      [`${SERVICES}/cluster-dns`]: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'cluster-dns' },
        spec: { clusterIP: '10.96.0.10' },
      },
    };
    await expectFields('cluster-dns', {
      it: '',
      values: {},
      args: asking(),
      fields: [['Service', 'spec.clusterIP', '10.96.0.10']],
    });
  });

  it('offers what to do where the cluster has a DNS', async () => {
    live = kubeDns('10.96.0.10');
    const refusal = await expectFields('cluster-dns', { it: '', values: {}, args: asking() }).catch(
      (error: Error) => error.message,
    );
    for (const text of [
      'kube-system/kube-dns with 10.96.0.10',
      'adopt=true',
      'service.enabled=false',
      'clusterIP=auto',
    ])
      expect(refusal).toContain(text);
  });

  it('needs an address where the cluster has no DNS, also to take one over', async () => {
    live = {};
    const refusal = await expectFields('cluster-dns', { it: '', values: { adopt: true }, args: asking() }).catch(
      (error: Error) => error.message,
    );
    expect(refusal).toContain('service.clusterIP is not set');
  });
});

/** The notes that Helm prints after an install. */
const notes = async (...sets: readonly string[]): Promise<string> => {
  live = {};
  const { stdout, stderr } = await outcome('helm', [
    ...['install', 'cluster-dns', `${CHARTS}/cluster-dns`, '--namespace', 'kube-system', '--dry-run=client'],
    ...['--kube-apiserver', url, '--disable-openapi-validation'],
    ...sets.flatMap((set) => ['--set', set]),
  ]);
  const [, text] = stdout.split('\nNOTES:\n');
  if (text === undefined) throw new Error(`no notes: ${stderr}`);
  return text;
};

describe.skipIf(reason !== '')(titled('the notes of the chart cluster-dns', reason), () => {
  it('have the two commands that tell whether it works, and what is still to do', async () => {
    const text = await notes('service.clusterIP=10.96.0.10');
    expect(text).toContain('kubectl -n kube-system rollout status deployment/cluster-dns');
    expect(text).toContain('nslookup kubernetes.default.svc.cluster.local 10.96.0.10');
    expect(text).toContain('docker build .');
    expect(text).not.toContain('WARNING');
  });

  it('have the way back where a DNS was taken over', async () => {
    const text = await notes('service.clusterIP=10.96.0.10', 'adopt=true', 'image.repository=r.example/cluster-dns');
    expect(text).toContain('kubectl -n kube-system rollout undo deployment/coredns');
    expect(text).not.toContain('docker build');
  });

  it.each([
    ["the limits of CoreDNS's chart", ['resources.limits.memory=128Mi'], 'resources.limits.memory is 128Mi'],
    ['a CPU limit', ['resources.limits.cpu=100m'], 'resources.limits.cpu is 100m'],
    ['less time to end than lameduck', ['terminationGracePeriodSeconds=5'], 'terminationGracePeriodSeconds is 5'],
    ['one Pod', ['replicaCount=1'], 'replicaCount is below two'],
    ['a state that nothing can hold', ['state.enabled=false'], 'state.enabled is false'],
    ['a capability that is missing', ['securityContext.capabilities.add=null'], 'NET_BIND_SERVICE'],
  ])('warn of %s', async (_, sets, said) => {
    const warnings = (await notes('service.clusterIP=10.96.0.10', ...sets))
      .split('\n')
      .filter((line) => line.startsWith('WARNING: '));
    expect(warnings).toEqual([expect.stringContaining(said)]);
  });
});
