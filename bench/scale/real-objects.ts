// Objects with the fields that controllers and kubelets fill in, because their size goes over the wire; the API server adds managedFields.
import { type FakeObject, NODES, PODS, SERVICES, SLICES } from '#test/fake-api-server.ts';

const NAMESPACE = 'load-0';

const service: FakeObject = {
  metadata: {
    namespace: NAMESPACE,
    name: 'checkout-payments-api',
    labels: {
      'app.kubernetes.io/name': 'payments-api',
      'app.kubernetes.io/instance': 'checkout',
      'app.kubernetes.io/managed-by': 'Helm',
      'helm.sh/chart': 'payments-api-3.14.1',
    },
    annotations: { 'meta.helm.sh/release-name': 'checkout', 'meta.helm.sh/release-namespace': NAMESPACE },
  },
  spec: {
    clusterIP: '10.96.11.12',
    clusterIPs: ['10.96.11.12'],
    internalTrafficPolicy: 'Cluster',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [
      { name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' },
      { name: 'metrics', port: 9090, protocol: 'TCP', targetPort: 'metrics' },
    ],
    selector: { 'app.kubernetes.io/name': 'payments-api', 'app.kubernetes.io/instance': 'checkout' },
    sessionAffinity: 'None',
    type: 'ClusterIP',
  },
};

const slice = (endpoints: number): FakeObject => ({
  metadata: {
    namespace: NAMESPACE,
    name: `checkout-payments-api-x${endpoints}`,
    generateName: 'checkout-payments-api-',
    labels: {
      ...(service.metadata.labels as Record<string, string>),
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      'kubernetes.io/service-name': 'checkout-payments-api',
    },
    annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-11-21T20:00:00Z' },
    ownerReferences: [
      {
        apiVersion: 'v1',
        kind: 'Service',
        name: 'checkout-payments-api',
        uid: '0d1f2c8e-53a2-4a53-9d8e-6f1d3f9a7b10',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  },
  addressType: 'IPv4',
  ports: [
    { name: 'http', port: 8080, protocol: 'TCP' },
    { name: 'metrics', port: 9090, protocol: 'TCP' },
  ],
  endpoints: Array.from({ length: endpoints }, (_, i) => ({
    addresses: [`10.244.${i}.17`],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: `ip-10-0-${i}-21.eu-central-1.compute.internal`,
    zone: 'eu-central-1a',
    targetRef: {
      kind: 'Pod',
      namespace: NAMESPACE,
      name: `checkout-payments-api-7c9d5b6f8-k2x${i}`,
      uid: '7a2b3c4d-1122-4a53-9d8e-6f1d3f9a7b10',
    },
  })),
});

const AT = '2026-11-21T20:00:00Z';

const pod: FakeObject = {
  metadata: {
    namespace: NAMESPACE,
    name: 'checkout-payments-api-7c9d5b6f8-k2x9p',
    generateName: 'checkout-payments-api-7c9d5b6f8-',
    labels: { ...(service.metadata.labels as Record<string, string>), 'pod-template-hash': '7c9d5b6f8' },
    annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9090', 'checksum/config': 'b'.repeat(64) },
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'checkout-payments-api-7c9d5b6f8',
        uid: '0d1f2c8e-53a2-4a53-9d8e-6f1d3f9a7b10',
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  },
  spec: {
    containers: ['app', 'proxy'].map((name) => ({
      name,
      image: `registry.example.com/payments/${name}:3.14.1@sha256:${'a'.repeat(64)}`,
      imagePullPolicy: 'IfNotPresent',
      env: Array.from({ length: 10 }, (_, i) => ({ name: `SETTING_NUMBER_${i}`, value: `value-of-the-setting-${i}` })),
      ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
      resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
      livenessProbe: { httpGet: { path: '/healthz', port: 'http', scheme: 'HTTP' }, periodSeconds: 10 },
      readinessProbe: { httpGet: { path: '/ready', port: 'http', scheme: 'HTTP' }, periodSeconds: 10 },
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
      volumeMounts: [
        { name: 'config', mountPath: '/etc/app', readOnly: true },
        { name: 'token', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
      ],
    })),
    dnsPolicy: 'ClusterFirst',
    nodeName: 'ip-10-0-7-21.eu-central-1.compute.internal',
    restartPolicy: 'Always',
    serviceAccountName: 'payments-api',
    terminationGracePeriodSeconds: 30,
    tolerations: ['not-ready', 'unreachable'].map((key) => ({
      key: `node.kubernetes.io/${key}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
    volumes: [
      { name: 'config', configMap: { name: 'checkout-payments-api', defaultMode: 420 } },
      { name: 'token', projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: 'token' } }] } },
    ],
  },
  status: {
    phase: 'Running',
    hostIP: '10.0.7.21',
    podIP: '10.244.7.17',
    podIPs: [{ ip: '10.244.7.17' }],
    qosClass: 'Burstable',
    startTime: AT,
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
      (type) => ({
        type,
        status: 'True',
        lastTransitionTime: AT,
      }),
    ),
    containerStatuses: ['app', 'proxy'].map((name) => ({
      name,
      image: `registry.example.com/payments/${name}:3.14.1`,
      imageID: `registry.example.com/payments/${name}@sha256:${'a'.repeat(64)}`,
      containerID: `containerd://${'c'.repeat(64)}`,
      ready: true,
      restartCount: 0,
      started: true,
      state: { running: { startedAt: AT } },
    })),
  },
};

const node: FakeObject = {
  metadata: {
    name: 'ip-10-0-7-21.eu-central-1.compute.internal',
    labels: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`topology.example.com/label-${i}`, `value-${i}`])),
    annotations: {
      'node.alpha.kubernetes.io/ttl': '0',
      'csi.volume.kubernetes.io/nodeid': '{"ebs.csi.aws.com":"i-0abc"}',
    },
  },
  spec: {
    podCIDR: '10.244.7.0/24',
    podCIDRs: ['10.244.7.0/24'],
    providerID: 'aws:///eu-central-1a/i-0abcdef0123456789',
  },
  status: {
    addresses: [
      { type: 'InternalIP', address: '10.0.7.21' },
      { type: 'Hostname', address: 'ip-10-0-7-21.eu-central-1.compute.internal' },
    ],
    capacity: { cpu: '16', memory: '64Gi', pods: '110', 'ephemeral-storage': '200Gi' },
    allocatable: { cpu: '15', memory: '60Gi', pods: '110', 'ephemeral-storage': '180Gi' },
    conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => ({
      type,
      status: type === 'Ready' ? 'True' : 'False',
      lastHeartbeatTime: AT,
      lastTransitionTime: AT,
      reason: 'KubeletHasSufficientMemory',
      message: 'kubelet has sufficient memory available',
    })),
    // Kubelet tells of 50 at the most.
    images: Array.from({ length: 50 }, (_, i) => ({
      names: [
        `registry.example.com/team/service-${i}@sha256:${'a'.repeat(64)}`,
        `registry.example.com/team/service-${i}:1.0`,
      ],
      sizeBytes: 123_456_789,
    })),
    nodeInfo: { kernelVersion: '6.1.0', osImage: 'Linux', kubeletVersion: 'v1.36.0', architecture: 'amd64' },
  },
};

/** One of each kind, by its path; slices of as many endpoints. */
export const REAL_OBJECTS = {
  service: { path: SERVICES, object: service },
  slice1: { path: SLICES, object: slice(1) },
  slice101: { path: SLICES, object: slice(101) },
  pod: { path: PODS, object: pod },
  node: { path: NODES, object: node },
} as const;
