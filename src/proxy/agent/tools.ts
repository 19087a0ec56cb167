import { type HasCommand, hasCommand, missingCommands, type NeededCommand } from '#netfilter/needs.ts';
import { CommandError, type Run } from '#netfilter/run.ts';
import type { Probes } from '../config/rule-options.ts';
import type { ProxyMode } from '../rule-backend.ts';
import { type KernelFiles, kernelFiles, numberIn } from './apply-sysctls.ts';

/** Commands that a mode can't do without. */
const TOOLS: Readonly<Record<ProxyMode, readonly NeededCommand[]>> = {
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
/** What of a mode's tools is not there, all in one line; '' where nothing is missing. */
export const missingTools = (mode: ProxyMode, has: HasCommand = hasCommand): string =>
  missingCommands(`${mode} mode`, TOOLS[mode], has);

/** Has the kernel load conntrack, as its settings are not there before. Where that can't be done, setting them says what is missing. */
export const loadConntrack = async (run: Run, files: KernelFiles = kernelFiles): Promise<void> => {
  if (numberIn('/proc/sys/net/netfilter/nf_conntrack_max', files) !== null) return;
  try {
    await run('conntrack', ['-C']);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
  }
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
