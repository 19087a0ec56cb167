import { describe, expect, it } from 'vitest';
import { at, helmTemplate, type Manifest, theOne } from '#test/helm.ts';
import { missing, titled } from '../root/needs.ts';

const reason = await missing("a values file for CoreDNS's chart", ['helm']);

const POD = 'spec.template.spec';
const CONTAINER = `${POD}.containers.0`;

/** Every key that the chart of CoreDNS 1.46.2 has, with values that differ from its own where they can. */
const EVERY_KEY = {
  image: {
    repository: 'registry.example/cluster-dns',
    tag: '9.9.9',
    pullPolicy: 'Always',
    pullSecrets: [{ name: 'registry' }],
  },
  replicaCount: 5,
  resources: { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '250m', memory: '200Mi' } },
  rollingUpdate: { maxUnavailable: 2, maxSurge: '50%' },
  terminationGracePeriodSeconds: 40,
  podAnnotations: { 'a.example/pod': 'yes' },
  podLabels: { 'b.example/pod': 'yes' },
  serviceType: 'NodePort',
  prometheus: {
    service: { enabled: true, annotations: { 'prometheus.io/port': '9153' }, selector: { app: 'metrics' } },
    monitor: {
      enabled: true,
      additionalLabels: { release: 'prometheus' },
      namespace: 'monitoring',
      interval: '20s',
      scrapeTimeout: '10s',
      scheme: 'http',
      honorLabels: true,
      tlsConfig: { insecureSkipVerify: true },
      relabelings: [{ action: 'labeldrop', regex: 'pod' }],
      metricRelabelings: [{ action: 'drop', regex: 'go_.*', sourceLabels: ['__name__'] }],
      selector: { matchLabels: { app: 'metrics' } },
    },
  },
  service: {
    clusterIP: '10.96.0.10',
    clusterIPs: ['10.96.0.10'],
    loadBalancerIP: '192.0.2.1',
    loadBalancerClass: 'example.com/lb',
    externalIPs: ['192.0.2.2'],
    externalTrafficPolicy: 'Local',
    ipFamilyPolicy: 'SingleStack',
    trafficDistribution: 'PreferClose',
    name: 'dns',
    annotations: { 'a.example/service': 'yes' },
    selector: { app: 'dns' },
  },
  serviceAccount: { create: true, name: 'dns-reader', annotations: { 'a.example/account': 'yes' } },
  rbac: { create: true },
  clusterRole: { nameOverride: 'dns-role' },
  isClusterService: true,
  priorityClassName: 'very-high',
  podSecurityContext: { fsGroup: 65532 },
  securityContext: { capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] } },
  servers: [
    {
      zones: [{ zone: 'a.test.', scheme: 'dns://', use_tcp: true }, { zone: 'b.test' }],
      port: 1053,
      servicePort: 53,
      nodePort: 30053,
      hostPort: 2053,
      plugins: [
        { name: 'health', configBlock: 'lameduck 5s' },
        { name: 'ready' },
        { name: 'cache', parameters: 30 },
        { name: 'hosts', parameters: '/etc/coredns/names.hosts', configBlock: 'ttl 60\nfallthrough' },
        { name: 'kubernetes', parameters: 'a.test in-addr.arpa', configBlock: 'pods verified\nttl 30' },
        { name: 'prometheus', parameters: '0.0.0.0:9153' },
      ],
    },
    { zones: [{ zone: 'c.test', use_tcp: false }], port: 5353, plugins: [{ name: 'whoami' }] },
    { plugins: [{ name: 'forward', parameters: '. /etc/resolv.conf' }] },
  ],
  extraConfig: { import: { parameters: '/etc/more/*.conf' } },
  livenessProbe: {
    enabled: true,
    initialDelaySeconds: 11,
    periodSeconds: 12,
    timeoutSeconds: 13,
    failureThreshold: 14,
    successThreshold: 1,
  },
  readinessProbe: {
    enabled: true,
    initialDelaySeconds: 21,
    periodSeconds: 22,
    timeoutSeconds: 23,
    failureThreshold: 24,
    successThreshold: 25,
  },
  affinity: { nodeAffinity: { a: '{{ .Release.Name }}' } },
  topologySpreadConstraints: [
    {
      maxSkew: 2,
      topologyKey: 'zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: '{{ template "coredns.name" . }}' } },
    },
  ],
  nodeSelector: { role: 'dns' },
  tolerations: [{ key: 'role', operator: 'Equal', value: 'dns', effect: 'NoSchedule' }],
  podDisruptionBudget: { minAvailable: '50%' },
  zoneFiles: [{ filename: 'names.hosts', domain: 'a.test', contents: '192.0.2.7 www.a.test\n' }],
  initContainers: [{ name: 'before', image: 'busybox' }],
  extraContainers: [{ name: 'beside', image: 'busybox' }],
  extraVolumes: [{ name: 'more', emptyDir: {} }],
  extraVolumeMounts: [{ name: 'more', mountPath: '/etc/more' }],
  extraSecrets: [{ name: 'tls', mountPath: '/etc/tls', defaultMode: 256 }],
  env: [{ name: 'A', value: 'b' }],
  k8sAppLabelOverride: 'my-dns',
  customLabels: { 'a.example/all': 'yes' },
  customAnnotations: { 'b.example/all': 'yes' },
  hpa: { enabled: false, minReplicas: 1, maxReplicas: 3, metrics: [] },
  autoscaler: {
    enabled: false,
    coresPerReplica: 128,
    nodesPerReplica: 8,
    min: 1,
    max: 9,
    includeUnschedulableNodes: true,
    preventSinglePointFailure: false,
    podAnnotations: { a: 'b' },
    podSecurityContext: {},
    securityContext: { privileged: false },
    customFlags: ['--nodelabels=a=b'],
    image: { repository: 'registry.example/cpa', tag: 'v1', pullPolicy: 'Always', pullSecrets: [] },
    priorityClassName: 'high',
    affinity: {},
    nodeSelector: { a: 'b' },
    tolerations: [],
    resources: { requests: { cpu: '10m' }, limits: { memory: '20Mi' } },
    configmap: { annotations: { a: 'b' } },
    livenessProbe: { enabled: false },
    extraContainers: [],
  },
  deployment: {
    skipConfig: false,
    enabled: true,
    name: 'dns-server',
    annotations: { 'a.example/deployment': 'yes' },
    selector: { matchLabels: { 'k8s-app': 'my-dns' } },
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['192.0.2.9'] },
  },
};

