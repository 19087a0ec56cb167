import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { expectFields, type FieldRow, findObject } from '#test/chart-fields.ts';
import { at, CHARTS, helmTemplate } from '#test/helm.ts';
import { missing, titled } from '../root/needs.ts';

const reason = await missing('the chart cluster-dns', ['helm']);

const IP = { service: { clusterIP: '10.96.0.10' } };
const POD = 'spec.template.spec';
const CONTAINER = `${POD}.containers.0`;

const ROWS: readonly FieldRow[] = [
  {
    it: 'is the DNS of a cluster: the fixed address, DNS over both protocols, metrics',
    values: IP,
    fields: [
      ['Service', 'metadata.name', 'cluster-dns'],
      ['Service', 'spec.clusterIP', '10.96.0.10'],
      [
        'Service',
        'spec.ports',
        [
          { name: 'udp-53', port: 53, targetPort: 53, protocol: 'UDP' },
          { name: 'tcp-53', port: 53, targetPort: 53, protocol: 'TCP' },
          { name: 'metrics', port: 9153, targetPort: 9153, protocol: 'TCP' },
        ],
      ],
      ['Deployment', `${POD}.dnsPolicy`, 'Default'],
      ['Deployment', `${POD}.priorityClassName`, 'system-cluster-critical'],
    ],
  },
  {
    it: 'stays there when a node goes: two Pods, a budget, spread over nodes and zones, one more before one less',
    values: IP,
    fields: [
      ['Deployment', 'spec.replicas', 2],
      ['Deployment', 'spec.strategy.rollingUpdate', { maxSurge: '25%', maxUnavailable: 0 }],
      ['PodDisruptionBudget', 'spec.maxUnavailable', 1],
      ['PodDisruptionBudget', 'spec.unhealthyPodEvictionPolicy', 'AlwaysAllow'],
      ['Deployment', `${POD}.topologySpreadConstraints.0.topologyKey`, 'topology.kubernetes.io/zone'],
      ['Deployment', `${POD}.topologySpreadConstraints.1.topologyKey`, 'kubernetes.io/hostname'],
      [
        'Deployment',
        `${POD}.topologySpreadConstraints.1.labelSelector.matchLabels`,
        {
          'app.kubernetes.io/instance': 'cluster-dns',
          'app.kubernetes.io/name': 'cluster-dns',
          'k8s-app': 'cluster-dns',
        },
      ],
      [
        'Deployment',
        `${POD}.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution.0.podAffinityTerm.topologyKey`,
        'kubernetes.io/hostname',
      ],
    ],
  },
  {
    it: 'is what the Pod security standard "restricted" asks for',
    values: IP,
    fields: [
      [
        'Deployment',
        `${POD}.securityContext`,
        { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
      ],
      [
        'Deployment',
        `${CONTAINER}.securityContext`,
        {
          allowPrivilegeEscalation: false,
          capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
          readOnlyRootFilesystem: true,
        },
      ],
    ],
  },
  {
    it: 'needs no address beside another DNS: its own Service, and a label that kube-dns does not select',
    values: { service: { clusterIP: 'auto' } },
    fields: [
      ['Service', 'spec.clusterIP', undefined],
      ['Service', 'spec.selector.k8s-app', 'cluster-dns'],
      ['Deployment', 'spec.template.metadata.labels.k8s-app', 'cluster-dns'],
    ],
  },
  {
    it: 'is a canary behind the live Service: its label, no Service, a Deployment and a selector of its own',
    values: { service: { enabled: false }, k8sAppLabelOverride: 'kube-dns', replicaCount: 1 },
    fields: [
      ['Deployment', 'metadata.name', 'cluster-dns'],
      ['Deployment', 'spec.template.metadata.labels.k8s-app', 'kube-dns'],
      // By its label kubeadm finds the Deployment of the cluster's DNS, and upgrades nothing where there are two.
      ['Deployment', 'metadata.labels.k8s-app', 'cluster-dns'],
      [
        'Deployment',
        'spec.selector.matchLabels',
        {
          'app.kubernetes.io/instance': 'cluster-dns',
          'app.kubernetes.io/name': 'cluster-dns',
          'k8s-app': 'kube-dns',
        },
      ],
    ],
    without: ['Service'],
  },
  {
    it: "reads CoreDNS's own ConfigMap, whole, where the canary is to have the same Corefile",
    values: {
      service: { enabled: false },
      k8sAppLabelOverride: 'kube-dns',
      deployment: { skipConfig: true, configMapName: 'coredns' },
    },
    fields: [
      ['Deployment', `${POD}.volumes.0`, { name: 'config-volume', configMap: { name: 'coredns' } }],
      // The Corefiles of k3s, AKS and Gardener import from it.
      [
        'Deployment',
        `${POD}.volumes.1`,
        { name: 'custom-config-volume', configMap: { name: 'coredns-custom', optional: true } },
      ],
      [
        'Deployment',
        `${CONTAINER}.volumeMounts.1`,
        { name: 'custom-config-volume', mountPath: '/etc/coredns/custom', readOnly: true },
      ],
    ],
    without: ['ConfigMap'],
  },
  {
    it: 'mounts a ConfigMap of the operator beside its own Corefile, where one is named',
    values: { ...IP, customConfigMap: { name: 'mine', mountPath: '/etc/mine' } },
    fields: [
      ['Deployment', `${POD}.volumes.1.configMap`, { name: 'mine', optional: true }],
      ['Deployment', `${CONTAINER}.volumeMounts.1.mountPath`, '/etc/mine'],
    ],
  },
  {
    it: 'mounts none where its own Corefile imports nothing',
    values: IP,
    fields: [['Deployment', `${POD}.volumes.1.name`, 'state']],
  },
  {
    it: 'takes over the Deployment and the Service of kubeadm by their names, ports, selector and container',
    values: { ...IP, adopt: true },
    fields: [
      ['Deployment', 'metadata.name', 'coredns'],
      ['Deployment', 'metadata.labels.k8s-app', 'kube-dns'],
      ['Deployment', 'spec.selector', { matchLabels: { 'k8s-app': 'kube-dns' } }],
      ['Deployment', 'spec.template.metadata.labels.k8s-app', 'kube-dns'],
      ['Deployment', `${CONTAINER}.name`, 'coredns'],
      ['Service', 'metadata.name', 'kube-dns'],
      ['Service', 'spec.selector', { 'k8s-app': 'kube-dns' }],
      [
        'Service',
        'spec.ports',
        [
          { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53, targetPort: 53, protocol: 'TCP' },
          { name: 'metrics', port: 9153, targetPort: 9153, protocol: 'TCP' },
        ],
      ],
      [
        'Service',
        'metadata.annotations',
        { 'helm.sh/resource-policy': 'keep', 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9153' },
      ],
    ],
  },
  {
    it: 'leaves ConfigMap, account and rights of CoreDNS alone when it takes over, so that an undo finds them',
    values: { ...IP, adopt: true },
    fields: [
      ['ConfigMap', 'metadata.name', 'cluster-dns'],
      ['ServiceAccount', 'metadata.name', 'cluster-dns'],
      ['ClusterRole', 'metadata.name', 'cluster-dns'],
    ],
  },
  {
    it: 'names the container coredns wherever the Deployment is, as a patch would else add a second one',
    values: { ...IP, fullnameOverride: 'coredns' },
    fields: [['Deployment', `${CONTAINER}.name`, 'coredns']],
  },
  {
    it: "upgrades a release of CoreDNS's chart: names and selector are the same",
    values: { ...IP, nameOverride: 'coredns', k8sAppLabelOverride: 'coredns' },
    release: 'coredns',
    fields: [
      [
        'Deployment',
        'spec.selector',
        {
          matchLabels: {
            'app.kubernetes.io/instance': 'coredns',
            'app.kubernetes.io/name': 'coredns',
            'k8s-app': 'coredns',
          },
        },
      ],
      ['Deployment', 'metadata.name', 'coredns'],
      ['Service', 'metadata.name', 'coredns'],
    ],
  },
  {
    it: 'takes one address of each family',
    values: {
      service: {
        clusterIPs: ['10.96.0.10', 'fd00:10:96::a'],
        ipFamilyPolicy: 'RequireDualStack',
        ipFamilies: ['IPv4', 'IPv6'],
      },
    },
    fields: [
      ['Service', 'spec.clusterIP', '10.96.0.10'],
      ['Service', 'spec.clusterIPs', ['10.96.0.10', 'fd00:10:96::a']],
      ['Service', 'spec.ipFamilyPolicy', 'RequireDualStack'],
    ],
  },
  {
    it: 'has a budget with minAvailable alone where that is asked for, as the API server takes no two',
    values: { ...IP, podDisruptionBudget: { minAvailable: 1 } },
    fields: [
      ['PodDisruptionBudget', 'spec.minAvailable', 1],
      ['PodDisruptionBudget', 'spec.maxUnavailable', undefined],
    ],
  },
  {
    it: 'has no budget where it is taken out, as two over one Pod keep it from being evicted',
    values: { ...IP, podDisruptionBudget: null },
    without: ['PodDisruptionBudget'],
  },
  {
    it: 'brings the Service that a ServiceMonitor reads',
    values: { ...IP, prometheus: { monitor: { enabled: true, interval: '15s', additionalLabels: { release: 'p' } } } },
    fields: [
      ['ServiceMonitor', 'metadata.labels.release', 'p'],
      ['ServiceMonitor', 'spec.endpoints', [{ port: 'metrics', interval: '15s' }]],
      [
        'ServiceMonitor',
        'spec.selector.matchLabels',
        {
          'app.kubernetes.io/component': 'metrics',
          'app.kubernetes.io/instance': 'cluster-dns',
          'app.kubernetes.io/name': 'cluster-dns',
          'k8s-app': 'cluster-dns',
        },
      ],
      [
        'Service cluster-dns-metrics',
        'metadata.labels',
        expect.objectContaining({
          'app.kubernetes.io/component': 'metrics',
          'app.kubernetes.io/instance': 'cluster-dns',
          'app.kubernetes.io/name': 'cluster-dns',
          'k8s-app': 'cluster-dns',
        }),
      ],
      [
        'Service cluster-dns-metrics',
        'spec.ports',
        [{ name: 'metrics', port: 9153, targetPort: 9153, protocol: 'TCP' }],
      ],
    ],
  },
  {
    it: 'lets everybody ask, and probes through, where a NetworkPolicy limits the metrics',
    values: {
      ...IP,
      networkPolicy: { enabled: true, metricsFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }] },
    },
    fields: [
      ['NetworkPolicy', 'spec.policyTypes', ['Ingress']],
      [
        'NetworkPolicy',
        'spec.ingress',
        [
          {
            ports: [
              { port: 53, protocol: 'UDP' },
              { port: 53, protocol: 'TCP' },
            ],
          },
          {
            ports: [{ port: 9153, protocol: 'TCP' }],
            from: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }],
          },
          {
            ports: [
              { port: 8080, protocol: 'TCP' },
              { port: 8181, protocol: 'TCP' },
            ],
          },
        ],
      ],
    ],
  },
  {
    it: 'leaves the number of Pods to an autoscaler',
    values: { ...IP, hpa: { enabled: true } },
    fields: [
      ['Deployment', 'spec.replicas', undefined],
      [
        'HorizontalPodAutoscaler',
        'spec.scaleTargetRef',
        { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cluster-dns' },
      ],
      ['HorizontalPodAutoscaler', 'spec.minReplicas', 2],
    ],
  },
  {
    it: 'gives the proportional autoscaler rights on one Deployment and one ConfigMap',
    values: { ...IP, autoscaler: { enabled: true, min: 3 } },
    fields: [
      ['Deployment cluster-dns', 'spec.replicas', undefined],
      [
        'Role',
        'rules',
        [
          {
            apiGroups: ['apps'],
            resources: ['deployments/scale'],
            resourceNames: ['cluster-dns'],
            verbs: ['get', 'update'],
          },
          { apiGroups: [''], resources: ['configmaps'], resourceNames: ['cluster-dns-autoscaler'], verbs: ['get'] },
        ],
      ],
      [
        'ClusterRole cluster-dns-autoscaler',
        'rules',
        [{ apiGroups: [''], resources: ['nodes'], verbs: ['list', 'watch'] }],
      ],
      [
        'ConfigMap cluster-dns-autoscaler',
        'data.linear',
        JSON.stringify({
          coresPerReplica: 256,
          includeUnschedulableNodes: false,
          max: 0,
          min: 3,
          nodesPerReplica: 16,
          preventSinglePointFailure: true,
        }),
      ],
    ],
  },
  {
    it: 'scales a Deployment that is there, and makes nothing else',
    values: { deployment: { enabled: false, name: 'coredns' }, hpa: { enabled: true } },
    fields: [['HorizontalPodAutoscaler', 'spec.scaleTargetRef.name', 'coredns']],
    without: ['Deployment', 'Service', 'ConfigMap', 'ClusterRole', 'PodDisruptionBudget', 'ServiceAccount'],
  },
  {
    it: 'asks the Service in its own test, by the variable that Pods get of it, without any right',
    values: { ...IP, adopt: true },
    fields: [
      [
        'Pod',
        'metadata.annotations',
        { 'helm.sh/hook': 'test', 'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded' },
      ],
      ['Pod', 'spec.containers.0.securityContext.capabilities', { drop: ['ALL'] }],
      ['Pod', 'spec.automountServiceAccountToken', false],
      ['Pod', 'spec.containers.0.args.0', expect.stringContaining('process.env.KUBE_DNS_SERVICE_HOST')],
    ],
  },
];

