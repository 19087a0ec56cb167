import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outcome, run } from '#test/command.ts';

const BUILD = fileURLToPath(new URL('../../../image/build-here.sh', import.meta.url));
const PREFIX = 'cluster-dns-image-';

/** What the Dockerfile says of an image besides its files, as buildah tells it. */
export interface ImageConfig {
  readonly User?: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly ExposedPorts?: Readonly<Record<string, unknown>>;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Healthcheck?: { readonly Test: readonly string[] };
}

/** The two images, built by buildah in a directory that goes with the process. CLUSTER_DNS_IMAGE_STORAGE names one that stays, and is built upon. */
export class Images {
  readonly #storage: string;
  readonly #isKept: boolean;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(storage: string, isKept: boolean, driver: string) {
    this.#storage = storage;
    this.#isKept = isKept;
    this.#environment = { ...process.env, STORAGE_DRIVER: driver };
    process.once('exit', this.#abandoned);
  }

  /** `revision` is what they say that they are made from. */
  static async build(revision: string): Promise<Images> {
    sweep();
    const kept = process.env.CLUSTER_DNS_IMAGE_STORAGE;
    const storage = kept ?? mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
    const { code, stdout, stderr } = await outcome(BUILD, [storage], {
      env: { ...process.env, REVISION: revision },
      timeoutMs: 540_000,
    });
    const driver = existsSync(join(storage, 'root/vfs-images')) ? 'vfs' : 'overlay';
    const images = new Images(storage, kept !== undefined, driver);
    if (code === 0) return images;
    images.remove();
    throw new Error(`${BUILD} ended with ${code}\n${`${stdout}${stderr}`.slice(-4000)}`);
  }

  /** A directory with the files of an image. */
  async mount(image: string): Promise<string> {
    const container = (await this.#buildah('from', '--pull-never', image)).trim();
    return (await this.#buildah('mount', container)).trim();
  }

  async config(image: string): Promise<ImageConfig> {
    const text = await this.#buildah('inspect', '--type', 'image', image);
    const { Docker } = JSON.parse(text) as { readonly Docker: { readonly config: ImageConfig } };
    return Docker.config;
  }

  remove(): void {
    process.off('exit', this.#abandoned);
    this.#abandoned();
  }

  readonly #abandoned = (): void => {
    spawnSync('buildah', [...this.#where, 'rm', '--all'], { env: this.#environment });
    if (!this.#isKept) rmSync(this.#storage, { recursive: true, force: true });
  };

  get #where(): readonly string[] {
    return ['--root', join(this.#storage, 'root'), '--runroot', join(this.#storage, 'run')];
  }

  #buildah(...args: readonly string[]): Promise<string> {
    return run('buildah', [...this.#where, ...args], { env: this.#environment });
  }
}

/** Removes what a process that was killed has left. */
const sweep = (): void => {
  const names = readdirSync(tmpdir()).filter((name) => name.startsWith(PREFIX));
  for (const name of names.filter((left) => !existsSync(`/proc/${left.slice(PREFIX.length).split('-', 1)[0]}`))) {
    const storage = join(tmpdir(), name);
    const where = ['--root', join(storage, 'root'), '--runroot', join(storage, 'run')];
    for (const STORAGE_DRIVER of ['overlay', 'vfs'])
      spawnSync('buildah', [...where, 'rm', '--all'], { env: { ...process.env, STORAGE_DRIVER } });
    rmSync(storage, { recursive: true, force: true });
  }
};
