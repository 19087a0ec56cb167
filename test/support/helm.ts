import { fileURLToPath } from 'node:url';
import { dump, loadAll } from 'js-yaml';
import { outcome } from './command.ts';

/** Where the charts are. */
export const CHARTS = fileURLToPath(new URL('../../charts', import.meta.url));

/** What every rendered object has; the rest is read with `at`. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface HelmOptions {
  /** The release's name; the chart's by default. */
  readonly release?: string;
  /** `kube-system` by default. */
  readonly namespace?: string;
  /** As if the cluster had this version. */
  readonly kubeVersion?: string;
  /** As if the cluster had these besides, such as `monitoring.coreos.com/v1`. */
  readonly apiVersions?: readonly string[];
  /** More arguments of `helm template`, such as `--set` and `a=b`. */
  readonly args?: readonly string[];
}

/** What `helm template` makes of a chart in `charts/` with these values; rejects with helm's words. */
export const helmTemplate = async (
  chart: string,
  values: object = {},
  options: HelmOptions = {},
): Promise<readonly Manifest[]> => manifestsOf(await helmText(chart, values, options));

/** The same as text, as helm prints it. */
export const helmText = (chart: string, values: object = {}, options: HelmOptions = {}): Promise<string> => {
  const { release = chart, namespace = 'kube-system', kubeVersion, apiVersions = [], args = [] } = options;
  return helm(
    [
      ...['template', release, `${CHARTS}/${chart}`, '--namespace', namespace, '--values', '-'],
      ...(kubeVersion === undefined ? [] : ['--kube-version', kubeVersion]),
      ...apiVersions.flatMap((version) => ['--api-versions', version]),
      ...args,
    ],
    dump(values),
  );
};

/** What `helm lint --strict` says of a chart with these values; rejects with it where there is a fault. */
export const helmLint = (chart: string, values: object = {}): Promise<string> =>
  helm(['lint', '--strict', '--namespace', 'kube-system', '--values', '-', `${CHARTS}/${chart}`], dump(values));

/** The objects of a stream of YAML documents; throws where a key is there twice. */
export const manifestsOf = (text: string): readonly Manifest[] =>
  loadAll(text).filter((document) => document !== null && document !== undefined) as Manifest[];

/** The one object of a kind, and of a name where it is given; throws with what there is. */
export const theOne = (manifests: readonly Manifest[], kind: string, name?: string): Manifest => {
  const found = manifests.filter((one) => one.kind === kind && (name === undefined || one.metadata.name === name));
  const [one] = found;
  if (one !== undefined && found.length === 1) return one;
  const all = manifests.map((other) => `${other.kind} ${other.metadata.name}`).join(', ');
  throw new Error(`${found.length} objects are ${kind} ${name ?? ''} among: ${all}`);
};

/** What is at a path such as `spec.template.spec.containers.0.args`; undefined where there is nothing. */
export const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((inner, key) => (isRecord(inner) ? inner[key] : undefined), value);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

// What a user has set up (repositories, plugins, a kubeconfig) is none of a test's business.
const helm = async (args: readonly string[], stdin: string): Promise<string> => {
  const { HELM_DEBUG: _, KUBECONFIG: __, ...env } = process.env;
  const { code, stdout, stderr } = await outcome('helm', args, { stdin, env });
  if (code === 0) return stdout;
  // `helm lint` says its faults on standard output.
  throw new Error(`helm ${args[0]}: ${`${stderr}${args[0] === 'lint' ? stdout : ''}`.trim()}`);
};
