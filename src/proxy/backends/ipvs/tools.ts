import { CommandError, type Run, runOrThrow } from '#netfilter/run.ts';
import type { IpFamily } from '../../rule-options.ts';

const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  sysctl: 'procps',
  ipset: 'ipset',
  ipvsadm: 'ipvsadm',
  iptables: 'iptables',
  ip6tables: 'iptables',
};

/** Rejects with CommandError, naming all that is missing, where this machine can't have virtual servers. */
export const checkTools = async (run: Run, family: IpFamily): Promise<void> => {
  const commands = ['ip', 'sysctl', 'ipset', 'ipvsadm', iptablesOf(family)];
  const missing: string[] = [];
  for (const command of commands)
    if (!(await isThere(run, command))) missing.push(`${command} (package ${PACKAGES[command]})`);
  if (missing.length > 0) {
    const [first = ''] = missing;
    throw new CommandError(
      first.split(' ', 1)[0] ?? '',
      null,
      `ipvs mode needs ${missing.join(', ')}: not found on the path`,
    );
  }
  const { exitCode, stderr } = await run('ipvsadm', ['--list', '-n']);
  if (exitCode === 0) return;
  const why = stderr.split('\n', 1)[0] || 'no word';
  throw new CommandError(
    'ipvsadm',
    exitCode,
    `ipvsadm: ${why}: ipvs mode needs a kernel with ip_vs; nftables and iptables modes do not`,
  );
};

/** One that is there may refuse `--version`. */
const isThere = async (run: Run, command: string): Promise<boolean> => {
  try {
    await run(command, ['--version']);
    return true;
  } catch (error) {
    if (error instanceof CommandError && isMissing(error)) return false;
    throw error;
  }
};

export const isMissing = ({ cause }: CommandError): boolean =>
  (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';

export const iptablesOf = (family: IpFamily): 'iptables' | 'ip6tables' =>
  family === 'IPv6' ? 'ip6tables' : 'iptables';

/** Loads a text; nothing is run for an empty one. Gives the lines that it had. */
export const load = async (run: Run, command: string, args: readonly string[], text: string): Promise<number> => {
  if (text === '') return 0;
  await runOrThrow(run, command, args, text);
  return text.split('\n').length - 1;
};
