import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { exists, lacks, run } from './command.ts';

/**
 * A real API server on etcd, on 127.0.0.1. It comes from `../shared/testbed` beside this project, is built with Go
 * once a machine (some minutes the first time) and kept in the directory for temporary files.
 *
 * - `MINI_BIN=/path/to/mini-apiserver` uses a build that is there (with `mini-load` and the scripts beside or above it).
 * - `TESTBED_BUILD_SECONDS=0` never builds; the default is 480.
 */
export interface Testbed {
  readonly kubeconfig: string;
  /** `https://127.0.0.1:PORT`, token and CA in the kubeconfig. */
  readonly https: string;
  /** `http://127.0.0.1:PORT`, everybody may do everything. */
  readonly http: string;
  readonly httpPort: number;
  /** Runs kubectl against it and gives what it wrote; rejects with what it said where it fails. */
  kubectl(args: readonly string[], stdin?: string): Promise<string>;
  /** `kubectl apply` of manifests as text. */
  apply(manifests: string): Promise<string>;
  /** Services `svc-I` in Namespaces `load-(I mod 10)`, with as many endpoints each. */
  load(services: number, endpoints: number): Promise<string>;
  /** Forgets old revisions, so that old resourceVersions and continue tokens are answered with 410. */
  compact(): Promise<string>;
  /** Stops the API server with SIGKILL; etcd and its data stay. */
  killApi(): Promise<void>;
  /** Starts the API server again on the same data and ports, with more flags where they are given. */
  startApi(flags?: string): Promise<void>;
  /** Stops both and deletes the data. */
  stop(): Promise<void>;
}

/** Why there is no testbed here. */
export interface NoTestbed {
  readonly skip: string;
}

const SOURCE = fileURLToPath(new URL('../../../shared/testbed', import.meta.url));

/**
 * Starts a testbed, or says why it can't be had; the test is then counted as skipped, with the reason. `directory` is one that is built;
 * without it one is looked for, or built.
 */
export const startTestbed = async (flags = '', directory?: string): Promise<Testbed | NoTestbed> => {
  const missing = (await Promise.all(['etcd', 'etcdctl', 'kubectl', 'curl'].map(lacks))).filter((name) => name !== '');
  if (missing.length > 0) return { skip: `${missing.join(', ')} not installed` };
  const built = await findOrBuild(directory);
  if ('skip' in built) return built;
  const state = await mkdtemp(join((await exists('/dev/shm')) ? '/dev/shm' : tmpdir(), 'testbed-'));
  const port = await freePorts();
  const env = { ...process.env, MINI_BIN: built.binary, MINI_STATE: state };
  const script = (name: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string> =>
    run(join(built.scripts, name), [String(port), ...args], { env: { ...env, ...more } });
  const kubeconfig = join(state, 'kubeconfig');
  const startApi = async (more = flags): Promise<void> => {
    await script('up.sh', [kubeconfig], { MINI_ARGS: more });
  };
  // A test process that ends too early takes the servers with it.
  const abandoned = (): void => void spawnSync(join(built.scripts, 'down.sh'), [String(port)], { env });
  process.once('exit', abandoned);
  const http = `http://127.0.0.1:${port + 1}`;
  try {
    await startApi();
  } catch (error) {
    await script('down.sh', []);
    return { skip: `the API server did not start: ${(error as Error).message}` };
  }
  const kubectl = (args: readonly string[], stdin = ''): Promise<string> =>
    run('kubectl', ['--kubeconfig', kubeconfig, ...args], { stdin });
  return {
    kubeconfig,
    https: `https://127.0.0.1:${port}`,
    http,
    httpPort: port + 1,
    kubectl,
    apply: (manifests) => kubectl(['apply', '--validate=false', '-f', '-'], manifests),
    load: (services, endpoints) => {
      const args = ['load', '-server', http, '-services', `${services}`, '-endpoints', `${endpoints}`];
      return run(join(dirname(built.binary), 'mini-load'), args, { env });
    },
    compact: () => script('compact.sh', []),
    killApi: async () => void (await script('down.sh', ['kill9'])),
    startApi,
    stop: async () => {
      process.off('exit', abandoned);
      await script('down.sh', []);
    },
  };
};

interface Built {
  readonly binary: string;
  /** Where up.sh and down.sh are. */
  readonly scripts: string;
}

const findOrBuild = async (directory?: string): Promise<Built | NoTestbed> => {
  if (directory !== undefined) return { binary: join(directory, 'bin', 'mini-apiserver'), scripts: directory };
  if (!(await exists(join(SOURCE, 'up.sh')))) return { skip: '../shared/testbed is not there' };
  const given = process.env.MINI_BIN;
  if (given !== undefined) return { binary: given, scripts: SOURCE };
  const folder = join(tmpdir(), `cluster-dns-testbed-${await fingerprint(SOURCE)}`);
  const built = { binary: join(folder, 'bin', 'mini-apiserver'), scripts: folder };
  if (await exists(built.binary)) return built;
  const seconds = Number(process.env.TESTBED_BUILD_SECONDS ?? 480);
  if (!(seconds > 0)) return { skip: 'the API server is not built, and TESTBED_BUILD_SECONDS=0' };
  if ((await lacks('go')) !== '') return { skip: 'go is not installed' };
  return await onlyOne(`${folder}.lock`, seconds, async () => {
    if (!(await exists(built.binary))) await build(folder, seconds);
    return built;
  });
};

/** Builds in a folder of its own and moves it into place when it is whole. */
const build = async (folder: string, seconds: number): Promise<void> => {
  const workshop = await mkdtemp(`${folder}-`);
  try {
    await cp(SOURCE, workshop, { recursive: true });
    await run('chmod', ['-R', 'u+w', workshop]);
    await mkdir(join(workshop, 'bin'), { recursive: true });
    // build.sh fetches etcd 3.6 unless it is there; the tests use the etcd that is installed.
    await writeFile(join(workshop, 'bin', 'etcd36'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    await run(join(workshop, 'build.sh'), [], {
      env: { ...process.env, MINI_OUT: join(workshop, 'bin') },
      timeoutMs: seconds * 1000,
    });
    await rename(workshop, folder);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
};

/** One process at a time: a directory is made by only one. A lock that outlived its time is taken over. */
const onlyOne = async (lock: string, seconds: number, work: () => Promise<Built>): Promise<Built | NoTestbed> => {
  for (;;) {
    try {
      await mkdir(lock);
      break;
    } catch {
      const age = Date.now() - (await stat(lock).catch(() => ({ mtimeMs: 0 }))).mtimeMs;
      if (age > seconds * 1000 + 30_000) await rm(lock, { recursive: true, force: true });
      await delay(200);
    }
  }
  try {
    return await work();
  } catch (error) {
    return { skip: `the API server could not be built: ${(error as Error).message}` };
  } finally {
    await rmdir(lock);
  }
};

/** Changes when the source does. */
const fingerprint = async (folder: string): Promise<string> => {
  const hash = createHash('sha256');
  const names = (await readdir(folder, { recursive: true })).filter((name) => /\.(go|mod|sum|sh)$/.test(name)).sort();
  for (const name of names) hash.update(name).update(await readFile(join(folder, name)));
  return hash.digest('hex').slice(0, 12);
};

/** Four ports in a row that nobody listens on, below those that connections are given. */
const freePorts = async (): Promise<number> => {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 2500) * 4;
    const free = await Promise.all([0, 1, 2, 3].map((i) => isFree(port + i)));
    if (!free.includes(false)) return port;
  }
};

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = net.createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
