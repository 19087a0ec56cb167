import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A command, and the Debian package that it comes with. */
export type NeededCommand = readonly [command: string, debianPackage: string];

const CAP_NET_ADMIN = 12n;

/** Whether a command is on the path. */
export type HasCommand = (command: string) => boolean;

export const hasCommand: HasCommand = (command) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** Which commands are not there, all in one line; '' where nothing is missing. */
export const missingCommands = (
  what: string,
  needed: readonly NeededCommand[],
  has: HasCommand = hasCommand,
): string => {
  const missing = needed.filter(([command]) => !has(command));
  if (missing.length === 0) return '';
  const commands = missing.map(([command]) => command).join(', ');
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
  const there = missing.length === 1 ? 'is' : 'are';
  return `${what} needs ${commands}, which ${there} not on the path: install it (Debian: apt-get install ${packages})`;
};

/** Why this process may not change rules; '' where it may. */
export const missingRights = (status = ownStatus()): string => {
  const [, mask] = /^CapEff:\s*([0-9a-f]+)/m.exec(status) ?? [];
  if (mask === undefined || (BigInt(`0x${mask}`) >> CAP_NET_ADMIN) & 1n) return '';
  return 'rules may only be changed by root (or with CAP_NET_ADMIN): run it as root, or in a privileged Pod with hostNetwork';
};

const ownStatus = (): string => {
  try {
    return readFileSync('/proc/self/status', 'latin1');
  } catch {
    return '';
  }
};
