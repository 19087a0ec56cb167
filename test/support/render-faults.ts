import { isDeepStrictEqual } from 'node:util';
import ipaddr from 'ipaddr.js';
import { loadAll, YAML11_SCHEMA } from 'js-yaml';
import { at, type Manifest, manifestsOf } from './helm.ts';
import {
  has,
  type Labels,
  labelFaults,
  type Render,
  type Rules,
  selects,
  selectsByAll,
  twice,
  workloadFaults,
  workloadsOf,
} from './workload-faults.ts';

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
  const render: Render = {
    all,
    workloads: workloadsOf(all),
    namespace: expected.namespace,
    elsewhere: expected.elsewhere ?? [],
  };
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

interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly protocol?: string;
  readonly targetPort?: number | string;
}

const idOf = ({ kind, metadata: { namespace, name } }: Manifest): string => `${kind} ${namespace ?? ''}/${name}`;

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

const rulesOf = (kind: string): Rules => RULES[kind] ?? (() => []);

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
  if (targets.length === 0 && !render.elsewhere.includes(`Pods ${JSON.stringify(selector)}`))
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
    if (kind === 'ServiceAccount' && namespace !== render.namespace)
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
  const isElsewhere = manifest.metadata.namespace !== render.namespace;
  if (isElsewhere && !namespaces?.includes(render.namespace)) faults.push('does not look into the namespace');
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
