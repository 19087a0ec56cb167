import { at, type Manifest } from '../helm.ts';

/** A container of a rendered workload, and what of its Pod it needs to be run. */
export interface RenderedPod {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly hasToken: boolean;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly user: number;
  /** Such as `net_bind_service`; null: all, as privileged. */
  readonly capabilities: readonly string[] | null;
  readonly ports: readonly { readonly containerPort: number; readonly protocol?: string; readonly name?: string }[];
  readonly probes: readonly Probe[];
  readonly graceSeconds: number;
}

export interface Mount {
  readonly path: string;
  /** Files by name; null: a directory to write to, for anybody. */
  readonly files: Readonly<Record<string, string>> | null;
  /** A file of the node, which is empty. */
  readonly isFile: boolean;
}

export type Probe =
  | { readonly kind: 'http'; readonly host: string; readonly port: number; readonly path: string }
  | { readonly kind: 'exec'; readonly command: readonly string[] };

/** What the node and the cluster put in. */
export interface NodeFacts {
  readonly nodeName: string;
  readonly podIp: string;
  /** `KUBERNETES_SERVICE_HOST` and the like. */
  readonly env: Readonly<Record<string, string>>;
}

interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly ports?: RenderedPod['ports'];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Volume {
  readonly name: string;
  readonly configMap?: {
    readonly name: string;
    readonly items?: readonly { readonly key: string; readonly path: string }[];
  };
  readonly hostPath?: { readonly path: string; readonly type?: string };
}

/** The one workload of a render that has this project's image; charts may bring helpers of others. */
export const ownWorkload = (all: readonly Manifest[]): Manifest => {
  const found = all.filter((one) =>
    /cluster-dns(-node)?[:@]/.test(`${at(one, 'spec.template.spec.containers.0.image')}`),
  );
  const [workload] = found;
  if (workload === undefined || found.length > 1) throw new Error(`${found.length} workloads have the image`);
  return workload;
};

/** The first container of a workload, or an init container of this name, as the kubelet would start it. */
export const renderedPod = (
  all: readonly Manifest[],
  workload: Manifest,
  facts: NodeFacts,
  init?: string,
): RenderedPod => {
  const pod = at(workload, 'spec.template.spec');
  const [first] = at(pod, 'containers') as readonly Container[];
  const inits = (at(pod, 'initContainers') ?? []) as readonly Container[];
  const container = init === undefined ? first : inits.find(({ name }) => name === init);
  if (container === undefined) throw new Error(`${workload.metadata.name} has no container ${init ?? ''}`);
  const volumes = (at(pod, 'volumes') ?? []) as readonly Volume[];
  const env = { ...facts.env, ...envOf(container, facts) };
  const expand = (text: string): string => text.replace(/\$\((\w+)\)/g, (whole, name: string) => env[name] ?? whole);
  const isPrivileged = at(container, 'securityContext.privileged') === true;
  const added = (at(container, 'securityContext.capabilities.add') ?? []) as readonly string[];
  const account = all.find(
    (one) => one.kind === 'ServiceAccount' && one.metadata.name === at(pod, 'serviceAccountName'),
  );
  return {
    namespace: workload.metadata.namespace ?? '',
    serviceAccount: (at(pod, 'serviceAccountName') ?? 'default') as string,
    hasToken: (at(pod, 'automountServiceAccountToken') ??
      at(account, 'automountServiceAccountToken') ??
      true) as boolean,
    command: [...(container.command ?? ENTRYPOINT), ...(container.args ?? [])].map(expand),
    env,
    mounts: (container.volumeMounts ?? []).map(({ name, mountPath }) =>
      mountOf(mountPath, volumes.find((one) => one.name === name) ?? { name }, all),
    ),
    user: (at(container, 'securityContext.runAsUser') ?? at(pod, 'securityContext.runAsUser') ?? 0) as number,
    capabilities: isPrivileged ? null : added.map((name) => name.toLowerCase()),
    ports: container.ports ?? [],
    probes: ['startupProbe', 'livenessProbe', 'readinessProbe'].flatMap((kind) =>
      probeOf(container, kind, facts.podIp),
    ),
    graceSeconds: (at(pod, 'terminationGracePeriodSeconds') ?? 30) as number,
  };
};

/** Of both images. */
export const ENTRYPOINT: readonly string[] = ['/usr/local/bin/node', '/app/dist/cluster-dns.js'];

const envOf = ({ env = [] }: Container, { nodeName, podIp }: NodeFacts): Record<string, string> => {
  const fields: Record<string, string> = { 'spec.nodeName': nodeName, 'status.podIP': podIp, 'status.hostIP': podIp };
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [
      name,
      value ?? fields[at(valueFrom, 'fieldRef.fieldPath') as string] ?? '',
    ]),
  );
};

const mountOf = (path: string, { configMap, hostPath }: Volume, all: readonly Manifest[]): Mount => {
  if (hostPath !== undefined) return { path, files: null, isFile: hostPath.type === 'FileOrCreate' };
  if (configMap === undefined) return { path, files: null, isFile: false };
  const found = all.find((one) => one.kind === 'ConfigMap' && one.metadata.name === configMap.name);
  const data = (at(found, 'data') ?? {}) as Readonly<Record<string, string>>;
  const items = configMap.items ?? Object.keys(data).map((key) => ({ key, path: key }));
  const files = items.filter(({ key }) => key in data).map(({ key, path: file }) => [file, data[key] ?? ''] as const);
  return { path, files: Object.fromEntries(files), isFile: false };
};

const probeOf = (container: Container, kind: string, podIp: string): readonly Probe[] => {
  const probe = at(container, kind);
  const command = at(probe, 'exec.command') as readonly string[] | undefined;
  if (command !== undefined) return [{ kind: 'exec', command }];
  const port = at(probe, 'httpGet.port') as number | string | undefined;
  if (port === undefined) return [];
  const number =
    typeof port === 'number' ? port : (container.ports?.find(({ name }) => name === port)?.containerPort ?? 0);
  const host = (at(probe, 'httpGet.host') ?? podIp) as string;
  return [{ kind: 'http', host, port: number, path: at(probe, 'httpGet.path') as string }];
};
