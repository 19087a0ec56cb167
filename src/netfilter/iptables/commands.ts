import { CommandError, type Run } from '../run.ts';

/** Which of the two iptables: `default` is what the commands on the path are. */
export type IptablesVariant = 'default' | 'legacy' | 'nft';

/** Names of the commands for one family. */
export interface IptablesCommands {
  readonly iptables: string;
  readonly save: string;
  readonly restore: string;
}

export const iptablesCommands = (family: 'IPv4' | 'IPv6', variant: IptablesVariant = 'default'): IptablesCommands => {
  const base = `${family === 'IPv6' ? 'ip6tables' : 'iptables'}${variant === 'default' ? '' : `-${variant}`}`;
  return { iptables: base, save: `${base}-save`, restore: `${base}-restore` };
};

/** Seconds to wait for whoever holds the lock of iptables-legacy. */
export const WAIT: readonly string[] = ['-w', '5'];

/** Exit code of those that give up because somebody holds that lock for longer. */
export const LOCKED = 4;

/** Runs a command of the package iptables that has to be there; says how to get it where it is not. */
export const requireIptables = async (run: Run, command: string, args: readonly string[]): Promise<string> => {
  try {
    const { stdout } = await run(command, args);
    return stdout;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const message = `${error.message}; iptables mode needs the package iptables (Debian: apt-get install iptables)`;
    throw new CommandError(command, error.exitCode, message, error);
  }
};
