import type { Log } from '#log/log.ts';
import { Trouble } from '#log/trouble.ts';
import { CommandError, type Run } from '#netfilter/run.ts';
import { ChangeWatch } from '../../change-watch.ts';
import { type ServedByOthers, servedByOthers } from '../../other-servers.ts';
import type { LocalAddress, NodeCacheSettings } from '../../settings.ts';
import type { Bypass } from '../bypass.ts';
import { type LiveRule, ofMeanings, readLiveRules } from './live-rules.ts';
import { meaningOf, type OwnRule, type RuleRole, rulesOfAddress, shownRule } from './own-rules.ts';
import { type OpenRuleChanges, type OwnWrites, openRuleChanges, type RuleChanges } from './rule-changes.ts';
import { RuleTool } from './rule-tool.ts';

type IptablesSettings = Pick<NodeCacheSettings, 'addresses' | 'dnsPort' | 'healthPort'>;

interface IptablesEnvironment {
  readonly run: Run;
  readonly log: Log;
  readonly servedByOthers?: ServedByOthers;
  /** Of this network namespace where it is not said. */
  readonly openChanges?: OpenRuleChanges;
}

/** Rules by iptables, none of them there yet. */
export const openIptablesBypass = (settings: IptablesSettings, environment: IptablesEnvironment): Bypass =>
  new IptablesBypass(settings, environment);

/** Where queries to an address go. `open`: here. `held`: wherever kube-proxy sends them, but for our own. `drained`: they too. */
type Gate = 'open' | 'held' | 'drained';

const ROLES: Readonly<Record<Gate, readonly RuleRole[]>> = {
  open: ['attract', 'accept', 'reply', 'health'],
  held: ['accept', 'reply', 'health', 'own-query'],
  drained: ['accept', 'reply', 'health'],
};

/** So long after `keepAlive` queries come here. */
const ALIVE_MS = 3000;
const LAPSE_LOOK_MS = 500;

/**
 * node-cache's rules, the twelve of each address, by iptables and ip6tables. They have no timeout and no owner, so whoever kills this process leaves them, and
 * the node is without DNS until the next start: the nftables mode is there for that. What a live process can do is done: queries come here only once the cache
 * has answered, and no more where it has not answered for 3 s. An update shares the rules: who goes leaves them to whoever else serves the addresses.
 */
