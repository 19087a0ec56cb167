import { describe, expect, it } from 'vitest';
import { SystemCallError } from '#libc/errno.ts';
import { Log } from '#log/log.ts';
import type { NftRequest } from '#netfilter/nft/message.ts';
import type { TransactionSocket } from '#netfilter/nft/transaction-socket.ts';
import { CommandError, type Run } from '#netfilter/run.ts';
import type { NodeCacheSettings } from '../../settings.ts';
import type { Bypass } from '../bypass.ts';
import { openNftablesBypass } from './index.ts';

const ADDRESSES = [{ address: '169.254.20.10', family: 4 }] as const;
const SETTINGS = {
  addresses: ADDRESSES,
  dnsPort: 53,
  healthPort: 8080,
  fallback: { 4: '10.96.0.11', 6: null },
  markBit: 0x800000,
} as unknown as NodeCacheSettings;

const EPERM = 1;
const ENOENT = 2;
const EOPNOTSUPP = 95;
/** NFT_MSG_NEWTABLE, its flags are the second attribute's value; NFT_MSG_DELTABLE. */
const NEWTABLE = 0;
const DELTABLE = 2;
const isOwned = ({ body }: NftRequest): boolean => body[1]?.readUInt32BE(4) === 2;

interface Place {
  readonly bypass: Bypass;
  /** Texts that nft was given. */
  readonly texts: readonly string[];
  readonly transactions: readonly (readonly NftRequest[])[];
  readonly lines: readonly string[];
  readonly closed: () => boolean;
}

interface Faults {
  /** errno for a transaction, 0 for none. */
  readonly commit?: (requests: readonly NftRequest[], n: number) => number;
  readonly nft?: (text: string) => string;
  readonly run?: Run;
}

const open = ({ commit = () => 0, nft = () => '', run }: Faults = {}): Place => {
  const texts: string[] = [];
  const transactions: (readonly NftRequest[])[] = [];
  const lines: string[] = [];
  let isClosed = false;
  const socket: TransactionSocket = {
    commit: async (requests) => {
      const errno = commit(requests, transactions.push(requests));
      if (errno !== 0) throw new SystemCallError('nftables', errno);
    },
    listTables: async () => [],
    close: () => {
      isClosed = true;
    },
  };
  const ownRun: Run = async (_command, args, input) => {
    if (args.includes('list')) return { exitCode: 1, stdout: '', stderr: 'Error: No such file or directory\n' };
    texts.push(String(input));
    const stderr = nft(String(input));
    return { exitCode: stderr === '' ? 0 : 1, stdout: '', stderr };
  };
  const log = new Log({ write: (level, _, line) => lines.push(`${level}: ${line}`), flush: async () => undefined });
  const environment = {
    run: run ?? ownRun,
    log,
    openSocket: async () => socket,
    openEvents: () => Promise.reject(new Error('none here')),
  };
  return { bypass: openNftablesBypass(SETTINGS, environment), texts, transactions, lines, closed: () => isClosed };
};

const fault = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'none',
    (error: unknown) => error,
  );

describe('the nftables rules of a node cache', () => {
  it('are one text of nft and one transaction of its own', async () => {
    const { bypass, texts, transactions, lines } = open();
    await bypass.setUp();
    expect(texts).toHaveLength(1);
    expect(transactions).toHaveLength(1);
    expect(transactions[0]?.filter(({ what }) => what === NEWTABLE).map(isOwned)).toEqual([true]);
    expect(lines).toEqual([expect.stringContaining("the kernel can't be heard: none here")]);
  });

  it('do without an owner where the kernel knows none', async () => {
    const { bypass, transactions, lines } = open({
      commit: ([first]) => (first !== undefined && first.what === NEWTABLE && isOwned(first) ? EOPNOTSUPP : 0),
    });
    await bypass.setUp();
    expect(transactions).toHaveLength(2);
    expect(lines.join()).toContain('this kernel can give no table to a process');
  });

  it('do without zones where nft refuses them', async () => {
    const { bypass, texts, lines } = open({ nft: (text) => (text.includes('zone') ? 'Error: Not supported\n' : '') });
    await bypass.setUp();
    expect(texts.map((text) => text.includes('zone'))).toEqual([true, false]);
    expect(lines.join()).toContain('no conntrack zones');
  });

  it('make their table again when somebody took it away', async () => {
    const { bypass, transactions, lines } = open({ commit: (_, n) => (n === 2 ? ENOENT : 0) });
    await bypass.setUp();
    await bypass.keepAlive(ADDRESSES);
    expect(transactions).toHaveLength(4);
    expect(lines.join()).toMatch(/cluster-dns-node-cache-\d+-\w+ was gone: made again/);
  });

  it('say what nft did not take, and leave nothing', async () => {
    const { bypass, transactions, closed } = open({ nft: () => 'Error: syntax error, unexpected zone\nmore\n' });
    const error = await fault(bypass.setUp());
    expect(error).toBeInstanceOf(CommandError);
    expect((error as Error).message).toBe('nft -f -: exit code 1: Error: syntax error, unexpected zone');
    expect(transactions.flat().every(({ what }) => what === DELTABLE)).toBe(true);
    expect(closed()).toBe(true);
  });

  it('take the permanent table back when their own one is refused', async () => {
    const { bypass, texts } = open({ commit: () => EPERM });
    const error = await fault(bypass.setUp());
    expect(error).toBeInstanceOf(CommandError);
    expect((error as Error).message).toMatch(/EPERM.*needs root, or the capability NET_ADMIN/);
    expect(texts.at(-1)).toBe('table ip cluster-dns-node-cache\ndelete table ip cluster-dns-node-cache\n');
  });

  it.each([
    [
      'is not there',
      new CommandError('nft', null, 'nft: not found on the path', { code: 'ENOENT' }),
      'install nftables',
    ],
    ['was ended by a signal', new CommandError('nft', null, 'nft: ended by SIGSEGV'), 'a later version of nft'],
  ])('say so where nft %s', async (_, error, words) => {
    const { bypass, closed } = open({ run: () => Promise.reject(error) });
    const seen = await fault(bypass.setUp());
    expect(seen).toBeInstanceOf(CommandError);
    expect((seen as Error).message).toContain(words);
    expect(closed()).toBe(true);
  });
});
