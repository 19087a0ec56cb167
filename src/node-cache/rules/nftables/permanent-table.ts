import type { Log } from '#log/log.ts';
import { isNotPermitted, nftFailure, runNft, startNft } from '#netfilter/nft/run-nft.ts';
import type { Run } from '#netfilter/run.ts';
import type { NodeCacheSettings } from '../../settings.ts';
import { type ListedTable, listTable } from './list-tables.ts';
import { FAMILIES, type Family, nftFamily, PERMANENT_TABLE } from './names.ts';
import { LAYOUT, permanentText, readComment } from './permanent-text.ts';
import { planFor } from './plan.ts';
import { isSameTable } from './same-table.ts';

interface Parts {
  readonly settings: NodeCacheSettings;
  readonly run: Run;
  readonly log: Log;
}

/** The table that leads queries to the cluster's DNS while no cache answers: in each family that there are addresses of. It stays on the node. */
export class PermanentTable {
  readonly #parts: Parts;
  #hasZones = true;
  /** What `setUp` has replaced, by family; null where there was nothing. */
  readonly #replaced = new Map<Family, ListedTable | null>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** In one transaction, and none where all is there already: connections of the fallback are remembered in it. Rejects with CommandError. */
  async setUp(): Promise<void> {
    const families = this.#families();
    const listed = await Promise.all(families.map((family) => this.#list(family)));
    const before = new Map(families.map((family, n) => [family, listed[n] ?? null]));
    const wrong = families.filter((family) => !this.#isKept(family, before.get(family) ?? null));
    if (wrong.length === 0) return;
    await this.#write(wrong);
    for (const family of wrong) this.#replaced.set(family, before.get(family) ?? null);
  }

  /** Makes again what is gone, or was changed by hand. What another instance has put in its place stays. Rejects with CommandError. */
  async repair(): Promise<readonly string[]> {
    const lines: string[] = [];
    const wrong: Family[] = [];
    for (const family of this.#families()) {
      const what = this.#faultOf(family, await this.#list(family));
      if (what === '') continue;
      wrong.push(family);
      lines.push(`the nftables table ${nftFamily(family)} ${PERMANENT_TABLE} ${what}: made again`);
    }
    if (wrong.length > 0) await this.#write(wrong);
    return lines;
  }

  /** Puts back what was there before `setUp`. Rejects with CommandError. */
  async undo(): Promise<void> {
    const text = [...this.#replaced].map(([family, before]) => deletion(family) + (before?.text ?? ''));
    this.#replaced.clear();
    if (text.length > 0) await runNft(this.#parts.run, ['-f', '-'], text.join(''));
  }

  #families(): readonly Family[] {
    return FAMILIES.filter((family) => this.#parts.settings.addresses.some((each) => each.family === family));
  }

  #list(family: Family): Promise<ListedTable | null> {
    return listTable(this.#parts.run, family, PERMANENT_TABLE);
  }

  #isKept(family: Family, live: ListedTable | null): boolean {
    if (live === null) return false;
    const layout = commentOf(live)?.layout ?? 0;
    if (layout > LAYOUT) {
      this.#parts.log.warning(
        `the nftables table ${nftFamily(family)} ${PERMANENT_TABLE} is of a later version (layout ${layout}, here ${LAYOUT}): it stays`,
      );
      return true;
    }
    return isSameTable(live.listing, this.#text(family));
  }

  #faultOf(family: Family, live: ListedTable | null): string {
    if (live === null) return 'was gone';
    const text = this.#text(family);
    const comment = commentOf(live);
    if (comment !== null && comment.rules !== readComment(text)?.rules) return '';
    return isSameTable(live.listing, text) ? '' : 'had been changed';
  }

  #text(family: Family): string {
    const plan = planFor(this.#parts.settings, family, this.#hasZones);
    return plan === null ? '' : permanentText(plan);
  }

  #textOf(families: readonly Family[]): string {
    return families.map((family) => deletion(family) + this.#text(family)).join('');
  }

  /** Without zones where it can't be with them. */
  async #write(families: readonly Family[]): Promise<void> {
    const args = ['-f', '-'];
    const result = await startNft(this.#parts.run, args, this.#textOf(families));
    if (result.exitCode === 0) return;
    if (isNotPermitted(result) || !this.#hasZones) throw nftFailure(args, result);
    this.#hasZones = false;
    const second = await startNft(this.#parts.run, args, this.#textOf(families));
    if (second.exitCode !== 0) {
      this.#hasZones = true;
      throw nftFailure(args, result);
    }
    this.#parts.log.warning(
      'this kernel or nft has no conntrack zones: the fallback of a link-local address is told by a bit of the connection mark, and TCP connections to cluster IPs end when the cache is back',
    );
  }
}

/** Also where there is none. */
const deletion = (family: Family): string => {
  const table = `table ${nftFamily(family)} ${PERMANENT_TABLE}`;
  return `${table}\ndelete ${table}\n`;
};

const commentOf = ({ listing }: ListedTable): ReturnType<typeof readComment> =>
  readComment(listing.lines.find((line) => line.startsWith('comment ')) ?? '');
