import { parseArgs } from 'node:util';
import { missingRights } from '#netfilter/needs.ts';
import { CommandError, type Run, runCommand } from '#netfilter/run.ts';
import type { ProxyMode } from '#proxy/rule-backend.ts';
import type { CliIo } from '../io.ts';
import { longFlags } from '../long-flags.ts';
import { loadBackend } from './backends.ts';
import { ProxyFault } from './fault.ts';

const USAGE = `Usage: cluster-dns proxy cleanup

Removes all Service rules from this node, in every mode and both families, whoever wrote them: this program or kube-proxy.
kubelet's chains stay. Stop what keeps the rules first, or it writes them again. Needs root.
`;

const MODES: readonly ProxyMode[] = ['nftables', 'iptables', 'ipvs'];

/** `cluster-dns proxy cleanup`: 0, 1 where something could not be removed; what could be is. */
export const runProxyCleanup = async (
  args: readonly string[],
  io: CliIo,
  run: Run = runCommand,
  rightsFault = missingRights(),
): Promise<number> => {
  if (isHelp(args)) {
    io.stdout(USAGE);
    return 0;
  }
  if (rightsFault !== '') throw new ProxyFault([rightsFault]);
  const before = await listRules(run);
  const faults: string[] = [];
  for (const mode of MODES) {
    try {
      await (await loadBackend(mode)).cleanUp(run);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      faults.push(error.message);
    }
  }
  const after = await listRules(run);
  const removed = before.filter((rule) => !after.includes(rule));
  for (const rule of removed) io.stdout(`removed ${rule}\n`);
  if (removed.length === 0) io.stdout('There was nothing to remove.\n');
  if (faults.length > 0) throw new ProxyFault(faults);
  return 0;
};

const isHelp = (args: readonly string[]): boolean => {
  try {
    const { values } = parseArgs({ args: longFlags(args), options: { help: { type: 'boolean', short: 'h' } } });
    return values.help === true;
  } catch (error) {
    throw new ProxyFault([(error as Error).message]);
  }
};

/** What of Service proxies is in the kernel, a text for each. Tools that are not there have left nothing. */
const listRules = async (run: Run): Promise<string[]> => {
  const tables = (await linesOf(run, 'nft', ['list', 'tables'])).map(
    (line) => /^table (ip6? kube-proxy)$/.exec(line)?.[1],
  );
  const sets = (await linesOf(run, 'ipset', ['list', '-n'])).filter((name) => name.startsWith('KUBE-'));
  const chains: string[] = [];
  for (const tool of ['iptables-legacy', 'ip6tables-legacy', 'iptables-nft', 'ip6tables-nft']) {
    let table = '';
    for (const line of await linesOf(run, `${tool}-save`, [])) {
      if (line.startsWith('*')) table = line.slice(1);
      const [, chain] = /^:(KUBE-\S+)/.exec(line) ?? [];
      if (chain !== undefined) chains.push(`chain ${chain} of table ${table} (${tool})`);
    }
  }
  return [
    ...tables.flatMap((table) => (table === undefined ? [] : [`table ${table} (nft)`])),
    ...chains,
    ...sets.map((name) => `set ${name} (ipset)`),
  ];
};

const linesOf = async (run: Run, command: string, args: readonly string[]): Promise<readonly string[]> => {
  try {
    const { exitCode, stdout } = await run(command, args);
    return exitCode === 0 ? stdout.split('\n') : [];
  } catch (error) {
    if (error instanceof CommandError) return [];
    throw error;
  }
};