class IptablesBypass implements Bypass {
  readonly #settings: IptablesSettings;
  readonly #environment: IptablesEnvironment;
  readonly #families: readonly (4 | 6)[];
  readonly #tools: Readonly<Record<4 | 6, RuleTool>>;
  readonly #servedByOthers: ServedByOthers;
  readonly #trouble: Trouble;
  readonly #gates = new Map<string, Gate>();
  /** Until when an address is alive. */
  readonly #aliveUntilMs = new Map<string, number>();
  readonly #own: { -readonly [Key in keyof OwnWrites]: OwnWrites[Key] } = { isWriting: false, pids: new Set() };
  #listener: () => void = () => undefined;
  #changes: RuleChanges | null = null;
  #watch: ChangeWatch | null = null;
  #lapses: NodeJS.Timeout | undefined;
  #isEnding = false;
  /** One step at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(settings: IptablesSettings, environment: IptablesEnvironment) {
    this.#settings = settings;
    this.#environment = environment;
    this.#families = ([4, 6] as const).filter((each) => settings.addresses.some(({ family }) => family === each));
    this.#tools = { 4: new RuleTool(environment.run, 4, 'default'), 6: new RuleTool(environment.run, 6, 'default') };
    this.#servedByOthers = environment.servedByOthers ?? servedByOthers;
    this.#trouble = new Trouble(environment.log, 'the rules of iptables can be changed again');
  }

  /**
   * Rules that do not attract queries, and one for our own. Where somebody else serves an address and has its rules in, they stay in effect; those that a killed
   * one has left do not. Older spellings, duplicates, and what was left by the other of the two iptables go.
   */
  setUp(): Promise<void> {
    return this.#next(async () => {
      const isShared = await this.#isShared();
      await this.#eachFamily(async (family) => {
        const own = readLiveRules(await this.#tools[family].save({ isInUse: true }), this.#isOurs(family));
        const other = await this.#otherTool(family);
        const left = await this.#leftIn(other, family);
        for (const address of this.#addresses(family)) {
          const isAdopted = isShared && this.#isAttracted(address, [...own, ...left]);
          this.#gates.set(address.address, isAdopted ? 'open' : 'held');
          if (isAdopted) this.#aliveUntilMs.set(address.address, performance.now() + ALIVE_MS);
        }
        await this.#bring(family, true);
        if (left.length > 0) await other.clear(this.#isOurs(family));
      });
      this.#lapses = setInterval(() => void this.#lapse(), LAPSE_LOOK_MS);
      this.#lapses.unref();
      await this.#listen();
    });
  }

  async keepAlive(addresses: readonly LocalAddress[]): Promise<void> {
    if (this.#isEnding) return;
    const untilMs = performance.now() + ALIVE_MS;
    for (const { address } of addresses) this.#aliveUntilMs.set(address, untilMs);
    const fresh = addresses.filter(({ address }) => this.#gates.get(address) === 'held');
    if (fresh.length > 0) await this.#turn(fresh, 'open');
  }

  repair(): Promise<readonly string[]> {
    return this.#next(async () => {
      if (this.#isEnding) return [];
      const lines: string[] = [];
      await this.#eachFamily(async (family) => lines.push(...(await this.#bring(family, false))));
      return lines;
    });
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  /** UDP is answered by the cluster's DNS from now on, and so are new TCP connections; those that there are end. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    if (await this.#isShared()) return;
    await this.#turn(this.#settings.addresses, 'drained');
  }

  tearDown(): Promise<void> {
    return this.#end();
  }

  undo(): Promise<void> {
    return this.#end();
  }

  #end(): Promise<void> {
    this.#isEnding = true;
    return this.#next(async () => {
      clearInterval(this.#lapses);
      this.#watch?.close();
      this.#watch = null;
      this.#changes = null;
      if (await this.#isShared()) return;
      await this.#eachFamily(async (family) => void (await this.#tools[family].clear(this.#isOurs(family))));
    });
  }

  /** Addresses that have not been said to be alive for too long are held back. */
  async #lapse(): Promise<void> {
    const now = performance.now();
    const over = this.#settings.addresses.filter(
      ({ address }) => this.#gates.get(address) === 'open' && (this.#aliveUntilMs.get(address) ?? 0) < now,
    );
    if (over.length === 0 || this.#isEnding) return;
    try {
      if (!(await this.#isShared())) await this.#turn(over, 'held');
      this.#trouble.isOver();
    } catch (error) {
      this.#trouble.tell(`queries can't be sent elsewhere: ${(error as Error).message}`);
    }
  }

  /** Where it fails, they are as before. */
  #turn(addresses: readonly LocalAddress[], gate: Gate): Promise<void> {
    return this.#next(async () => {
      const before = new Map(this.#gates);
      for (const { address } of addresses) this.#gates.set(address, gate);
      try {
        await this.#eachFamily(async (family) => {
          if (addresses.some((each) => each.family === family)) await this.#bring(family, false);
        });
      } catch (error) {
        for (const [address, earlier] of before) this.#gates.set(address, earlier);
        throw error;
      }
    });
  }

  /** Gives a line for each rule that was not as it should be. */
  async #bring(family: 4 | 6, isStrict: boolean): Promise<string[]> {
    const tool = this.#tools[family];
    const wrote = (pid: number | undefined): void => void (pid !== undefined && this.#own.pids.add(pid));
    const { missing, surplus } = await tool.bring(this.#wanted(family), this.#isOurs(family), { isStrict, wrote });
    return [
      ...missing.map((rule) => `Added back nodelocaldns rule - ${tool.name} ${shownRule(rule)}`),
      ...surplus.map(({ table, line }) => `removed a rule that is there too much - ${tool.name} -t ${table} ${line}`),
    ];
  }

  #wanted(family: 4 | 6): OwnRule[] {
    return this.#addresses(family).flatMap((address) => {
      const roles = ROLES[this.#gates.get(address.address) ?? 'held'];
      return rulesOfAddress(address, this.#settings).filter(({ role }) => roles.includes(role));
    });
  }

  #isOurs(family: 4 | 6): ReturnType<typeof ofMeanings> {
    return ofMeanings(this.#addresses(family).flatMap((address) => rulesOfAddress(address, this.#settings)));
  }

  #isAttracted(address: LocalAddress, live: readonly LiveRule[]): boolean {
    const attracting = rulesOfAddress(address, this.#settings).filter(({ role }) => role === 'attract');
    const meanings = attracting.map(({ table, chain, rule }) => meaningOf(table, chain, rule));
    return live.some(({ meaning }) => meanings.includes(meaning));
  }

  #addresses(family: 4 | 6): LocalAddress[] {
    return this.#settings.addresses.filter((each) => each.family === family);
  }

  /** Rules work without a look at what an iptables has that nobody may have used. */
  async #leftIn(other: RuleTool, family: 4 | 6): Promise<readonly LiveRule[]> {
    try {
      return readLiveRules((await other.saveIfThere()) ?? '', this.#isOurs(family));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#environment.log.warning(`rules of a node-cache may be left there: ${error.message}`);
      return [];
    }
  }

  /** That of the two iptables which is not on the path under the plain name. */
  async #otherTool(family: 4 | 6): Promise<RuleTool> {
    const kind = await this.#tools[family].kind();
    return new RuleTool(this.#environment.run, family, kind === 'nft' ? 'legacy' : 'nft');
  }

  #isShared(): Promise<boolean> {
    return this.#servedByOthers(this.#settings.addresses, this.#settings.dnsPort);
  }

  async #listen(): Promise<void> {
    const { openChanges = openRuleChanges, log } = this.#environment;
    const [family] = this.#families;
    if (family === undefined) return;
    const kind = await this.#tools[family].kind();
    const opened = openChanges(kind, this.#families, this.#own).then((changes) => {
      this.#changes = changes;
      return changes;
    });
    this.#watch = await ChangeWatch.open('rules', opened, () => this.#listener(), log);
  }

  /** Both at once; what one has begun is over when the other's fault is told. */
  async #eachFamily(work: (family: 4 | 6) => Promise<unknown>): Promise<void> {
    const results = await Promise.allSettled(this.#families.map(work));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      this.#own.isWriting = true;
      try {
        return await work();
      } finally {
        this.#own.isWriting = false;
        this.#noteOwn();
      }
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  #noteOwn(): void {
    try {
      this.#changes?.noteOwn();
    } catch {
      // The watch comes to the same fault, and tells it.
    }
  }
}
