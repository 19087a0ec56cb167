import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { run } from '#test/command.ts';

const PREFIX = 'cluster-dns-lab';
let labs = 0;

/** Commands of `ip` as one batch, in a namespace or outside of any; `family` where they don't say it. */
export const ipBatch = async (lines: readonly string[], namespace?: string, family: 4 | 6 = 4): Promise<void> => {
  if (lines.length === 0) return;
  const inside = namespace === undefined ? [] : ['-n', namespace];
  await run('ip', [...inside, ...(family === 6 ? ['-6'] : []), '-batch', '-'], { stdin: `${lines.join('\n')}\n` });
};

/** Network namespaces of one lab: their names have the process's id, and they go with it. */
export class Namespaces {
  readonly #prefix = `${PREFIX}-${process.pid}-${++labs}`;
  readonly #names: string[] = [];

  constructor() {
    sweep();
    process.once('exit', this.#abandoned);
  }

  /** The whole name of the one that the lab calls so. */
  nameOf(short: string): string {
    return `${this.#prefix}-${short}`;
  }

  async add(shorts: readonly string[]): Promise<void> {
    const names = shorts.map((short) => this.nameOf(short));
    this.#names.push(...names);
    await ipBatch(names.map((name) => `netns add ${name}`));
  }

  remove(): void {
    process.off('exit', this.#abandoned);
    remove(this.#names.splice(0));
  }

  readonly #abandoned = (): void => remove(this.#names);
}

const remove = (names: readonly string[]): void => {
  if (names.length === 0) return;
  spawnSync('ip', ['-force', '-batch', '-'], { input: names.map((name) => `netns delete ${name}\n`).join('') });
};

/** Removes what a process that was killed has left. */
const sweep = (): void => {
  if (!existsSync('/run/netns')) return;
  const names = readdirSync('/run/netns').filter((name) => name.startsWith(`${PREFIX}-`));
  remove(names.filter((name) => !existsSync(`/proc/${name.slice(PREFIX.length + 1).split('-', 1)[0]}`)));
};
