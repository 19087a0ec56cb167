import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { at, type Manifest } from './helm.ts';
import { PROGRAM, ServerProcess } from './process.ts';

/** What the kubelet adds to a container of a manifest. */
export interface ContainerOptions {
  readonly netns: string;
  /** In place of a Service of the environment, and of `fieldRef`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments in place of the manifest's. */
  readonly args?: readonly string[];
  /** Capabilities that are taken away from what the manifest adds. */
  readonly without?: readonly string[];
}

/** The root file system of an image of this program, as far as this machine has its parts. */
const ROOT = `mount -t tmpfs tmpfs "$ROOT"
cd "$ROOT"
mkdir -p usr etc run proc sys dev app entry
mount --bind /usr usr && mount -o remount,bind,ro "$ROOT/usr"
for link in bin sbin lib lib64; do [ ! -e "/$link" ] || ln -s "usr/$link" "$link"; done
cp /etc/protocols /etc/services /etc/resolv.conf etc/ 2>/dev/null || true
cp -r /etc/alternatives etc/
mount --bind "$APP" app && mount -o remount,bind,ro "$ROOT/app"
touch entry/node && mount --bind "$NODE" entry/node
mount --rbind /proc proc
mount --rbind /dev dev
mount --rbind /sys sys
`;

/** As a container runtime has them where the container is not privileged. */
const READ_ONLY_KERNEL = `mount --bind proc/sys proc/sys && mount -o remount,bind,ro "$ROOT/proc/sys"
mount -o remount,bind,ro "$ROOT/sys"
`;

/**
 * Starts a container of a rendered DaemonSet as its `securityContext` and its mounts say: root file system, /proc/sys, capabilities, no new privileges;
 * in a network namespace in place of the node's. There is no image: tools and libraries are this machine's, and nothing filters system calls. Needs root, `unshare`, `setpriv`.
 */
export class Container {
  readonly process: ServerProcess;
  readonly #directory = mkdtempSync(join(tmpdir(), 'cluster-dns-container-'));

  constructor(manifests: readonly Manifest[], name: string, options: ContainerOptions) {
    const daemonSet = manifests.find(({ kind }) => kind === 'DaemonSet');
    const pod = at(daemonSet, 'spec.template.spec') as PodSpec;
    const container = [...(pod.initContainers ?? []), ...pod.containers].find((one) => one.name === name);
    if (container === undefined) throw new Error(`no container ${name}`);
    const { securityContext = {}, volumeMounts = [] } = container;
    const lines = ['set -e', 'mount --make-rprivate /', ROOT];
    if (securityContext.privileged !== true) lines.push(READ_ONLY_KERNEL);
    for (const { name: volume, mountPath } of volumeMounts) {
      const found = pod.volumes?.find((one) => one.name === volume);
      if (found === undefined) throw new Error(`no volume ${volume}`);
      lines.push(this.#mount(found, `"$ROOT"${mountPath}`, manifests));
    }
    if (securityContext.readOnlyRootFilesystem === true) lines.push('mount -o remount,bind,ro "$ROOT"');
    lines.push('cd /');
    lines.push(
      `exec chroot "$ROOT" ${[...rightsOf(securityContext, options.without ?? []), 'env', '-i'].join(' ')} "$@"`,
    );
    const root = join(this.#directory, 'root');
    mkdirSync(root);
    const given = options.args ?? container.args ?? [];
    const env: Record<string, string> = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...envOf(container, options.env),
    };
    const expanded = given.map((arg) => arg.replace(/\$\((\w+)\)/g, (all, key: string) => env[key] ?? all));
    this.process = new ServerProcess(
      [
        ...Object.entries(env).map(([key, value]) => `${key}=${value}`),
        '/entry/node',
        '/app/dist/cluster-dns.js',
        ...expanded,
      ],
      {
        netns: options.netns,
        command: ['unshare', '--mount', 'sh', '-c', lines.join('\n'), 'sh'],
        env: { ROOT: root, APP: dirname(dirname(PROGRAM)), NODE: process.execPath },
      },
    );
  }

  /** Ends it, and removes what it was given. Its mounts went with it. */
  async close(): Promise<number> {
    const code = this.process.exitCode ?? (await this.process.stop());
    rmSync(this.#directory, { recursive: true, force: true });
    return code;
  }

  #mount({ name, configMap, emptyDir, hostPath }: Volume, target: string, manifests: readonly Manifest[]): string {
    if (emptyDir !== undefined) return `mkdir -p ${target} && mount -t tmpfs tmpfs ${target}`;
    const source = join(this.#directory, name);
    if (hostPath !== undefined) {
      // Not this machine's own.
      writeFileSync(source, '');
      return `touch ${target} && mount --bind ${source} ${target}`;
    }
    mkdirSync(source);
    const found = manifests.find((one) => one.kind === 'ConfigMap' && one.metadata.name === configMap?.name);
    if (found === undefined && configMap?.optional !== true) throw new Error(`no ConfigMap ${configMap?.name}`);
    const data = (found?.data ?? {}) as Readonly<Record<string, string>>;
    const items = configMap?.items ?? Object.keys(data).map((key) => ({ key, path: key }));
    for (const { key, path } of items) writeFileSync(join(source, path), data[key] ?? '');
    return `mkdir -p ${target} && mount --bind ${source} ${target} && mount -o remount,bind,ro ${target}`;
  }
}

interface Volume {
  readonly name: string;
  readonly emptyDir?: object;
  readonly hostPath?: object;
  readonly configMap?: {
    readonly name: string;
    readonly optional?: boolean;
    readonly items?: readonly { readonly key: string; readonly path: string }[];
  };
}

interface SecurityContext {
  readonly privileged?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
}

interface PodContainer {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext?: SecurityContext;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface PodSpec {
  readonly containers: readonly PodContainer[];
  readonly initContainers?: readonly PodContainer[];
  readonly volumes?: readonly Volume[];
}

const rightsOf = (
  { privileged, allowPrivilegeEscalation, capabilities: { add = [], drop = [] } = {} }: SecurityContext,
  without: readonly string[],
): string[] => {
  const noNew = allowPrivilegeEscalation === false ? ['--no-new-privs'] : [];
  if (privileged === true) return ['setpriv', ...noNew];
  // What runtimes give by default is not listed here: a chart that keeps it is not tried.
  if (!drop.includes('ALL')) throw new Error('capabilities are not dropped');
  const kept = add.filter((one) => !without.includes(one)).map((one) => `,+${one.toLowerCase()}`);
  return ['setpriv', `--bounding-set=-all${kept.join('')}`, '--inh-caps=-all', ...noNew];
};

const envOf = ({ env = [] }: PodContainer, given: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  ...Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
  ...given,
});
