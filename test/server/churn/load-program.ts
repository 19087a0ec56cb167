import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** The load's program as a file, because a worker of Node.js 20 runs no TypeScript. */
export class LoadProgram {
  readonly url: URL;
  readonly #place: string;

  private constructor(place: string) {
    this.#place = place;
    this.url = pathToFileURL(join(place, 'load.mjs'));
  }

  static async build(): Promise<LoadProgram> {
    // Below node_modules, so that koffi, which brings a binary and can't be bundled, is found from there.
    const cache = join(import.meta.dirname, '../../../node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    const program = new LoadProgram(mkdtempSync(join(cache, 'cluster-dns-load-')));
    await build({
      entryPoints: [join(import.meta.dirname, 'load.ts')],
      outfile: join(program.#place, 'load.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external: ['koffi'],
      banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
      logLevel: 'warning',
    });
    return program;
  }

  remove(): void {
    rmSync(this.#place, { recursive: true, force: true });
  }
}
