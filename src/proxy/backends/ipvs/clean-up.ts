import { CommandError, type CommandResult, type Run } from '#netfilter/run.ts';
import { DEFAULT_MASQUERADE_MARK, type IpFamily, type RuleOptions } from '../../rule-options.ts';
import { readLive } from '../iptables/live-rules.ts';
import { LINK, plan } from './plan.ts';
import { remainder } from './remainder.ts';
import { setNames } from './sets.ts';
import { removeFromTables } from './tables.ts';
import { iptablesOf, isMissing, load } from './tools.ts';

/**
 * Removes all that this mode has left in the kernel. Where its link is there, that is the whole table of virtual servers: nothing tells which of
 * them is whose, and kube-proxy does the same.
 */
export const cleanUp = async (run: Run): Promise<void> => {
  await removeVirtualServers(run);
  for (const family of FAMILIES) await removeTables(run, family);
  // Rules ask the sets, so these go last.
  await removeSets(run, FAMILIES);
};

const FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6'];

/** Virtual servers and the link that has their addresses, for both families. */
export const removeVirtualServers = async (run: Run): Promise<void> => {
  const link = await runIfThere(run, 'ip', ['link', 'show', LINK]);
  if (link?.exitCode !== 0) return;
  await runIfThere(run, 'ipvsadm', ['--clear']);
  await load(run, 'ip', ['link', 'delete', LINK], '\n');
};

const removeTables = async (run: Run, family: IpFamily): Promise<void> => {
  const saved = await runIfThere(run, `${iptablesOf(family)}-save`, []);
  if (saved === null) return;
  const text = removeFromTables(readLive(saved.stdout), chainsOf(family));
  await load(run, `${iptablesOf(family)}-restore`, ['-w', '5', '--noflush'], text);
};

/** Sets that no rule asks any more. */
export const removeSets = async (run: Run, families: readonly IpFamily[]): Promise<void> => {
  const listed = await runIfThere(run, 'ipset', ['list', '-name']);
  const names = listed?.stdout.split('\n') ?? [];
  const ours = new Set(families.flatMap((family) => [...setNames(family)]));
  const text = names
    .filter((name) => ours.has(name))
    .map((name) => `destroy ${name}\n`)
    .join('');
  await load(run, 'ipset', ['restore'], text);
};

/** null where the command is not there: who has no such tool has left nothing by it. */
const runIfThere = async (run: Run, command: string, args: readonly string[]): Promise<CommandResult | null> => {
  try {
    return await run(command, args);
  } catch (error) {
    if (error instanceof CommandError && isMissing(error)) return null;
    throw error;
  }
};

/** Chains of this mode: they are the same for any Services. */
const chainsOf = (family: IpFamily) => {
  const options: RuleOptions = {
    family,
    localTraffic: { by: 'none' },
    masqueradeAll: false,
    masqueradeMark: DEFAULT_MASQUERADE_MARK,
    nodePortAddresses: 'all',
    localhostNodePorts: false,
    conntrackTcpBeLiberal: false,
    serviceCidrs: [],
    hasRandomFully: true,
    hasNfacct: false,
  };
  return remainder(plan(new Map(), options), options);
};