describe.skipIf(reason !== '')(titled("a values file for CoreDNS's chart", reason), async () => {
  const manifests: readonly Manifest[] = reason === '' ? await helmTemplate('cluster-dns', EVERY_KEY) : [];
  const deployment = () => theOne(manifests, 'Deployment');
  const service = () => theOne(manifests, 'Service', 'dns');

  it('is written into the Corefile as that chart does, with the port at every zone', () => {
    expect(at(theOne(manifests, 'ConfigMap'), 'data')).toEqual({
      Corefile: `import /etc/more/*.conf
dns://a.test.:1053 b.test:1053 {
    health {
        lameduck 5s
    }
    ready
    cache 30
    hosts /etc/coredns/names.hosts {
        ttl 60
        fallthrough
    }
    kubernetes a.test in-addr.arpa {
        pods verified
        ttl 30
    }
    prometheus 0.0.0.0:9153
}
c.test:5353 {
    whoami
}
. {
    forward . /etc/resolv.conf
}
`,
      'names.hosts': '192.0.2.7 www.a.test\n',
    });
  });

  it('decides the Service', () => {
    expect(at(service(), 'spec')).toEqual({
      type: 'NodePort',
      selector: { app: 'dns' },
      clusterIP: '10.96.0.10',
      clusterIPs: ['10.96.0.10'],
      ipFamilyPolicy: 'SingleStack',
      externalIPs: ['192.0.2.2'],
      externalTrafficPolicy: 'Local',
      loadBalancerIP: '192.0.2.1',
      loadBalancerClass: 'example.com/lb',
      trafficDistribution: 'PreferClose',
      ports: [
        { name: 'udp-1053', port: 53, targetPort: 1053, protocol: 'UDP', nodePort: 30053 },
        { name: 'tcp-1053', port: 53, targetPort: 1053, protocol: 'TCP', nodePort: 30053 },
        { name: 'udp-5353', port: 5353, targetPort: 5353, protocol: 'UDP' },
        { name: 'udp-53', port: 53, targetPort: 53, protocol: 'UDP' },
        { name: 'tcp-53', port: 53, targetPort: 53, protocol: 'TCP' },
      ],
    });
    expect(at(service(), 'metadata.annotations')).toEqual({ 'a.example/service': 'yes', 'b.example/all': 'yes' });
  });

  it('decides the Deployment', () => {
    expect(at(deployment(), 'metadata')).toMatchObject({
      name: 'dns-server',
      annotations: { 'a.example/deployment': 'yes', 'b.example/all': 'yes' },
      labels: { 'a.example/all': 'yes', 'k8s-app': 'my-dns' },
    });
    expect(at(deployment(), 'spec')).toMatchObject({
      replicas: 5,
      strategy: { rollingUpdate: { maxUnavailable: 2, maxSurge: '50%' } },
      selector: { matchLabels: { 'k8s-app': 'my-dns' } },
    });
    expect(at(deployment(), 'spec.template.metadata')).toMatchObject({
      annotations: { 'a.example/pod': 'yes' },
      labels: { 'a.example/all': 'yes', 'b.example/pod': 'yes', 'k8s-app': 'my-dns' },
    });
  });

  it('decides the Pods', () => {
    expect(at(deployment(), POD)).toMatchObject({
      serviceAccountName: 'dns-reader',
      terminationGracePeriodSeconds: 40,
      priorityClassName: 'very-high',
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['192.0.2.9'] },
      securityContext: { fsGroup: 65532 },
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: { role: 'dns' },
      tolerations: [{ key: 'role', operator: 'Equal', value: 'dns', effect: 'NoSchedule' }],
      affinity: { nodeAffinity: { a: 'cluster-dns' } },
      topologySpreadConstraints: [
        {
          maxSkew: 2,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'cluster-dns' } },
        },
      ],
      initContainers: [{ name: 'before', image: 'busybox' }],
    });
    expect(at(deployment(), `${POD}.containers.1`)).toEqual({ name: 'beside', image: 'busybox' });
  });

  it('decides the container', () => {
    expect(at(deployment(), CONTAINER)).toMatchObject({
      image: 'registry.example/cluster-dns:9.9.9',
      imagePullPolicy: 'Always',
      args: ['-conf', '/etc/coredns/Corefile'],
      env: [{ name: 'NODE_OPTIONS', value: expect.any(String) }, ...EVERY_KEY.env],
      resources: EVERY_KEY.resources,
      livenessProbe: {
        initialDelaySeconds: 11,
        periodSeconds: 12,
        timeoutSeconds: 13,
        failureThreshold: 14,
        successThreshold: 1,
      },
      readinessProbe: {
        initialDelaySeconds: 21,
        periodSeconds: 22,
        timeoutSeconds: 23,
        failureThreshold: 24,
        successThreshold: 25,
      },
      ports: [
        { name: 'udp-1053', containerPort: 1053, protocol: 'UDP', hostPort: 2053 },
        { name: 'tcp-1053', containerPort: 1053, protocol: 'TCP', hostPort: 2053 },
        { name: 'udp-5353', containerPort: 5353, protocol: 'UDP' },
        { name: 'udp-53', containerPort: 53, protocol: 'UDP' },
        { name: 'tcp-53', containerPort: 53, protocol: 'TCP' },
        { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
      ],
    });
    expect(at(deployment(), `${CONTAINER}.volumeMounts`)).toEqual([
      { name: 'config-volume', mountPath: '/etc/coredns', readOnly: true },
      { name: 'state', mountPath: '/var/lib/cluster-dns' },
      { name: 'tls', mountPath: '/etc/tls', readOnly: true },
      { name: 'more', mountPath: '/etc/more' },
    ]);
    expect(at(deployment(), `${POD}.volumes`)).toEqual([
      {
        name: 'config-volume',
        configMap: {
          name: 'cluster-dns',
          items: [
            { key: 'Corefile', path: 'Corefile' },
            { key: 'names.hosts', path: 'names.hosts' },
          ],
        },
      },
      { name: 'state', emptyDir: { sizeLimit: '512Mi' } },
      { name: 'tls', secret: { secretName: 'tls', defaultMode: 256 } },
      { name: 'more', emptyDir: {} },
    ]);
  });

  it('decides account, role and budget', () => {
    expect(theOne(manifests, 'ServiceAccount').metadata).toMatchObject({
      name: 'dns-reader',
      annotations: { 'a.example/account': 'yes', 'b.example/all': 'yes' },
    });
    expect(theOne(manifests, 'ClusterRole').metadata.name).toBe('dns-role');
    expect(at(theOne(manifests, 'ClusterRoleBinding'), 'roleRef.name')).toBe('dns-role');
    expect(at(theOne(manifests, 'PodDisruptionBudget'), 'spec')).toEqual({
      minAvailable: '50%',
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: { 'k8s-app': 'my-dns' } },
    });
  });

  it('decides what Prometheus reads', () => {
    expect(theOne(manifests, 'ServiceMonitor').metadata).toMatchObject({
      namespace: 'monitoring',
      labels: { release: 'prometheus' },
    });
    expect(at(theOne(manifests, 'ServiceMonitor'), 'spec')).toEqual({
      namespaceSelector: { matchNames: ['kube-system'] },
      selector: { matchLabels: { app: 'metrics' } },
      endpoints: [
        {
          port: 'metrics',
          interval: '20s',
          scrapeTimeout: '10s',
          scheme: 'http',
          honorLabels: true,
          tlsConfig: { insecureSkipVerify: true },
          relabelings: [{ action: 'labeldrop', regex: 'pod' }],
          metricRelabelings: [{ action: 'drop', regex: 'go_.*', sourceLabels: ['__name__'] }],
        },
      ],
    });
    expect(at(theOne(manifests, 'Service', 'cluster-dns-metrics'), 'spec.selector')).toEqual({ app: 'metrics' });
  });

  it('decides the autoscaler', async () => {
    const values = { ...EVERY_KEY, autoscaler: { ...EVERY_KEY.autoscaler, enabled: true } };
    const scaler = theOne(await helmTemplate('cluster-dns', values), 'Deployment', 'cluster-dns-autoscaler');
    expect(at(scaler, `${POD}.priorityClassName`)).toBe('high');
    expect(at(scaler, CONTAINER)).toMatchObject({
      image: 'registry.example/cpa:v1',
      command: [
        '/cluster-proportional-autoscaler',
        '--namespace=kube-system',
        '--configmap=cluster-dns-autoscaler',
        '--target=deployment/dns-server',
        '--logtostderr=true',
        '--v=2',
        '--nodelabels=a=b',
      ],
    });
    expect(at(scaler, `${CONTAINER}.livenessProbe`)).toBeUndefined();
  });

  it('exposes UDP alone behind a load balancer, unless TCP is asked for', async () => {
    const ports = async (zone: object) =>
      at(
        theOne(
          await helmTemplate('cluster-dns', {
            isClusterService: false,
            serviceType: 'LoadBalancer',
            servers: [
              { zones: [zone], port: 53, plugins: [{ name: 'health' }, { name: 'ready' }, { name: 'whoami' }] },
            ],
          }),
          'Service',
        ),
        'spec.ports',
      );
    expect(await ports({ zone: '.' })).toMatchObject([{ protocol: 'UDP' }]);
    expect(await ports({ zone: '.', use_tcp: true })).toMatchObject([{ protocol: 'UDP' }, { protocol: 'TCP' }]);
  });
});
