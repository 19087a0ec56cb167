import { NETLINK_NETFILTER } from '#libc/constants.ts';
import { type Libc, loadLibc } from '#libc/libc.ts';
import { NetlinkSocket } from '#libc/netlink-socket.ts';
import { TableSizes } from '#netfilter/iptables/table-sizes.ts';
import { SocketEvents, type TableEvents } from '#netfilter/nft/events.ts';
import type { NftTransaction } from '#netfilter/nft/transactions.ts';
import type { ChangeSource } from '../../change-watch.ts';

/** What we ourselves do to rules, so that it is not taken for somebody else's work. */
export interface OwnWrites {
  /** A change of ours is on its way. */
  readonly isWriting: boolean;
  /** Processes of ours that have changed rules. */
  readonly pids: Set<number>;
}

/** What one of the two iptables has done to these families' rules, by others. */
export type OpenRuleChanges = (
  kind: 'legacy' | 'nft',
  families: readonly (4 | 6)[],
  own: OwnWrites,
) => Promise<RuleChanges>;

export interface RuleChanges extends ChangeSource {
  /** A change of ours is over. */
  noteOwn(): void;
}

const TABLES = ['raw', 'filter'] as const;
const RECEIVE_BUFFER_OCTETS = 1024 * 1024;

/** For the network namespace that `enter` opens sockets in: that of this process where it is not said. */
export const ruleChangesIn =
  (enter: <T>(open: () => T) => T): OpenRuleChanges =>
  async (kind, families, own) => {
    const libc = await loadLibc();
    return enter(() => (kind === 'nft' ? new NftChanges(libc, families, own) : new LegacyChanges(libc, families, own)));
  };

/** Rejects with NoLibc, or SystemCallError. */
export const openRuleChanges: OpenRuleChanges = ruleChangesIn((open) => open());

/** iptables-nft's tables are nft's, and the kernel tells of each transaction. */
class NftChanges implements RuleChanges {
  readonly #own: OwnWrites;
  readonly #events: { readonly table: string; readonly events: TableEvents }[] = [];

  constructor(libc: Libc, families: readonly (4 | 6)[], own: OwnWrites) {
    this.#own = own;
    try {
      for (const family of families)
        for (const name of TABLES) {
          const socket = NetlinkSocket.open(libc, NETLINK_NETFILTER, RECEIVE_BUFFER_OCTETS);
          const events = new SocketEvents(socket, { family: family === 4 ? 'ip' : 'ip6', name });
          this.#events.push({ table: name, events });
        }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  hasChanged(): boolean {
    // Whose transaction it is that waits is known when our process has ended.
    if (this.#own.isWriting) return false;
    const news = this.#events.map(({ table, events }) => ({ table, ...events.read() }));
    const isForeign = news.some(
      ({ table, transactions, isLost }) =>
        isLost || transactions.some((transaction) => concernsUs(table, transaction) && !this.#isOwn(transaction)),
    );
    if (news.every(({ isAll }) => isAll)) this.#own.pids.clear();
    return isForeign;
  }

  noteOwn(): void {
    // The processes are known.
  }

  close(): void {
    for (const { events } of this.#events) events.close();
  }

  #isOwn({ port, pid }: NftTransaction): boolean {
    return this.#own.pids.has(port) || this.#own.pids.has(pid);
  }
}

/** In the table filter kube-proxy and others keep chains of their own, with each change of theirs: a listing for each would be too much. */
const concernsUs = (table: string, { text }: NftTransaction): boolean =>
  table === 'raw' || /^deletes (?:the table|.* (?:INPUT|OUTPUT)$)/.test(text);

/** Of iptables-legacy the kernel tells nothing: the sizes of its tables are looked at, which costs less than a millisecond a second. */
class LegacyChanges implements RuleChanges {
  readonly #own: OwnWrites;
  readonly #sizes: TableSizes[] = [];
  #known: string;

  constructor(libc: Libc, families: readonly (4 | 6)[], own: OwnWrites) {
    this.#own = own;
    try {
      for (const family of families) this.#sizes.push(TableSizes.open(libc, family, TABLES));
      this.#known = this.#read();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  hasChanged(): boolean {
    if (this.#own.isWriting) return false;
    const now = this.#read();
    const isChanged = now !== this.#known;
    this.#known = now;
    return isChanged;
  }

  noteOwn(): void {
    this.#known = this.#read();
  }

  close(): void {
    for (const sizes of this.#sizes) sizes.close();
  }

  #read(): string {
    return this.#sizes.map((sizes) => sizes.read()).join(' ');
  }
}
