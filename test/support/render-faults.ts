import { isDeepStrictEqual } from 'node:util';
import ipaddr from 'ipaddr.js';
import { loadAll, YAML11_SCHEMA } from 'js-yaml';
import { at, type Manifest, manifestsOf } from './helm.ts';

/** What a render may take for granted because others bring it. */
export interface Expected {
  readonly namespace: string;
  /** Objects that are referred to and not rendered, as `Kind name`. */
  readonly elsewhere?: readonly string[];
}

/**
 * What no render of a chart may have, whatever the values are: names that don't fit, references that lead nowhere, selectors that
 * select nothing or too much. Each fault names its object; empty where there is none.
 */
export const renderFaults = (text: string, expected: Expected): readonly string[] => {
  let all: readonly Manifest[];
  try {
    all = manifestsOf(text);
  } catch (error) {
    return [`no YAML: ${(error as Error).message}`];
  }
  const render: Render = { all, expected, workloads: workloadsOf(all) };
  return [
    ...textFaults(text, all),
    ...twice(all.map(idOf)).map((id) => `${id}: there twice`),
    ...all.flatMap((one) =>
      [...metadataFaults(one, expected), ...rulesOf(one.kind)(one, render)].map(
        (fault) => `${one.kind} ${one.metadata.name}: ${fault}`,
      ),
    ),
    ...overlapFaults(render),
  ];
};

interface Render {
  readonly all: readonly Manifest[];
  readonly expected: Expected;
  readonly workloads: readonly Workload[];
}

/** A Deployment or DaemonSet with the template of its pods. */
export interface Workload {
  readonly manifest: Manifest;
  readonly selector: Labels;
  readonly labels: Labels;
  readonly pod: Pod;
}

type Labels = Readonly<Record<string, string>>;

interface Pod {
  readonly serviceAccountName?: string;
  readonly hostNetwork?: boolean;
  readonly priorityClassName?: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly volumes?: readonly Volume[];
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly [field: string]: unknown;
}

interface Volume {
  readonly name: string;
  readonly configMap?: {
    readonly name: string;
    readonly optional?: boolean;
    readonly items?: readonly { readonly key: string }[];
  };
  readonly secret?: { readonly secretName: string; readonly optional?: boolean };
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly args?: readonly string[];
  readonly ports?: readonly ContainerPort[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly env?: readonly { readonly name: string }[];
  readonly [field: string]: unknown;
}

interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly hostPort?: number;
  readonly protocol?: string;
}

interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly targetPort?: number | string;
}

/** Deployments and DaemonSets of a render. */
export const workloadsOf = (all: readonly Manifest[]): readonly Workload[] =>
  all
    .filter(({ kind }) => kind === 'Deployment' || kind === 'DaemonSet')
    .map((manifest) => ({
      manifest,
      selector: (at(manifest, 'spec.selector.matchLabels') ?? {}) as Labels,
      labels: (at(manifest, 'spec.template.metadata.labels') ?? {}) as Labels,
      pod: at(manifest, 'spec.template.spec') as Pod,
    }));

const idOf = ({ kind, metadata: { namespace, name } }: Manifest): string => `${kind} ${namespace ?? ''}/${name}`;

const twice = (names: readonly string[]): readonly string[] => [
  ...new Set(names.filter((name, index) => names.indexOf(name) !== index)),
];

