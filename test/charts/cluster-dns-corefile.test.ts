import { describe, it } from 'vitest';
import { expectFields, type FieldRow } from '#test/chart-fields.ts';
import { missing, titled } from '../root/needs.ts';

const reason = await missing('what the chart cluster-dns reads in the Corefile', ['helm']);

const IP = { service: { clusterIP: '10.96.0.10' } };
const POD = 'spec.template.spec';
const CONTAINER = `${POD}.containers.0`;
const LIST_WATCH = ['list', 'watch'];
const CORE = (...resources: string[]) => ({ apiGroups: [''], resources, verbs: LIST_WATCH });
const SLICES = { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: LIST_WATCH };

/** A server block of these plugins, written as lines: `name parameters` and, behind a bar, what stands in braces. */
const server = (...plugins: readonly string[]) => ({
  zones: [{ zone: '.' }],
  port: 53,
  plugins: plugins.map((line) => {
    const [head = '', configBlock] = line.split(' | ');
    const [name, ...words] = head.split(' ');
    return { name, parameters: words.join(' '), ...(configBlock === undefined ? {} : { configBlock }) };
  }),
});
const PROBED = ['health', 'ready'];

const ROWS: readonly FieldRow[] = [
  {
    it: 'asks the API server for no more than the default Corefile reads: no Pods',
    values: IP,
    fields: [
      ['ClusterRole', 'rules', [CORE('services', 'namespaces'), SLICES]],
      ['ClusterRoleBinding', 'subjects', [{ kind: 'ServiceAccount', name: 'cluster-dns', namespace: 'kube-system' }]],
      ['Deployment', `${POD}.serviceAccountName`, 'cluster-dns'],
    ],
  },
  {
    it: 'may read Pods where they are verified',
    values: { ...IP, servers: [server(...PROBED, 'kubernetes cluster.local | pods verified')] },
    fields: [['ClusterRole', 'rules', [CORE('services', 'namespaces', 'pods'), SLICES]]],
  },
  {
    it: 'may not read Pods where a comment speaks of them',
    values: { ...IP, corefile: '. {\n health\n ready\n kubernetes cluster.local {\n  # pods verified\n }\n}\n' },
    fields: [['ClusterRole', 'rules', [CORE('services', 'namespaces'), SLICES]]],
  },
  {
    it: 'may not read EndpointSlices without endpoints',
    values: { ...IP, servers: [server(...PROBED, 'kubernetes cluster.local | noendpoints')] },
    fields: [['ClusterRole', 'rules', [CORE('services', 'namespaces')]]],
  },
  {
    it: 'may read EndpointSlices where one of two blocks has endpoints',
    values: {
      ...IP,
      servers: [
        server(...PROBED, 'kubernetes a.test | noendpoints'),
        { ...server('kubernetes'), zones: [{ zone: 'b.test' }] },
      ],
    },
    fields: [['ClusterRole', 'rules', [CORE('services', 'namespaces'), SLICES]]],
  },
  {
    it: 'may read what service_watch follows, and no Namespaces',
    values: {
      ...IP,
      servers: [server(...PROBED, 'cache', 'service_watch cluster.local', 'forward . 192.0.2.10')],
    },
    fields: [['ClusterRole', 'rules', [CORE('services'), SLICES]]],
  },
  {
    it: 'may read Services alone where service_watch leaves endpoints out',
    values: { ...IP, servers: [server(...PROBED, 'service_watch cluster.local | endpoints none')] },
    fields: [['ClusterRole', 'rules', [CORE('services')]]],
  },
  {
    it: 'has no right and no token where nothing asks this API server',
    values: {
      ...IP,
      servers: [
        server(...PROBED, 'kubernetes cluster.local | kubeconfig /etc/other/kubeconfig', 'forward . 192.0.2.1'),
      ],
    },
    fields: [['Deployment', `${POD}.automountServiceAccountToken`, false]],
    without: ['ClusterRole', 'ClusterRoleBinding'],
  },
  {
    it: 'may read Pods where the Corefile is not all seen, unless that is ruled out',
    values: { ...IP, deployment: { skipConfig: true } },
    fields: [['ClusterRole', 'rules', [CORE('services', 'namespaces', 'pods'), SLICES]]],
  },
  {
    it: 'takes the word of the values over what is seen',
    values: { ...IP, deployment: { skipConfig: true }, rbac: { pods: false } },
    fields: [['ClusterRole', 'rules', [CORE('services', 'namespaces'), SLICES]]],
  },
  {
    it: 'follows a snippet, which is no import of a file',
    values: {
      ...IP,
      corefile: '(common) {\n  health :8090\n  ready\n}\n. {\n  import common\n  kubernetes cluster.local\n}\n',
    },
    fields: [
      ['ClusterRole', 'rules', [CORE('services', 'namespaces'), SLICES]],
      ['Deployment', `${CONTAINER}.livenessProbe.httpGet.port`, 8090],
      [
        'Deployment',
        `${CONTAINER}.ports`,
        [
          { name: 'udp-53', containerPort: 53, protocol: 'UDP' },
          { name: 'tcp-53', containerPort: 53, protocol: 'TCP' },
        ],
      ],
    ],
  },
  {
    it: 'probes where the Corefile says the endpoints are',
    values: {
      ...IP,
      servers: [server('health :9080', 'ready 0.0.0.0:9181', 'prometheus :9253')],
    },
    fields: [
      ['Deployment', `${CONTAINER}.livenessProbe.httpGet`, { path: '/health', port: 9080, scheme: 'HTTP' }],
      ['Deployment', `${CONTAINER}.readinessProbe.httpGet`, { path: '/ready', port: 9181, scheme: 'HTTP' }],
      ['Service', 'spec.ports.2', { name: 'metrics', port: 9253, targetPort: 9253, protocol: 'TCP' }],
    ],
  },
  {
    it: 'has no probes where the values have none',
    values: {
      ...IP,
      livenessProbe: { enabled: false },
      readinessProbe: { enabled: false },
      servers: [server('whoami')],
    },
    fields: [
      ['Deployment', `${CONTAINER}.livenessProbe`, undefined],
      ['Deployment', `${CONTAINER}.readinessProbe`, undefined],
    ],
  },
  {
    it: 'gives a Pod more time to end than lameduck and the replies after it take',
    values: { ...IP, servers: [server('health | lameduck 1m5s', 'ready')] },
    fields: [['Deployment', `${POD}.terminationGracePeriodSeconds`, 75]],
  },
  {
    it: 'gives a Pod half a minute to end where lameduck is short',
    values: { ...IP, servers: [server('health | lameduck 1500ms', 'ready')] },
    fields: [['Deployment', `${POD}.terminationGracePeriodSeconds`, 30]],
  },
  {
    it: 'gives a Pod the time that the values say',
    values: { ...IP, terminationGracePeriodSeconds: 45 },
    fields: [['Deployment', `${POD}.terminationGracePeriodSeconds`, 45]],
  },
  {
    it: 'keeps the state in a volume that outlives the container',
    values: IP,
    fields: [
      ['Deployment', `${CONTAINER}.volumeMounts.1`, { name: 'state', mountPath: '/var/lib/cluster-dns' }],
      ['Deployment', `${POD}.volumes.1`, { name: 'state', emptyDir: { sizeLimit: '512Mi' } }],
    ],
  },
  {
    it: 'keeps the state on the node where the values say so',
    values: { ...IP, state: { volume: { hostPath: { path: '/var/lib/cluster-dns', type: 'DirectoryOrCreate' } } } },
    fields: [
      [
        'Deployment',
        `${POD}.volumes.1`,
        { name: 'state', hostPath: { path: '/var/lib/cluster-dns', type: 'DirectoryOrCreate' } },
      ],
    ],
  },
  {
    it: 'writes the Corefile as it is given',
    values: { ...IP, corefile: '.:53 {\n    health\n    ready\n    whoami\n}' },
    fields: [['ConfigMap', 'data.Corefile', '.:53 {\n    health\n    ready\n    whoami\n}\n']],
  },
  {
    it: 'serves the ports that a given Corefile listens on',
    values: { ...IP, corefile: 'a.test:1053,\nb.test:1053 {\n health\n ready\n}\n. {\n whoami\n}\n' },
    fields: [
      [
        'Service',
        'spec.ports',
        [
          { name: 'udp-1053', port: 1053, targetPort: 1053, protocol: 'UDP' },
          { name: 'tcp-1053', port: 1053, targetPort: 1053, protocol: 'TCP' },
          { name: 'udp-53', port: 53, targetPort: 53, protocol: 'UDP' },
          { name: 'tcp-53', port: 53, targetPort: 53, protocol: 'TCP' },
        ],
      ],
    ],
  },
];

describe.skipIf(reason !== '')(titled('what follows from the Corefile', reason), () => {
  it.each(ROWS)('$it', (row) => expectFields('cluster-dns', row));
});
