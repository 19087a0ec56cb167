import type { Log } from '#log/log.ts';
import { linesOf } from '#netfilter/iptables/read-save.ts';
import { CommandError, type Run, runOrThrow } from '#netfilter/run.ts';
import { type ServedByOthers, servedByOthers } from '../other-servers.ts';
import type { NodeCacheSettings } from '../settings.ts';
import type { Bypass } from './bypass.ts';
import { ofMeanings } from './iptables/live-rules.ts';
import { type OwnRule, rulesOfAddress, shownRule } from './iptables/own-rules.ts';
import { type RuleTool, withInstalled } from './iptables/rule-tool.ts';

type PolicySettings = Pick<NodeCacheSettings, 'addresses' | 'dnsPort' | 'healthPort'>;

interface PolicyEnvironment {
  readonly run: Run;
  readonly log: Log;
  readonly servedByOthers?: ServedByOthers;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

/** Somebody may make such a policy while we run; to find it costs a listing of all that is there. */
const LOOK_AGAIN_MS = 10 * 60_000;

/**
 * What iptables on this node has to do with rules that are nftables': an ACCEPT there does not count where iptables drops, so node-cache's ACCEPTs go there
 * too, in each of the two iptables that drops by default; and what a node-cache has left there goes.
 */
export class ForeignPolicy {
  readonly #settings: PolicySettings;
  readonly #environment: PolicyEnvironment;
  #tools: readonly { readonly tool: RuleTool; readonly family: 4 | 6 }[] = [];
  /** Those that have our ACCEPTs. */
  readonly #inUse = new Set<RuleTool>();
  #lookedMs = 0;

  constructor(settings: PolicySettings, environment: PolicyEnvironment) {
    this.#settings = settings;
    this.#environment = environment;
  }

  /** Takes out what a node-cache has left, and puts in ACCEPTs where they are needed. What can't be done is told: the cache works without. */
  async setUp(): Promise<void> {
    const { log, run } = this.#environment;
    const families = ([4, 6] as const).filter((each) => this.#rules(each).length > 0);
    this.#lookedMs = this.#now();
    const found = await Promise.allSettled(
      families.map(async (family) => {
        const tools = await withInstalled(run, family, (tool) => this.#bring(tool, family));
        return tools.map(([tool]) => ({ tool, family }));
      }),
    );
    this.#tools = found.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    for (const result of found)
      if (result.status === 'rejected')
        log.warning(`iptables can't be looked after: ${(result.reason as Error).message}`);
    for (const { name } of this.#inUse)
      log.info(`${name} drops what nothing accepts: rules that accept queries are there`);
    for (const line of await this.#droppingChains()) log.warning(line);
  }

  /** Gives a line for each rule that was not as it should be. */
  async repair(): Promise<readonly string[]> {
    const isAll = this.#now() - this.#lookedMs >= LOOK_AGAIN_MS;
    if (isAll) this.#lookedMs = this.#now();
    const lines: string[] = [];
    await this.#all(async ({ tool, family }) => {
      if (isAll || this.#inUse.has(tool)) lines.push(...((await this.#bring(tool, family)) ?? []));
    });
    return lines;
  }

  /** Takes the ACCEPTs out, unless somebody else serves the addresses with them. */
  async tearDown(): Promise<void> {
    const { addresses, dnsPort } = this.#settings;
    if (await (this.#environment.servedByOthers ?? servedByOthers)(addresses, dnsPort)) return;
    await this.#all(async ({ tool, family }) => {
      if (this.#inUse.delete(tool)) await tool.clear(ofMeanings(this.#rules(family)));
    });
  }

  async #bring(tool: RuleTool, family: 4 | 6): Promise<string[] | null> {
    const accepts = this.#rules(family).filter(({ role }) => role === 'accept');
    const wanted = (save: string): readonly OwnRule[] => {
      const isNeeded = dropsByDefault(save);
      if (isNeeded) this.#inUse.add(tool);
      else this.#inUse.delete(tool);
      return isNeeded ? accepts : [];
    };
    const difference = await tool.bringIfThere(wanted, ofMeanings(this.#rules(family)));
    if (difference === null) return null;
    const { missing, surplus } = difference;
    return [
      ...missing.map((rule) => `Added back nodelocaldns rule - ${tool.name} ${shownRule(rule)}`),
      ...surplus.map(({ table, line }) => `removed a rule that is there too much - ${tool.name} -t ${table} ${line}`),
    ];
  }

  #rules(family: 4 | 6): OwnRule[] {
    const { addresses } = this.#settings;
    return addresses.filter((each) => each.family === family).flatMap((each) => rulesOfAddress(each, this.#settings));
  }

  /** nftables chains of others: no rule of ours, in whatever table, is of any use against them. */
  async #droppingChains(): Promise<readonly string[]> {
    const { addresses, dnsPort } = this.#settings;
    const what = `port ${dnsPort} of ${addresses.map(({ address }) => address).join(', ')}`;
    let listed: string;
    try {
      listed = await runOrThrow(this.#environment.run, 'nft', ['list', 'chains']);
    } catch (error) {
      if (error instanceof CommandError) return [];
      throw error;
    }
    return droppingChains(listed).map(
      (chain) =>
        `${chain} drops what none of its own rules accepts, and rules elsewhere do not count: it has to accept ${what}`,
    );
  }

  async #all(work: (each: { readonly tool: RuleTool; readonly family: 4 | 6 }) => Promise<unknown>): Promise<void> {
    const results = await Promise.allSettled(this.#tools.map(work));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  #now(): number {
    return (this.#environment.now ?? (() => performance.now()))();
  }
}

/** Rules in nftables, with what iptables needs beside them: one life for both. */
export const withForeignPolicy = (bypass: Bypass, policy: ForeignPolicy): Bypass => ({
  setUp: async () => {
    const results = await Promise.allSettled([bypass.setUp(), policy.setUp()]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  },
  keepAlive: (addresses) => bypass.keepAlive(addresses),
  repair: async () => [...(await bypass.repair()), ...(await policy.repair())],
  onChange: (listener) => bypass.onChange(listener),
  drain: () => bypass.drain(),
  tearDown: async () => {
    await bypass.tearDown();
    await policy.tearDown();
  },
  undo: async () => {
    await bypass.undo();
    await policy.tearDown();
  },
});

/** Whether what `iptables-save` says has a filter for the node's own packets that drops what nothing accepts: by its policy, or by a rule without a test. */
export const dropsByDefault = (save: string): boolean => {
  let table = '';
  for (const line of linesOf(save)) {
    if (line.startsWith('*')) table = line.slice(1);
    else if (table === 'filter' && /^(?::(?:INPUT|OUTPUT) DROP|-A (?:INPUT|OUTPUT) -j (?:DROP|REJECT))\b/.test(line))
      return true;
  }
  return false;
};

/** Chains of a `nft list chains` that drop the node's own packets by policy; not those of iptables, which takes ACCEPTs. */
export const droppingChains = (listed: string): string[] => {
  const found: string[] = [];
  let [table, chain] = ['', ''];
  for (const line of listed.split('\n')) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table;
    chain = /^\tchain (\S+) \{/.exec(line)?.[1] ?? chain;
    const isDropping = /^\t\ttype filter hook (?:input|output) .*policy drop;/.test(line);
    const isIptables = /^ip6? filter$/.test(table) && /^(?:INPUT|OUTPUT)$/.test(chain);
    if (isDropping && !isIptables) found.push(`chain ${chain} of table ${table}`);
  }
  return found;
};