/** Places of all that is neither text, list nor object, with what is there. */
const notTexts = (value: unknown, path = ''): readonly string[] => {
  if (typeof value === 'string') return [];
  if (typeof value !== 'object' || value === null) return [`${path} ${value}`];
  return Object.entries(value).flatMap(([key, inner]) => notTexts(inner, `${path}.${key}`));
};

describe.skipIf(reason !== '')(titled('the chart cluster-dns', reason), () => {
  it.each(ROWS)('$it', (row) => expectFields('cluster-dns', row));

  it('brings the alerts and the dashboard as they lie in its files', async () => {
    const values = { ...IP, prometheus: { rules: { enabled: true } }, dashboard: { enabled: true } };
    const manifests = await helmTemplate('cluster-dns', values);
    const file = (name: string) => readFile(`${CHARTS}/cluster-dns/files/${name}`, 'utf8');
    expect(at(findObject(manifests, 'PrometheusRule'), 'spec')).toEqual(load(await file('rules.yaml')));
    const dashboard = findObject(manifests, 'ConfigMap cluster-dns-dashboard');
    expect(dashboard.metadata.labels).toMatchObject({ grafana_dashboard: '1' });
    expect(Object.values(dashboard.data as object).map((text) => JSON.parse(text))).toEqual([
      JSON.parse(await file('dashboard.json')),
    ]);
  });

  it('has a ServiceMonitor of a canary find its Service, which has not the label of the Pods', async () => {
    const manifests = await helmTemplate('cluster-dns', {
      service: { enabled: false },
      k8sAppLabelOverride: 'kube-dns',
      prometheus: { monitor: { enabled: true } },
    });
    const service = findObject(manifests, 'Service cluster-dns-metrics');
    expect(service.metadata.labels).toMatchObject({ 'k8s-app': 'cluster-dns' });
    expect(service.metadata.labels).toMatchObject(
      at(findObject(manifests, 'ServiceMonitor'), 'spec.selector.matchLabels') as object,
    );
    expect(at(service, 'spec.selector.k8s-app')).toBe('kube-dns');
  });

  it.each([
    ['plain', {}],
    [
      'full',
      {
        prometheus: { monitor: { enabled: true }, rules: { enabled: true } },
        dashboard: { enabled: true },
        networkPolicy: { enabled: true },
        autoscaler: { enabled: true },
        zoneFiles: [{ filename: '1', contents: '' }],
        extraSecrets: [{ name: '2', mountPath: '/etc/2' }],
      },
    ],
    ['with adopt', { adopt: true, hpa: { enabled: true } }],
  ])('can have names and a namespace that YAML takes for something else, %s', async (_, more) => {
    const plain = { ...IP, ...more, nameOverride: 'name', fullnameOverride: 'full', k8sAppLabelOverride: 'label' };
    const odd = { ...plain, nameOverride: '1e3', fullnameOverride: '123', k8sAppLabelOverride: 'true' };
    // What is no text is the same: no name has become a number, a truth or nothing.
    expect(notTexts(await helmTemplate('cluster-dns', odd, { release: 'n', namespace: 'on' }))).toEqual(
      notTexts(await helmTemplate('cluster-dns', plain, { release: 'release', namespace: 'namespace' })),
    );
  });

  it('replaces its Pods when the Corefile changes, and only then', async () => {
    const checksum = async (values: object) =>
      at(findObject(await helmTemplate('cluster-dns', values), 'Deployment'), 'spec.template.metadata.annotations');
    const before = await checksum(IP);
    expect(await checksum({ ...IP, replicaCount: 5, customAnnotations: { a: 'b' } })).toEqual(before);
    expect(await checksum({ ...IP, extraConfig: { import: { parameters: '/etc/more/*' } } })).not.toEqual(before);
  });
});
