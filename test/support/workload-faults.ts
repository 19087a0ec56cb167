import { at, type Manifest } from './helm.ts';

/** What of a render its parts are judged by. */
export interface Render {
  readonly all: readonly Manifest[];
  readonly workloads: readonly Workload[];
  readonly namespace: string;
  /** `Kind name` of what is referred to and brought by others. */
  readonly elsewhere: readonly string[];
}

/** What is wrong with an object, in its render. */
export type Rules = (manifest: Manifest, render: Render) => readonly string[];

/** A Deployment or DaemonSet with the template of its pods. */
export interface Workload {
  readonly manifest: Manifest;
  readonly selector: Labels;
  readonly labels: Labels;
  readonly pod: Pod;
}

export type Labels = Readonly<Record<string, string>>;

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

export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
  readonly hostPort?: number;
  readonly protocol?: string;
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

export const workloadFaults: Rules = (manifest, render) => {
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
    render.elsewhere.includes(`ConfigMap ${configMap.name}`)
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
export const selectsByAll = (selector: unknown, labels: Labels): boolean =>
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

export const selects = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

export const has = ({ all, elsewhere }: Render, kind: string, name: string): boolean =>
  all.some((one) => one.kind === kind && one.metadata.name === name) || elsewhere.includes(`${kind} ${name}`);

const LABEL_KEY = /^([a-z0-9]([-.a-z0-9]*[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/;
export const labelFaults = (labels: Labels): readonly string[] =>
  Object.entries(labels)
    .filter(([key, value]) => typeof value !== 'string' || !LABEL_KEY.test(key) || !LABEL_VALUE.test(value))
    .map(([key, value]) => `label ${key}=${value} is not valid`);

export const twice = (names: readonly string[]): readonly string[] => [
  ...new Set(names.filter((name, index) => names.indexOf(name) !== index)),
];
