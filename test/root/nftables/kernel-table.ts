import type { IpFamily } from '#proxy/rule-options.ts';
import type { Place } from './place.ts';

/** A table in the kernel, in a form in which two are equal that do the same. */
export interface KernelTable {
  readonly sets: Readonly<Record<string, unknown>>;
  readonly chains: Readonly<Record<string, readonly unknown[]>>;
  /** Chains that are not in what was asked for: nothing may lead to them. */
  readonly unused: readonly string[];
}

interface Listed {
  readonly chain?: { readonly name: string; readonly hook?: string; readonly prio?: number; readonly policy?: string };
  readonly set?: ListedSet;
  readonly map?: ListedSet;
  readonly rule?: { readonly chain: string; readonly expr: readonly unknown[] };
}

interface ListedSet {
  readonly name: string;
  readonly type: unknown;
  readonly map?: unknown;
  readonly flags?: unknown;
  readonly timeout?: number;
  readonly size?: number;
  readonly elem?: readonly unknown[];
}

/**
 * The table as `nft -j` lists it. Handles and order are left out; endpoints of one entry are a set, once it is sure that their slots are
 * numbered from 0; of chains to which nothing leads only the name is given.
 */
export const kernelTable = async (place: Place, family: IpFamily): Promise<KernelTable> => {
  const text = await place.nft(`-j list table ${family === 'IPv6' ? 'ip6' : 'ip'} kube-proxy`);
  const listed = (JSON.parse(text) as { readonly nftables: readonly Listed[] }).nftables;
  const sets: Record<string, unknown> = {};
  const chains: Record<string, unknown[]> = {};
  for (const { set, map, chain } of listed) {
    const found = set ?? map;
    if (found !== undefined) sets[found.name] = normalSet(found);
    if (chain !== undefined)
      chains[chain.name] = chain.hook === undefined ? [] : [chain.hook, chain.prio, chain.policy];
  }
  for (const { rule } of listed) if (rule !== undefined) chains[rule.chain]?.push(rule.expr);
  const unused = removeUnused(chains, sets);
  return { sets, chains, unused };
};

const normalSet = ({ name, type, map, flags, timeout, size, elem = [] }: ListedSet): unknown => {
  const isDynamic = JSON.stringify(flags ?? '').includes('dynamic');
  const elements = isDynamic
    ? []
    : name.includes('endpoints-')
      ? withoutSlots(name, elem)
      : elem.map((one) => JSON.stringify(one));
  return { type, map, flags, timeout, size, elements: [...elements].sort() };
};

/** `[entry . slot, endpoint]` becomes `entry: endpoints`. */
const withoutSlots = (name: string, elements: readonly unknown[]): readonly string[] => {
  const entries = new Map<string, Map<number, string>>();
  for (const [key, value] of elements as readonly [{ readonly concat: readonly (string | number)[] }, unknown][]) {
    const entry = JSON.stringify(key.concat.slice(0, -1));
    const slots = entries.get(entry) ?? new Map<number, string>();
    entries.set(entry, slots.set(Number(key.concat.at(-1)), JSON.stringify(value)));
  }
  return [...entries].map(([entry, slots]) => {
    const numbers = [...slots.keys()].sort((a, b) => a - b);
    if (numbers.some((number, index) => number !== index))
      throw new Error(`${name}: ${entry} has slots ${numbers.join()}`);
    return `${entry}: ${[...slots.values()].sort().join()}`;
  });
};

/** Takes away chains that no base chain leads to, however many steps it takes. */
const removeUnused = (
  chains: Record<string, unknown[]>,
  sets: Readonly<Record<string, unknown>>,
): readonly string[] => {
  const unused: string[] = [];
  for (;;) {
    const leading = JSON.stringify([chains, sets]);
    const gone = Object.keys(chains).filter(
      (name) =>
        typeof chains[name]?.[0] !== 'string' &&
        !leading.includes(`"target":${JSON.stringify(name)}`) &&
        !leading.includes(JSON.stringify({ target: name }).slice(1, -1).replaceAll('"', '\\"')),
    );
    if (gone.length === 0) return unused;
    for (const name of gone) delete chains[name];
    unused.push(...gone);
  }
};
