import {
  type IptablesCommands,
  type IptablesVariant,
  iptablesCommands,
  LOCKED,
  WAIT,
} from '#netfilter/iptables/commands.ts';
import { CommandError, type CommandResult, type Run, runOrThrow } from '#netfilter/run.ts';
import { type Difference, differenceOf, type IsOurs, type LiveRule, readLiveRules, rewriteText } from './live-rules.ts';
import type { OwnRule } from './own-rules.ts';

/** Somebody else may change rules between our listing and our change. */
const ATTEMPTS = 3;

/**
 * Does something with each iptables that is installed, the two by their own names, or what is there under the plain one; gives those that were there. `work`
 * gives null where its command is not.
 */
export const withInstalled = async <T>(
  run: Run,
  family: 4 | 6,
  work: (tool: RuleTool) => Promise<T | null>,
): Promise<readonly (readonly [RuleTool, T])[]> => {
  const attempt = async (variant: IptablesVariant): Promise<(readonly [RuleTool, T])[]> => {
    const tool = new RuleTool(run, family, variant);
    const result = await work(tool);
    return result === null ? [] : [[tool, result]];
  };
  const named = (await Promise.all([attempt('legacy'), attempt('nft')])).flat();
  return named.length > 0 ? named : await attempt('default');
};

/** What is to be loaded, '' where nothing is, and what to tell of it. */
interface Plan<T> {
  readonly text: string;
  readonly result: T;
}

const planFor = (
  save: string,
  wanted: readonly OwnRule[],
  isOurs: IsOurs,
  options: { readonly isStrict: boolean },
): Plan<Difference> => {
  const live = readLiveRules(save, isOurs);
  const difference = differenceOf(live, wanted, options);
  const isSame = difference.missing.length === 0 && difference.surplus.length === 0;
  return { text: isSame ? '' : rewriteText(live, wanted), result: difference };
};

/** One family's rules by one of the two iptables: a listing, and a change of all in one process. */
export class RuleTool {
  readonly #run: Run;
  readonly #commands: IptablesCommands;
  /** What `-V` says of the commands on the path. */
  #kind: 'legacy' | 'nft' | null;

  constructor(run: Run, family: 4 | 6, variant: IptablesVariant) {
    this.#run = run;
    this.#commands = iptablesCommands(family === 4 ? 'IPv4' : 'IPv6', variant);
    this.#kind = variant === 'default' ? null : variant;
  }

  /** Name of the command, for a reader. */
  get name(): string {
    return this.#commands.iptables;
  }

  /** Which of the two it is. Rejects with CommandError where it is not installed. */
  async kind(): Promise<'legacy' | 'nft'> {
    this.#kind ??= (await runOrThrow(this.#run, this.#commands.save, ['-V'])).includes('nf_tables') ? 'nft' : 'legacy';
    return this.#kind;
  }

  /** What is in the kernel. Where `isInUse`, tables that are not there yet may come to be by being looked at. */
  async save({ isInUse }: { readonly isInUse: boolean }): Promise<string> {
    const save = (...args: string[]): Promise<string> => runOrThrow(this.#run, this.#commands.save, args);
    // The table nat may have tens of thousands of lines, which legacy's can pass over and nft's can't.
    if (!isInUse || (await this.kind()) === 'nft') return await save();
    const tables = await Promise.all([save('-t', 'raw'), save('-t', 'filter')]);
    return tables.join('');
  }

  /** The same; null where this iptables is not installed, as opposed to failed. */
  async saveIfThere(): Promise<string | null> {
    try {
      return await this.save({ isInUse: false });
    } catch (error) {
      if (error instanceof CommandError && error.exitCode === null) return null;
      throw error;
    }
  }

  /** Brings the rules that are ours to those that are wanted, if they differ; gives what was different. */
  async bring(
    wanted: readonly OwnRule[],
    isOurs: IsOurs,
    options: { readonly isStrict: boolean; readonly wrote?: (pid: number | undefined) => void },
  ): Promise<Difference> {
    return await this.#change(options.wrote, async () => {
      return planFor(await this.save({ isInUse: true }), wanted, isOurs, options);
    });
  }

  /** The same, by the spelling too; what is wanted depends on what there is. null where this iptables is not installed. */
  async bringIfThere(wanted: (save: string) => readonly OwnRule[], isOurs: IsOurs): Promise<Difference | null> {
    return await this.#change<Difference | null>(undefined, async () => {
      const save = await this.saveIfThere();
      if (save === null) return { text: '', result: null };
      return planFor(save, wanted(save), isOurs, { isStrict: true });
    });
  }

  /** Takes out all rules that are ours; gives those that were there, null where this iptables is not installed. */
  async clear(isOurs: IsOurs): Promise<readonly LiveRule[] | null> {
    return await this.#change(undefined, async () => {
      const save = await this.saveIfThere();
      if (save === null) return { text: '', result: null };
      const live = readLiveRules(save, isOurs);
      return { text: rewriteText(live, []), result: live };
    });
  }

  /** Loads what is to be done, and looks anew where that is refused. */
  async #change<T>(wrote: ((pid: number | undefined) => void) | undefined, plan: () => Promise<Plan<T>>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const { text, result } = await plan();
      if (text === '') return result;
      const done = await this.#run(this.#commands.restore, ['--noflush', ...WAIT], text);
      wrote?.(done.pid);
      if (done.exitCode === 0) return result;
      if (attempt === ATTEMPTS || done.exitCode === LOCKED) throw this.#refused(done);
    }
  }

  #refused({ exitCode, stderr }: CommandResult): CommandError {
    const { restore } = this.#commands;
    const firstLine = stderr.split('\n').find((line) => line !== '' && !line.startsWith('# Warning')) ?? 'no word';
    return new CommandError(restore, exitCode, `${restore} --noflush: exit code ${exitCode}: ${firstLine}`);
  }
}
