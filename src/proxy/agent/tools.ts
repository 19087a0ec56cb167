import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Run } from '#netfilter/run.ts';
import type { Probes } from '../config/rule-options.ts';
import type { ProxyMode } from '../rule-backend.ts';
import { type KernelFiles, kernelFiles, numberIn } from './apply-sysctls.ts';

/** Commands that a mode can't do without, and the Debian package of each. */
const TOOLS: Readonly<Record<ProxyMode, readonly (readonly [command: string, debianPackage: string])[]>> = {
  nftables: [['nft', 'nftables']],
  iptables: [
    ['iptables', 'iptables'],
    ['iptables-save', 'iptables'],
    ['iptables-restore', 'iptables'],
  ],
  ipvs: [
    ['ipvsadm', 'ipvsadm'],
    ['ipset', 'ipset'],
    ['ip', 'iproute2'],
    ['iptables', 'iptables'],
    ['iptables-save', 'iptables'],
    ['iptables-restore', 'iptables'],
  ],
};
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

/** What of a mode's tools is not there, all in one line; '' where nothing is missing. */
export const missingTools = (mode: ProxyMode, has: HasCommand = hasCommand): string => {
  const missing = TOOLS[mode].filter(([command]) => !has(command));
  if (missing.length === 0) return '';
  const commands = missing.map(([command]) => command).join(', ');
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
  const there = missing.length === 1 ? 'is' : 'are';
  return `${mode} mode needs ${commands}, which ${there} not on the path: install it (Debian: apt-get install ${packages})`;
};

/** Why this process may not change rules; '' where it may. */
export const missingRights = (status = ownStatus()): string => {
  const [, mask] = /^CapEff:\s*([0-9a-f]+)/m.exec(status) ?? [];
  if (mask === undefined || (BigInt(`0x${mask}`) >> CAP_NET_ADMIN) & 1n) return '';
  return 'rules may only be changed by root (or with CAP_NET_ADMIN): run it as root, or in a privileged Pod with hostNetwork';
};

/** Asks tools and kernel what rules may use. */
export const probe = async (mode: ProxyMode, run: Run, files: KernelFiles = kernelFiles): Promise<Probes> => ({
  hasRandomFully: mode === 'nftables' || isAtLeast((await run('iptables', ['--version'])).stdout, [1, 6, 2]),
  // Its counters would have to be made and read by a tool that no back end needs; they change no packet's way.
  hasNfacct: false,
  isConntrackTcpLiberal: (numberIn('/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal', files) ?? 0) !== 0,
});

const isAtLeast = (text: string, wanted: readonly number[]): boolean => {
  const version =
    /v(\d+)\.(\d+)(?:\.(\d+))?/
      .exec(text)
      ?.slice(1)
      .map((part) => Number(part ?? 0)) ?? [];
  for (const [i, least] of wanted.entries()) {
    const part = version[i] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
};

const ownStatus = (): string => {
  try {
    return readFileSync('/proc/self/status', 'latin1');
  } catch {
    return '';
  }
};
