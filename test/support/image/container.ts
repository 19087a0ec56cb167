import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Outcome, outcome, run } from '#test/command.ts';
import { ServerProcess } from '#test/process.ts';

export interface ContainerOptions {
  /** The image's files; never written to. */
  readonly files: string;
  readonly command: readonly string[];
  /** Path of its network namespace. */
  readonly network: string;
  readonly user?: number;
  /**
   * `pod`: permitted before the program starts, as containerd does it for Kubernetes, with allowPrivilegeEscalation: false. `bounding`: only not
   * refused, as Docker does it for a user that is not root.
   */
  readonly rights?: 'pod' | 'bounding';
  /** All that it may have. */
  readonly capabilities?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Texts that are mounted as files, by path. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Directories that can be written to. */
  readonly writable?: readonly string[];
}

let containers = 0;

/** A container of runc's: namespaces of its own, process 1 in them, a root file system that can't be written to. */
export class Container {
  readonly #id = `cluster-dns-${process.pid}-${++containers}`;
  readonly #place = mkdtempSync(join(tmpdir(), `${this.#id}-`));
  /** runc in the foreground, which hands signals and standard output on, and ends with the exit code. */
  readonly process: ServerProcess;

  constructor(options: ContainerOptions) {
    writeFileSync(join(this.#place, 'config.json'), JSON.stringify(specification(options, this.#place)));
    this.process = new ServerProcess([], { command: [...this.#runc, 'run', '--bundle', this.#place, this.#id] });
    process.once('exit', this.#abandoned);
  }

  /** Its first process, as this machine numbers it. */
  async pid(): Promise<number> {
    const [command = '', ...args] = this.#runc;
    return (JSON.parse(await run(command, [...args, 'state', this.#id])) as { readonly pid: number }).pid;
  }

  /** A field of the status of its first process. */
  async status(field: string): Promise<string> {
    const text = readFileSync(`/proc/${await this.pid()}/status`, 'utf8');
    return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
  }

  /** What a command in it ends with, as an exec probe's. */
  exec(...args: readonly string[]): Promise<Outcome> {
    const [command = '', ...rest] = this.#runc;
    return outcome(command, [...rest, 'exec', this.#id, ...args]);
  }

  /** Ends it as a Pod is ended; gives the exit code. */
  async stop(): Promise<number> {
    const code = await this.process.stop();
    process.off('exit', this.#abandoned);
    this.#abandoned();
    return code;
  }

  readonly #abandoned = (): void => {
    const [command = '', ...args] = this.#runc;
    spawnSync(command, [...args, 'delete', '--force', this.#id]);
    rmSync(this.#place, { recursive: true, force: true });
  };

  get #runc(): readonly string[] {
    return ['runc', '--root', join(this.#place, 'state')];
  }
}

/** runc's configuration; https://github.com/opencontainers/runtime-spec. */
const specification = (options: ContainerOptions, place: string): unknown => {
  const { files, command, network, user = 65_532, rights = 'pod', capabilities = [], env = {} } = options;
  const held = rights === 'pod' ? capabilities : [];
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid: user, gid: user },
      args: command,
      env: Object.entries({ PATH: '/usr/sbin:/usr/bin', ...env }).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      capabilities: { bounding: capabilities, permitted: held, effective: held, inheritable: [], ambient: [] },
      noNewPrivileges: rights === 'pod',
    },
    root: { path: files, readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      ...(options.writable ?? []).map((destination) => ({ destination, type: 'tmpfs', source: 'tmpfs' })),
      ...Object.entries(options.texts ?? {}).map(([destination, text]) => ({
        destination,
        type: 'bind',
        source: fileOf(text, join(place, 'texts', destination)),
        options: ['bind', 'ro'],
      })),
    ],
    linux: {
      namespaces: [...['pid', 'ipc', 'uts', 'mount'].map((type) => ({ type })), { type: 'network', path: network }],
      readonlyPaths: ['/proc/sys'],
    },
  };
};

const fileOf = (text: string, path: string): string => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};
