import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../command.ts';

/** A certificate authority made for one test; needs openssl. */
export class Authority {
  /** Its certificate, in PEM form. */
  readonly file: string;
  readonly #folder: string;
  readonly #name: string;
  #issued = 0;

  private constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    this.file = join(folder, `${name}.crt`);
  }

  /** Its files go to `folder`, which stays the caller's. */
  static async make(folder: string, name: string): Promise<Authority> {
    const authority = new Authority(folder, name);
    await run('openssl', [...NEW, '-subj', `/CN=${name}`, ...authority.#out(name)]);
    return authority;
  }

  /** A server's certificate for 127.0.0.1, and its key. */
  async issue(): Promise<{ readonly cert: Buffer; readonly key: Buffer }> {
    const name = `${this.#name}-${++this.#issued}`;
    const key = join(this.#folder, `${this.#name}.key`);
    const signed = ['-CA', this.file, '-CAkey', key, '-addext', 'subjectAltName=IP:127.0.0.1'];
    await run('openssl', [...NEW, '-subj', `/CN=${name}`, ...signed, ...this.#out(name)]);
    return {
      cert: await readFile(join(this.#folder, `${name}.crt`)),
      key: await readFile(join(this.#folder, `${name}.key`)),
    };
  }

  #out(name: string): string[] {
    return ['-keyout', join(this.#folder, `${name}.key`), '-out', join(this.#folder, `${name}.crt`)];
  }
}

const NEW = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
