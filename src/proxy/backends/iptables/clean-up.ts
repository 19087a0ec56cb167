import { iptablesCommands, WAIT } from '#netfilter/iptables/commands.ts';
import { chainLine } from '#netfilter/iptables/text.ts';
import { CommandError, type Run, runOrThrow } from '#netfilter/run.ts';
import type { IpFamily } from '../../rule-options.ts';
import { CANARY } from './chain-names.ts';
import { CANARY_TABLES } from './frame.ts';
import { jumpRemovals, ownedChains } from './leftovers.ts';
import { type LiveTable, readLive } from './live-rules.ts';

/** What to look at; all of it where nothing is said. */
export interface CleanUpScope {
  readonly families?: readonly IpFamily[];
}

/**
 * Removes all chains that a Service proxy has made in iptables or IPVS mode, and the jumps to them, with each iptables that is installed.
 * One listing each where there are none.
 */
export const cleanUpIptables = async (run: Run, scope: CleanUpScope = {}): Promise<void> => {
  for (const family of scope.families ?? (['IPv4', 'IPv6'] as const)) {
    const found = [await cleanUpWith(run, family, 'legacy'), await cleanUpWith(run, family, 'nft')];
    // A package that has but one of them may have no name for it.
    if (!found.includes(true)) await cleanUpWith(run, family, 'default');
  }
};

/** False where that iptables is not installed. */
const cleanUpWith = async (run: Run, family: IpFamily, variant: 'legacy' | 'nft' | 'default'): Promise<boolean> => {
  const commands = iptablesCommands(family, variant);
  let save: string;
  try {
    save = await runOrThrow(run, commands.save, []);
  } catch (error) {
    // Not there, as opposed to failed.
    if (error instanceof CommandError && error.exitCode === null) return false;
    throw error;
  }
  const input = removalInput(readLive(save));
  if (input !== '') await runOrThrow(run, commands.restore, [...WAIT, '--noflush'], input);
  return true;
};

/** Input of iptables-restore that removes what is the proxy's; '' where nothing is. */
export const removalInput = (live: ReadonlyMap<string, LiveTable>): string => {
  let input = '';
  for (const name of CANARY_TABLES) {
    const table = live.get(name);
    if (table === undefined) continue;
    const chains = name === 'mangle' ? [...table.chains].filter((chain) => chain === CANARY) : ownedChains(table, name);
    if (chains.length === 0) continue;
    const lines = [...chains.map(chainLine), ...jumpRemovals(table, chains), ...chains.map((chain) => `-X ${chain}`)];
    input += `*${name}\n${lines.join('\n')}\nCOMMIT\n`;
  }
  return input;
};
