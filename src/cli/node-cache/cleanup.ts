import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { missingRights } from '#netfilter/needs.ts';
import { CommandError, type Run, runCommand } from '#netfilter/run.ts';
import { isHostAddress, listDevices } from '#node-cache/link/devices.ts';
import { hostPrefix, isLinkOf, openIpLink } from '#node-cache/link/ip-link.ts';
import { ofMeaningsOrComment } from '#node-cache/rules/iptables/live-rules.ts';
import { rulesOfAddress } from '#node-cache/rules/iptables/own-rules.ts';
import { withInstalled } from '#node-cache/rules/iptables/rule-tool.ts';
import { cleanUpTables } from '#node-cache/rules/nftables/clean-up.ts';
import type { LocalAddress } from '#node-cache/settings.ts';
import type { CliIo } from '../io.ts';
import { longFlags } from '../long-flags.ts';

const USAGE = `Usage: cluster-dns node-cache cleanup [-localip ADDRESS,...] [-interfacename NAME]

Removes from this node what a node-local cache has put there, this program or node-cache: rules of nftables and of both
iptables, the link NAME (default nodelocaldns), and the addresses on lo. Stop the cache first, or it puts them there again.
-localip names the addresses of the cache; without it they are those that its tables and its link have. Needs root.
`;

interface CleanUpArguments {
  readonly addresses: readonly LocalAddress[];
  readonly interfaceName: string;
}

/** `cluster-dns node-cache cleanup`: 0, also where there was nothing; 1 where something could not be removed, and then what could be is. */
export const runNodeCacheCleanup = async (
  args: readonly string[],
  io: CliIo,
  run: Run = runCommand,
  rightsFault = missingRights(),
): Promise<number> => {
  const read = readArguments(args);
  if (read === 'help') {
    io.stdout(USAGE);
    return 0;
  }
  const faults = typeof read === 'string' ? [read] : rightsFault === '' ? [] : [rightsFault];
  if (faults.length === 0 && typeof read !== 'string') faults.push(...(await cleanUp(read, run, io)));
  for (const fault of faults) io.stderr(`node-cache cleanup: ${fault}\n`);
  return faults.length === 0 ? 0 : 1;
};

/** 'help', or what is wrong with them. */
const readArguments = (args: readonly string[]): CleanUpArguments | string => {
  const options = {
    localip: { type: 'string', default: '' },
    interfacename: { type: 'string', default: 'nodelocaldns' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  try {
    const { values } = parseArgs({ args: longFlags(args), options });
    if (values.help === true) return 'help';
    const texts = values.localip === '' ? [] : values.localip.split(',');
    const wrong = texts.find((text) => isIP(text) === 0);
    if (wrong !== undefined) return `-localip: ${wrong} is not an IP address`;
    return { addresses: texts.map(localAddress), interfaceName: values.interfacename };
  } catch (error) {
    return (error as Error).message;
  }
};

/** Says what it removes; gives what could not be. */
const cleanUp = async (asked: CleanUpArguments, run: Run, io: CliIo): Promise<string[]> => {
  const faults: string[] = [];
  const attempt = async (step: () => Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      // What is not installed has left nothing.
      if (!error.message.includes('not found on the path')) faults.push(error.message);
    }
  };
  let removed = 0;
  const tell = (what: string): void => {
    removed += 1;
    io.stdout(`removed ${what}\n`);
  };
  const known = new Map(asked.addresses.map((each) => [each.address, each]));
  const learn = (address: string): unknown => known.set(address, localAddress(address));
  await attempt(async () => {
    const tables = await cleanUpTables(run);
    for (const table of tables.removed) tell(`table ${table} (nft)`);
    for (const address of tables.addresses) learn(address);
    for (const { table, owner } of tables.held)
      faults.push(`table ${table} belongs to a process that runs${owner === '' ? '' : ` (${owner})`}: end it first`);
  });
  await attempt(async () => {
    const devices = await listDevices(run);
    const link = devices.find((device) => isLinkOf(device, asked.interfaceName));
    for (const { address } of link?.addresses.filter(isHostAddress) ?? []) learn(address);
  });
  await attempt(async () => {
    for (const line of await clearIptables([...known.values()], run)) tell(line);
  });
  await attempt(async () => {
    for (const line of await removeLink({ ...asked, addresses: [...known.values()] }, run)) tell(line);
  });
  if (removed === 0 && faults.length === 0) io.stdout('There was nothing to remove.\n');
  return faults;
};

/** Also where the addresses are not known: node-cache's comments are. */
const clearIptables = async (addresses: readonly LocalAddress[], run: Run): Promise<readonly string[]> => {
  const lines: string[] = [];
  for (const family of [4, 6] as const) {
    const own = addresses.filter((each) => each.family === family);
    const isOurs = ofMeaningsOrComment(own.flatMap((each) => rulesOfAddress(each, PORTS)));
    for (const [{ name }, removed] of await withInstalled(run, family, (tool) => tool.clear(isOurs)))
      lines.push(...removed.map(({ table, line }) => `${name} -t ${table} ${line}`));
  }
  return lines;
};

/** Those of rules without a comment, which only old versions of node-cache made. */
const PORTS = { dnsPort: 53, healthPort: 8080 };

const removeLink = async (settings: CleanUpArguments, run: Run): Promise<readonly string[]> => {
  const before = await listDevices(run);
  const link = openIpLink(settings, { run, log: { info: () => undefined } });
  await link.remove();
  link.close();
  const after = await listDevices(run);
  const lines: string[] = [];
  for (const { name, addresses } of before) {
    const left = after.find((device) => device.name === name);
    if (left === undefined && name === settings.interfaceName) lines.push(`link ${name}`);
    for (const { address } of settings.addresses)
      if (has(addresses, address) && !has(left?.addresses ?? [], address))
        lines.push(`address ${hostPrefix(localAddress(address))} on ${name}`);
  }
  return lines;
};

const has = (addresses: readonly { readonly address: string }[], wanted: string): boolean =>
  addresses.some(({ address }) => address === wanted);

const localAddress = (address: string): LocalAddress => ({ address, family: isIP(address) === 6 ? 6 : 4 });