/** What a template that went wrong leaves in the text, and what YAML 1.1, which Kubernetes reads, takes for something else. */
const textFaults = (text: string, all: readonly Manifest[]): readonly string[] => {
  const older = loadAll(text, { schema: YAML11_SCHEMA }).filter((one) => one !== null && one !== undefined);
  const leftovers = /<no value>|%!\w?\(|map\[|\t\n|<nil>/.exec(text);
  return [
    ...(isDeepStrictEqual(older, all)
      ? []
      : ['YAML 1.1 and 1.2 read it differently: a word such as yes, or 010, is not quoted']),
    ...(leftovers === null ? [] : [`"${leftovers[0]}" is left over from a template`]),
  ];
};

const CLUSTER_WIDE = new Set(['ClusterRole', 'ClusterRoleBinding', 'Namespace', 'PriorityClass']);
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_KEY = /^([a-z0-9]([-.a-z0-9]*[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/;
const REQUIRED_LABELS = [
  'app.kubernetes.io/name',
  'app.kubernetes.io/instance',
  'app.kubernetes.io/managed-by',
  'helm.sh/chart',
];

const metadataFaults = ({ kind, metadata }: Manifest, { namespace }: Expected): string[] => {
  const faults: string[] = [];
  const isNamed =
    kind.startsWith('ClusterRole') || kind.startsWith('Role') ? /^[^/%]+$/ : kind === 'Service' ? LABEL : SUBDOMAIN;
  if (!isNamed.test(metadata.name) || metadata.name.length > (kind === 'Service' ? 63 : 253))
    faults.push('no valid name');
  if (CLUSTER_WIDE.has(kind) && metadata.namespace !== undefined) faults.push('has a namespace, and its kind has none');
  // kubectl would put it into whatever namespace its user is in.
  if (!CLUSTER_WIDE.has(kind) && metadata.namespace !== namespace)
    faults.push(`is in namespace ${metadata.namespace}, not ${namespace}`);
  for (const key of REQUIRED_LABELS) if (metadata.labels?.[key] === undefined) faults.push(`has no label ${key}`);
  return [...faults, ...labelFaults(metadata.labels ?? {})];
};

const labelFaults = (labels: Labels): readonly string[] =>
  Object.entries(labels)
    .filter(([key, value]) => typeof value !== 'string' || !LABEL_KEY.test(key) || !LABEL_VALUE.test(value))
    .map(([key, value]) => `label ${key}=${value} is not valid`);

type Rules = (manifest: Manifest, render: Render) => readonly string[];

const rulesOf = (kind: string): Rules => RULES[kind] ?? (() => []);

const selects = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

const has = ({ all, expected }: Render, kind: string, name: string): boolean =>
  all.some((one) => one.kind === kind && one.metadata.name === name) ||
  (expected.elsewhere ?? []).includes(`${kind} ${name}`);

const workloadFaults: Rules = (manifest, render) => {
  const workload = render.workloads.find((one) => one.manifest === manifest) as Workload;
  const { selector, labels, pod } = workload;
  const containers = [...(pod.initContainers ?? []), ...pod.containers];
  const ports = pod.containers.flatMap(({ ports: own = [] }) => own);
  const volumes = (pod.volumes ?? []).map(({ name }) => name);
  const mounted = new Set(containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)));
  const account = pod.serviceAccountName ?? 'default';
  const faults = [...labelFaults(labels)];
  if (Object.keys(selector).length === 0 || !selects(selector, labels))
    faults.push('its selector does not select its own pods');
  if (account !== 'default' && !has(render, 'ServiceAccount', account)) faults.push(`no ServiceAccount ${account}`);
  if (pod.priorityClassName === undefined) faults.push('no priority class');
  faults.push(
    ...twice(containers.map(({ name }) => name)).map((name) => `two containers ${name}`),
    ...twice(volumes).map((name) => `two volumes ${name}`),
    ...twice(ports.map(({ name }) => name ?? '').filter((name) => name !== '')).map((name) => `two ports ${name}`),
    ...twice(ports.map(numberOf)).map((port) => `two ports ${port}`),
    ...ports.filter(({ name }) => name !== undefined && !isPortName(name)).map(({ name }) => `no port name: ${name}`),
    ...volumes.filter((name) => !mounted.has(name)).map((name) => `nobody mounts volume ${name}`),
    ...(pod.volumes ?? []).flatMap((volume) => volumeFaults(volume, render)),
    ...containers.flatMap((container) => containerFaults(container, volumes)),
    ...probeFaults(pod),
    ...spreadFaults(pod, labels),
  );
  if (pod.hostNetwork === true)
    for (const { containerPort, hostPort = containerPort } of ports)
      if (hostPort !== containerPort)
        faults.push(`hostPort ${hostPort} is not containerPort ${containerPort}, on the node's network`);
  return faults;
};

const numberOf = ({ containerPort, protocol = 'TCP' }: ContainerPort): string => `${containerPort}/${protocol}`;

const isPortName = (name: string): boolean => /^(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && name.length <= 15;

const volumeFaults = ({ name, configMap, secret }: Volume, render: Render): readonly string[] => {
  if (secret !== undefined && secret.optional !== true && !has(render, 'Secret', secret.secretName))
    return [`volume ${name}: no Secret ${secret.secretName}`];
  if (
    configMap === undefined ||
    configMap.optional === true ||
    (render.expected.elsewhere ?? []).includes(`ConfigMap ${configMap.name}`)
  )
    return [];
  const found = render.all.find((one) => one.kind === 'ConfigMap' && one.metadata.name === configMap.name);
  if (found === undefined) return [`volume ${name}: no ConfigMap ${configMap.name}`];
  const keys = Object.keys((at(found, 'data') ?? {}) as object);
  return (configMap.items ?? [])
    .filter(({ key }) => !keys.includes(key))
    .map(({ key }) => `volume ${name}: ConfigMap ${configMap.name} has no ${key}`);
};

const containerFaults = (container: Container, volumes: readonly string[]): readonly string[] => {
  const { name, image = '', volumeMounts = [], env = [] } = container;
  const faults = [
    ...volumeMounts.filter((mount) => !volumes.includes(mount.name)).map((mount) => `no volume ${mount.name}`),
    ...twice(volumeMounts.map(({ mountPath }) => mountPath)).map((path) => `two volumes at ${path}`),
    ...twice(env.map((one) => one.name)).map((one) => `two variables ${one}`),
  ];
  if (!/^[^\s:@]+(:\d+\/[^\s:@]+)?(:[\w.-]+|@sha256:[0-9a-f]{64})$/.test(image) || image.endsWith(':latest'))
    faults.push(`image "${image}" has no fixed tag`);
  return faults.map((fault) => `container ${name}: ${fault}`);
};

/** Probes ask a port that some container of the pod declares, by name or by number, or one of the program's HTTP ports. */
const probeFaults = (pod: Pod): readonly string[] => {
  const ports = pod.containers.flatMap(({ ports: own = [] }) => own);
  const faults: string[] = [];
  for (const container of pod.containers)
    for (const kind of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
      const probe = container[kind] as { httpGet?: { port: number | string; path: string } } | undefined;
      const port = probe?.httpGet?.port;
      if (typeof port === 'string' && !ports.some((one) => one.name === port)) faults.push(`${kind}: no port ${port}`);
      if (probe?.httpGet !== undefined && !probe.httpGet.path?.startsWith('/')) faults.push(`${kind}: no path`);
    }
  return faults;
};

/** Spread and anti-affinity are about the pod's own kind. */
const spreadFaults = (pod: Pod, labels: Labels): readonly string[] => {
  const terms = (at(pod, 'affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution') ??
    []) as readonly object[];
  const preferred = (at(pod, 'affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution') ??
    []) as readonly object[];
  const all = [
    ...terms,
    ...preferred.map((one) => at(one, 'podAffinityTerm')),
    ...((pod.topologySpreadConstraints ?? []) as readonly object[]),
  ];
  return all
    .filter((one) => !selectsByAll(at(one, 'labelSelector'), labels))
    .map((one) => `spread over what it is not: ${JSON.stringify(one)}`);
};

interface Expression {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** A label selector in its long form; one that is not there selects nothing. */
const selectsByAll = (selector: unknown, labels: Labels): boolean =>
  selector !== undefined &&
  selects((at(selector, 'matchLabels') ?? {}) as Labels, labels) &&
  ((at(selector, 'matchExpressions') ?? []) as readonly Expression[]).every(({ key, operator, values = [] }) => {
    const value = labels[key];
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'DoesNotExist') return value === undefined;
    return operator === 'In'
      ? value !== undefined && values.includes(value)
      : value === undefined || !values.includes(value);
  });

const serviceFaults: Rules = (manifest, render) => {
  const spec = manifest.spec as {
    selector?: Labels;
    ports?: readonly ServicePort[];
    clusterIP?: string;
    clusterIPs?: readonly string[];
    ipFamilies?: readonly string[];
    type?: string;
  };
  const { selector = {}, ports = [] } = spec;
  const faults = [
    ...twice(ports.map(({ name }) => name ?? '')).map((name) => `two ports "${name}"`),
    ...twice(ports.map(({ port, protocol = 'TCP' }) => `${port}/${protocol}`)).map((port) => `two ports ${port}`),
    ...ports
      .filter(({ name }) => name === undefined || name.length > 63 || !LABEL.test(name))
      .map(({ name }) => `no port name: ${name}`),
    ...addressFaults(spec),
  ];
  if (Object.keys(selector).length === 0) faults.push('selects everything, or nothing');
  const targets = render.workloads.filter(({ labels }) => selects(selector, labels));
  if (targets.length === 0 && !(render.expected.elsewhere ?? []).includes(`Pods ${JSON.stringify(selector)}`))
    faults.push(`selects no pods: ${JSON.stringify(selector)}`);
  for (const { manifest: workload, pod } of targets) {
    const open = pod.containers.flatMap(({ ports: own = [] }) => own);
    for (const { port, protocol = 'TCP', targetPort = port } of ports) {
      const isOpen = open.some(
        (one) => (one.name === targetPort || one.containerPort === targetPort) && (one.protocol ?? 'TCP') === protocol,
      );
      // On the node's network a pod may leave its ports out, so that two of them fit on a node; a name would then lead nowhere.
      const isUnsaid = pod.hostNetwork === true && typeof targetPort === 'number';
      if (!isOpen && !isUnsaid)
        faults.push(
          `port ${port}/${protocol} leads to ${targetPort}, which no container of ${workload.metadata.name} has`,
        );
    }
  }
  return faults;
};

const addressFaults = ({
  clusterIP,
  clusterIPs = [],
  ipFamilies,
}: {
  clusterIP?: string;
  clusterIPs?: readonly string[];
  ipFamilies?: readonly string[];
}): string[] => {
  const addresses = clusterIPs.length > 0 ? clusterIPs : clusterIP === undefined ? [] : [clusterIP];
  const faults = addresses.filter((one) => one !== 'None' && !ipaddr.isValid(one)).map((one) => `cluster IP "${one}"`);
  if (clusterIP !== undefined && clusterIPs.length > 0 && clusterIPs[0] !== clusterIP)
    faults.push('clusterIP is not the first of clusterIPs');
  if (faults.length > 0 || ipFamilies === undefined || addresses.includes('None')) return faults;
  const families = addresses.map((one) => (ipaddr.parse(one).kind() === 'ipv4' ? 'IPv4' : 'IPv6'));
  if (families.some((family, index) => ipFamilies[index] !== family))
    faults.push('ipFamilies are not those of the addresses');
  return faults;
};

const budgetFaults: Rules = (manifest, render) => {
  const { minAvailable, maxUnavailable, selector } = manifest.spec as {
    minAvailable?: number | string;
    maxUnavailable?: number | string;
    selector?: object;
  };
  const targets = render.workloads.filter(({ labels }) => selectsByAll(selector, labels));
  const faults = targets.length === 1 ? [] : [`selects the pods of ${targets.length} workloads`];
  if ((minAvailable === undefined) === (maxUnavailable === undefined))
    faults.push('needs minAvailable or maxUnavailable, and not both');
  const replicas = (at(targets[0]?.manifest, 'spec.replicas') ?? Infinity) as number;
  // Such a node could never be drained.
  if (maxUnavailable === 0 || (typeof minAvailable === 'number' && minAvailable >= replicas))
    faults.push('allows no eviction');
  return faults;
};

const policyFaults: Rules = (manifest, render) => {
  const selector = at(manifest, 'spec.podSelector');
  const count = render.workloads.filter(({ labels }) => selectsByAll(selector, labels)).length;
  return count > 0 ? [] : ['selects no pods'];
};

const bindingFaults: Rules = (manifest, render) => {
  const { roleRef, subjects = [] } = manifest as unknown as {
    roleRef: { kind: string; name: string };
    subjects?: readonly { kind: string; name: string; namespace?: string }[];
  };
  const faults = has(render, roleRef.kind, roleRef.name) ? [] : [`no ${roleRef.kind} ${roleRef.name}`];
  for (const { kind, name, namespace } of subjects) {
    if (!has(render, kind, name)) faults.push(`no ${kind} ${name}`);
    if (kind === 'ServiceAccount' && namespace !== render.expected.namespace)
      faults.push(`${name} is in namespace ${namespace}`);
  }
  return subjects.length === 0 ? ['binds nobody', ...faults] : faults;
};

const scalerFaults: Rules = (manifest, render) => {
  const { kind, name } = at(manifest, 'spec.scaleTargetRef') as { kind: string; name: string };
  const target = render.all.find((one) => one.kind === kind && one.metadata.name === name);
  if (target === undefined) return [`no ${kind} ${name}`];
  return at(target, 'spec.replicas') === undefined
    ? []
    : [`${kind} ${name} has a number of replicas, which each upgrade would set again`];
};

/** What Prometheus finds by a monitor: a Service or pods, and in these a port of the name. */
const monitorFaults: Rules = (manifest, render) => {
  const isOfPods = manifest.kind === 'PodMonitor';
  const selector = at(manifest, 'spec.selector');
  const found = isOfPods
    ? render.workloads
        .filter(({ labels }) => selectsByAll(selector, labels))
        .map(({ pod }) => pod.containers.flatMap(({ ports = [] }) => ports))
    : render.all
        .filter((one) => one.kind === 'Service' && selectsByAll(selector, one.metadata.labels ?? {}))
        .map((one) => at(one, 'spec.ports') as readonly ServicePort[]);
  const wanted = (at(manifest, isOfPods ? 'spec.podMetricsEndpoints' : 'spec.endpoints') ?? []) as readonly {
    port?: string;
  }[];
  const faults = found.length === 1 ? [] : [`selects ${found.length} ${isOfPods ? 'workloads' : 'Services'}`];
  if (wanted.length === 0) faults.push('no endpoint');
  for (const { port } of wanted)
    if (!found.every((ports) => ports.some(({ name }) => name === port))) faults.push(`no port ${port}`);
  const namespaces = at(manifest, 'spec.namespaceSelector.matchNames') as readonly string[] | undefined;
  const isElsewhere = manifest.metadata.namespace !== render.expected.namespace;
  if (isElsewhere && !namespaces?.includes(render.expected.namespace)) faults.push('does not look into the namespace');
  return faults;
};

const RULES: Readonly<Record<string, Rules>> = {
  Deployment: workloadFaults,
  DaemonSet: workloadFaults,
  Service: serviceFaults,
  PodDisruptionBudget: budgetFaults,
  NetworkPolicy: policyFaults,
  RoleBinding: bindingFaults,
  ClusterRoleBinding: bindingFaults,
  HorizontalPodAutoscaler: scalerFaults,
  ServiceMonitor: monitorFaults,
  PodMonitor: monitorFaults,
};

/** Two workloads with pods that either of them would take for its own fight for ever. */
const overlapFaults = ({ workloads }: Render): readonly string[] =>
  workloads.flatMap((one) =>
    workloads
      .filter((other) => other !== one && selects(one.selector, other.labels))
      .map((other) => `${idOf(one.manifest)} selects the pods of ${idOf(other.manifest)}`),
  );
