import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outcome } from '../command.ts';
import { PROGRAM, ServerProcess } from '../process.ts';
import { until } from '../until.ts';
import type { Mount, Probe, RenderedPod } from './rendered-pod.ts';

/** What a token's directory has. */
export interface Token {
  readonly token: string;
  readonly ca: string;
}

const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));
/** The one package that is not in the bundle, and the folder of its binaries. */
const PACKAGES = ['koffi', '@koromix'];
const DIST = join(PROGRAM, '..');

export interface BoxOptions {
  /** The network namespace that is the Pod's, or the node's. */
  readonly netns: string;
  /** What a Pod with dnsPolicy Default has. */
  readonly resolvConf: string;
  readonly token: Token;
}

/**
 * A container as a container runtime starts it, but for the image: its own root directory, of which nothing can be written but what it
 * mounts, ConfigMaps and token where they belong, its user, its capabilities and no way to more of them. Of this machine it has the system's
 * directories, Node.js and the program at their places in the image. Needs root.
 */
export class PodBox {
  readonly process: ServerProcess;
  readonly pod: RenderedPod;
  readonly #directory: string;
  readonly #netns: string;

  constructor(pod: RenderedPod, { netns, resolvConf, token }: BoxOptions) {
    this.pod = pod;
    this.#netns = netns;
    this.#directory = mkdtempSync(join(tmpdir(), 'pod-box-'));
    const secret = {
      path: TOKEN_PATH,
      files: { token: token.token, 'ca.crt': token.ca, namespace: pod.namespace },
      isFile: false,
    };
    const mounts = [...pod.mounts, ...(pod.hasToken ? [secret] : [])];
    const sources = mounts.map((mount, index) => this.#write(mount, `mount-${index}`));
    writeFileSync(join(this.#directory, 'resolv.conf'), resolvConf);
    const script = boxScript(this.#directory, mounts, sources, pod);
    this.process = new ServerProcess([], {
      netns,
      env: pod.env,
      command: ['unshare', '--mount', '--propagation', 'private', 'sh', '-euc', script],
    });
  }

  /** Resolves once all probes answer as they should; rejects with what the container said where it ends before. */
  async ready(timeoutMs = 20_000): Promise<void> {
    const waiting = new Set(this.pod.probes);
    await until(
      async () => {
        if (this.process.exitCode !== null) throw new Error(`ended with ${this.process.exitCode}: ${this.output}`);
        for (const probe of waiting) if (await this.#isFine(probe)) waiting.delete(probe);
        return waiting.size === 0;
      },
      `probes ${JSON.stringify([...waiting])}`,
      timeoutMs,
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${JSON.stringify([...waiting])}\n${this.output}`);
    });
  }

  get output(): string {
    return this.process.stdout + this.process.stderr;
  }

  /** What an HTTP port says, as somebody on the Pod's network reads it; '' where nobody listens. */
  async get(host: string, port: number, path: string): Promise<string> {
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
    const curl = ['netns', 'exec', this.#netns, 'curl', '--silent', '--fail', '--max-time', '5', url];
    const { code, stdout } = await outcome('ip', curl);
    return code === 0 ? stdout || 'OK' : '';
  }

  /** As a kill -9; what it had is removed. */
  async kill(): Promise<void> {
    this.process.signal('SIGKILL');
    await this.process.exited;
    this.#remove();
  }

  /** As the kubelet stops it, and gives the exit code. */
  async stop(): Promise<number> {
    this.process.signal('SIGTERM');
    const timer = setTimeout(() => this.process.signal('SIGKILL'), this.pod.graceSeconds * 1000);
    const code = await this.process.exited;
    clearTimeout(timer);
    this.#remove();
    return code;
  }

  async #isFine(probe: Probe): Promise<boolean> {
    if (probe.kind === 'http') return (await this.get(probe.host, probe.port, probe.path)) !== '';
    const inside = ['--target', `${this.process.pid}`, '--mount', '--net', '--root', '--wd'];
    return (await outcome('nsenter', [...inside, ...probe.command])).code === 0;
  }

  #write({ files, isFile }: Mount, name: string): string {
    const source = join(this.#directory, name);
    if (isFile) {
      writeFileSync(source, '');
      return source;
    }
    mkdirSync(source, { mode: 0o755 });
    for (const [file, text] of Object.entries(files ?? {})) {
      mkdirSync(join(source, file, '..'), { recursive: true });
      writeFileSync(join(source, file), text);
    }
    return source;
  }

  #remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Directories of this machine that a container has, which can't be written there. */
const SYSTEM = ['usr', 'bin', 'sbin', 'lib', 'lib64'];

const boxScript = (
  directory: string,
  mounts: readonly Mount[],
  sources: readonly string[],
  pod: RenderedPod,
): string => {
  const lines = [
    `cd ${quoted(directory)}`,
    'mkdir root && mount -t tmpfs -o mode=755 pod-root root && cd root',
    `for name in ${SYSTEM.join(' ')}; do`,
    '  [ -L /$name ] && cp -a /$name . && continue',
    '  [ -d /$name ] && mkdir $name && mount --bind /$name $name',
    'done',
    'mkdir -p app/dist etc dev proc sys run tmp var && ln -s ../run var/run',
    'for name in dev proc sys; do mount --rbind /$name $name; done',
    // Where the distribution keeps its links to alternatives (iptables is one), and names of users.
    'for name in alternatives ld.so.cache passwd group nsswitch.conf ssl; do [ -e /etc/$name ] && cp -a /etc/$name etc/; done',
    'cp ../resolv.conf etc/resolv.conf',
    // The place in the image may be below /usr, which is this machine's: a layer over it.
    'mkdir ../over ../over/up ../over/work && mount -t tmpfs over ../over && mkdir ../over/up ../over/work',
    'mount -t overlay -o lowerdir=/usr/local,upperdir=../over/up,workdir=../over/work usr-local usr/local',
    `mkdir -p usr/local/bin && rm -f usr/local/bin/node && : > usr/local/bin/node && mount --bind ${quoted(process.execPath)} usr/local/bin/node`,
    `mount --bind ${quoted(DIST)} app/dist`,
    ...PACKAGES.map(
      (name) =>
        `mkdir -p app/node_modules/${name} && mount --bind ${quoted(join(MODULES, name))} app/node_modules/${name}`,
    ),
    ...mounts.flatMap(({ path, files, isFile }, index) => {
      const target = quoted(path.slice(1));
      const source = quoted(sources[index] ?? '');
      const make = isFile
        ? `mkdir -p ${quoted(path.slice(1).replace(/\/[^/]*$/, ''))} && : > ${target}`
        : `mkdir -p ${target}`;
      const readOnly = files === null ? '' : ` && mount -o remount,bind,ro ${target}`;
      return [
        `${make} && mount --bind ${source} ${target}${readOnly}`,
        ...(files === null && !isFile ? [`chmod 777 ${target}`] : []),
      ];
    }),
    // A container runtime hides them from all but privileged containers.
    ...(pod.capabilities === null ? [] : ['mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys']),
    'mount -o remount,ro pod-root .',
    `exec chroot . ${[...ways(pod), ...pod.command].map(quoted).join(' ')}`,
  ];
  return lines.join('\n');
};

/** As whom, and with which rights. */
const ways = ({ user, capabilities }: RenderedPod): readonly string[] => {
  if (capabilities === null) return [];
  const kept = ['-all', ...capabilities.map((name) => `+${name}`)].join(',');
  const ids = user === 0 ? [] : [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', `--ambient-caps=${kept}`];
  return ['setpriv', ...ids, `--inh-caps=${kept}`, `--bounding-set=${kept}`, '--no-new-privs'];
};

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
