import type { Chain, Element, NamedSet } from '#netfilter/nft/ruleset.ts';
import { chainText } from '#netfilter/nft/text.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { numberChain } from './frame.ts';
import { tableOf } from './names.ts';
import { type Block, type SlotList, slotElement } from './plan.ts';

/** What has to be done to the table. */
export interface Changes {
  /** New chains, and chains with other rules than before. */
  readonly chains: readonly Chain[];
  /** Chains that nothing leads to any more: emptied now, deleted later. */
  readonly staleChains: readonly string[];
  readonly sets: readonly NamedSet[];
  readonly staleSets: readonly string[];
  readonly removed: readonly Element[];
  readonly added: readonly Element[];
}

/** How many blocks have a shared element, or lead to a chain for a number of endpoints. */
export type Uses = Map<string, number>;

export const elementUse = ({ set, key }: Element): string => `${set} ${key}`;

/** Collects blocks that go, and then blocks that come. */
export class Difference {
  readonly #uses: Uses;
  readonly #options: RuleOptions;
  readonly #useChanges = new Map<string, number>();
  readonly #sharedElements = new Map<string, Element>();
  readonly #removed = new Map<string, Map<string, Element>>();
  readonly #added = new Map<string, Map<string, Element>>();
  readonly #slotsBefore = new Map<string, SlotList>();
  readonly #chainsBefore = new Map<string, Chain>();
  readonly #chainsAfter = new Map<string, Chain>();
  readonly #setsBefore = new Map<string, NamedSet>();
  readonly #setsAfter = new Map<string, NamedSet>();

  constructor(uses: Uses, options: RuleOptions) {
    this.#uses = uses;
    this.#options = options;
  }

  remove(block: Block): void {
    for (const part of block.elements) {
      if ('key' in part) put(this.#removed, part);
      else this.#slotsBefore.set(slotUse(part), part);
    }
    for (const chain of block.chains) this.#chainsBefore.set(chain.name, chain);
    for (const set of block.sets) this.#setsBefore.set(set.name, set);
    this.#countShared(block, -1);
  }

  /** After all calls of `remove`. */
  add(block: Block): void {
    for (const part of block.elements) {
      if ('key' in part) {
        const removed = this.#removed.get(part.set);
        if (removed?.get(part.key)?.value === part.value) removed.delete(part.key);
        else put(this.#added, part);
      } else {
        this.#compareSlots(this.#slotsBefore.get(slotUse(part)), part);
        this.#slotsBefore.delete(slotUse(part));
      }
    }
    for (const chain of block.chains) this.#chainsAfter.set(chain.name, chain);
    for (const set of block.sets) this.#setsAfter.set(set.name, set);
    this.#countShared(block, 1);
  }

  finish(): Changes {
    for (const list of this.#slotsBefore.values()) this.#compareSlots(list, undefined);
    const { added, removed, chains, staleChains } = this.#shared();
    const { family } = tableOf(this.#options.family);
    const isSameChain = (chain: Chain): boolean => {
      const before = this.#chainsBefore.get(chain.name);
      return before !== undefined && chainText(before, family, '') === chainText(chain, family, '');
    };
    const isSameSet = (set: NamedSet): boolean =>
      this.#setsBefore.get(set.name)?.declaration.join() === set.declaration.join();
    const sets = [...this.#setsAfter.values()].filter((set) => !isSameSet(set));
    const remade = new Set(sets.map((set) => set.name));
    const usesRemade = (chain: Chain): boolean =>
      remade.size > 0 &&
      chain.rules.some((rule) => rule.some((statement) => 'set' in statement && remade.has(statement.set)));
    return {
      chains: [
        ...chains,
        ...[...this.#chainsAfter.values()].filter((chain) => usesRemade(chain) || !isSameChain(chain)),
      ],
      staleChains: [...[...this.#chainsBefore.keys()].filter((name) => !this.#chainsAfter.has(name)), ...staleChains],
      sets,
      staleSets: [...this.#setsBefore.keys()].filter((name) => remade.has(name) || !this.#setsAfter.has(name)),
      removed: [...flat(this.#removed), ...removed],
      added: [...flat(this.#added), ...added],
    };
  }

  /** The changes are in the kernel. */
  commit(): void {
    for (const [use, change] of this.#useChanges) {
      const count = (this.#uses.get(use) ?? 0) + change;
      if (count > 0) this.#uses.set(use, count);
      else this.#uses.delete(use);
    }
  }

  #compareSlots(before: SlotList | undefined, after: SlotList | undefined): void {
    const count = Math.max(before?.endpoints.length ?? 0, after?.endpoints.length ?? 0);
    for (let slot = 0; slot < count; slot++) {
      const old = before?.endpoints[slot];
      const now = after?.endpoints[slot];
      if (old !== undefined && old.address === now?.address && old.port === now.port) continue;
      if (before !== undefined && old !== undefined) put(this.#removed, slotElement(before, slot));
      if (after !== undefined && now !== undefined) put(this.#added, slotElement(after, slot));
    }
  }

  #countShared(block: Block, change: number): void {
    for (const element of block.sharedElements) {
      const use = elementUse(element);
      this.#sharedElements.set(use, element);
      this.#useChanges.set(use, (this.#useChanges.get(use) ?? 0) + change);
    }
    for (const name of block.numberChains) this.#useChanges.set(name, (this.#useChanges.get(name) ?? 0) + change);
  }

  #shared(): { added: Element[]; removed: Element[]; chains: Chain[]; staleChains: string[] } {
    const shared = {
      added: [] as Element[],
      removed: [] as Element[],
      chains: [] as Chain[],
      staleChains: [] as string[],
    };
    for (const [use, change] of this.#useChanges) {
      const before = this.#uses.get(use) ?? 0;
      const wasUsed = before > 0;
      const isUsed = before + change > 0;
      if (wasUsed === isUsed) continue;
      const element = this.#sharedElements.get(use);
      if (element !== undefined) (isUsed ? shared.added : shared.removed).push(element);
      else if (isUsed) shared.chains.push(numberChain(use, this.#options));
      else shared.staleChains.push(use);
    }
    return shared;
  }
}

const slotUse = ({ set, entry }: SlotList): string => `${set} ${entry}`;

const put = (sets: Map<string, Map<string, Element>>, element: Element): void => {
  const known = sets.get(element.set);
  if (known === undefined) sets.set(element.set, new Map([[element.key, element]]));
  else known.set(element.key, element);
};

const flat = (sets: ReadonlyMap<string, ReadonlyMap<string, Element>>): Element[] =>
  [...sets.values()].flatMap((elements) => [...elements.values()]);
