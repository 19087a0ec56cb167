import { readdir, readFile, readlink } from 'node:fs/promises';
import { addressFromText } from '#dns/address.ts';
import type { LocalAddress } from './settings.ts';

/** Whether another process of this network namespace has a UDP socket on one of these addresses and this port. */
export type ServedByOthers = (addresses: readonly LocalAddress[], port: number) => Promise<boolean>;

/**
 * Asks the kernel (proc(5)), so it is true of any program: another instance, node-cache. It is what tells an update, where old and new serve side by side and
 * share rules that have no owner, from a stop.
 */
export const servedByOthers: ServedByOthers = async (addresses, port) => {
  const wanted = new Set(addresses.map(({ address }) => socketText(address, port)));
  const tables = await Promise.all(
    ['udp', 'udp6'].map((name) => readFile(`/proc/net/${name}`, 'latin1').catch(() => '')),
  );
  const sockets = tables.flatMap((table) => socketsOf(table, wanted));
  if (sockets.length === 0) return false;
  const own = await ownSockets();
  return sockets.some((inode) => !own.has(inode));
};

/** Inodes of the sockets that are bound to one of these. */
export const socketsOf = (table: string, wanted: ReadonlySet<string>): string[] =>
  table.split('\n').flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    return wanted.has(columns[1] ?? '') ? [columns[9] ?? ''] : [];
  });

/** As /proc/net/udp writes it: 32-bit words in the machine's order, which is little-endian, then the port. */
export const socketText = (address: string, port: number): string => {
  const octets = Buffer.from(addressFromText(address) ?? []);
  return `${octets.swap32().toString('hex')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
};

const ownSockets = async (): Promise<ReadonlySet<string>> => {
  const fds = await readdir('/proc/self/fd');
  // One that has been closed meanwhile is none of ours any more.
  const links = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
};
