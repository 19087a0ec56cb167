import type { Delivery, Fate, Machine, Packet, Trace } from '../packet.ts';
import { addressOf, isInRange, isLoopback } from './address-match.ts';
import type { Match, Rule, TableName, Target } from './rule.ts';
import { destinationText, ruleLine } from './text.ts';

/** Where a walk finds rules. */
export interface RuleSource {
  /** The rules of a chain, in order; undefined where there is no such chain. */
  rules(table: TableName, chain: string): readonly Rule[] | undefined;
  /** Whether an ipset has the packet; nothing is in it unless it is said. */
  isInSet?(set: string, directions: readonly ('src' | 'dst')[], packet: Packet): boolean;
  /** What IPVS makes of a packet to the machine itself: its real servers, none to refuse it; undefined where there is no virtual server for it. */
  balance?(packet: Packet): readonly RealServerChance[] | undefined;
}

export interface RealServerChance {
  readonly address: string;
  readonly port: number;
  readonly chance: number;
}

/** A part of all flows that could begin with the packet. */
interface Branch {
  readonly to: string;
  readonly port: number;
  readonly mark: number;
  readonly chance: number;
  readonly isTranslated: boolean;
  readonly isMasqueraded: boolean;
  /** A rule of the filter table has let it in. */
  readonly isAccepted: boolean;
  /** `ADDRESS:PORT` of the virtual server that has taken it; '' for none. */
  readonly virtualServer: string;
}

/** Walks the first packet of a flow through the tables nat and filter, every random branch of it. Lists of `recent` are empty. */
export const walk = (source: RuleSource, machine: Machine, packet: Packet): Trace =>
  new Walk(source, machine, packet).trace();

class Walk {
  readonly #source: RuleSource;
  readonly #machine: Machine;
  readonly #packet: Packet;
  readonly #steps: string[] = [];
  /** Chances of what rules have ended. */
  #rejected = 0;
  #dropped = 0;

  constructor(source: RuleSource, machine: Machine, packet: Packet) {
    this.#source = source;
    this.#machine = machine;
    this.#packet = { ...packet, from: addressOf(packet.from), to: addressOf(packet.to) };
  }

  trace(): Trace {
    const { from, to, port } = this.#packet;
    const first: Branch = {
      to,
      port,
      mark: 0,
      chance: 1,
      isTranslated: false,
      isMasqueraded: false,
      isAccepted: false,
      virtualServer: '',
    };
    const left = this.#isLocal(from) ? this.#outgoing(first) : this.#incoming(first);
    return { fate: this.#fate(left), steps: this.#steps };
  }

  /** Own packets leave, and come back in where they are for the machine itself. */
  #outgoing(first: Branch): Branch[] {
    const translated = this.#hook('nat', 'OUTPUT', [first]);
    const passed = this.#hook('filter', 'OUTPUT', this.#balance(translated));
    const posted = this.#hook('nat', 'POSTROUTING', passed);
    const own = posted.filter(({ to }) => this.#isLocal(to));
    return [...posted.filter(({ to }) => !this.#isLocal(to)), ...this.#hook('filter', 'INPUT', own)];
  }

  #incoming(first: Branch): Branch[] {
    const translated = this.#hook('nat', 'PREROUTING', [first]);
    const own = translated.filter(({ to }) => this.#isLocal(to));
    const others = translated.filter(({ to }) => !this.#isLocal(to));
    const forwarded = this.#hook('filter', 'FORWARD', others);
    const received = this.#balance(this.#hook('filter', 'INPUT', own));
    const balanced = this.#hook(
      'filter',
      'OUTPUT',
      received.filter(({ virtualServer }) => virtualServer !== ''),
    );
    return [
      ...received.filter(({ virtualServer }) => virtualServer === ''),
      ...this.#hook('nat', 'POSTROUTING', [...forwarded, ...balanced]),
    ];
  }

  /** IPVS stands behind the filter of what comes in, and before that of what the machine itself sends. What it has taken leaves as the machine's own. */
  #balance(branches: readonly Branch[]): Branch[] {
    return branches.flatMap((branch) => {
      const { to, port } = branch;
      const servers = this.#source.balance?.({ ...this.#packet, to, port });
      if (servers === undefined) return [branch];
      const virtualServer = destinationText(to, port);
      this.#steps.push(`ipvs: ${virtualServer}${servers.length === 0 ? ' has no real server' : ''}`);
      if (servers.length === 0) this.#rejected += branch.chance;
      return servers.map((server) => {
        const chance = branch.chance * server.chance;
        this.#steps.push(`ipvs: -> ${destinationText(server.address, server.port)}, chance ${chance.toFixed(3)}`);
        return {
          ...branch,
          to: addressOf(server.address),
          port: server.port,
          chance,
          isTranslated: true,
          virtualServer,
        };
      });
    });
  }

  #hook(table: TableName, chain: string, branches: readonly Branch[]): Branch[] {
    const left: Branch[] = [];
    for (const branch of branches) left.push(...this.#chain(table, chain, branch, left));
    return left;
  }

  /** Gives the branches that come to the chain's end; those that a rule lets out of the table go to `out`. */
  #chain(table: TableName, chain: string, branch: Branch, out: Branch[]): Branch[] {
    const rules = this.#source.rules(table, chain);
    if (rules === undefined) return [branch];
    const returned: Branch[] = [];
    let current: Branch[] = [branch];
    for (const rule of rules) {
      if (current.length === 0) break;
      const next: Branch[] = [];
      for (const one of current) {
        const chance = this.#chanceOf(rule, one);
        if (chance < 1) next.push(chance === 0 ? one : { ...one, chance: one.chance * (1 - chance) });
        if (chance === 0) continue;
        this.#steps.push(`${table}: ${ruleLine(chain, rule)}`);
        const taken = chance === 1 ? one : { ...one, chance: one.chance * chance };
        if (rule.target.kind === 'return') returned.push(taken);
        else next.push(...this.#take(table, rule.target, taken, out));
      }
      current = next;
    }
    returned.push(...current);
    return returned;
  }

  /** What goes on behind a rule that matched. */
  #take(table: TableName, target: Target, branch: Branch, out: Branch[]): Branch[] {
    switch (target.kind) {
      case 'jump':
        return this.#chain(table, target.chain, branch, out);
      case 'accept':
        out.push(table === 'filter' ? { ...branch, isAccepted: true } : branch);
        return [];
      case 'drop':
        this.#dropped += branch.chance;
        return [];
      case 'reject':
        this.#rejected += branch.chance;
        return [];
      case 'masquerade':
        out.push({ ...branch, isMasqueraded: true });
        return [];
      case 'dnat':
        out.push({ ...branch, to: addressOf(target.address), port: target.port, isTranslated: true });
        return [];
      case 'mark': {
        const mark = target.operation === 'or' ? branch.mark | target.value : branch.mark ^ target.value;
        return [{ ...branch, mark: mark >>> 0 }];
      }
      case 'return':
      case 'notrack':
      case 'none':
        return [branch];
    }
  }

  #chanceOf(rule: Rule, branch: Branch): number {
    let chance = 1;
    for (const match of rule.matches) {
      if (match.kind === 'random') chance *= match.probability;
      else if (!this.#matches(match, branch)) return 0;
    }
    return chance;
  }

  #matches(match: Exclude<Match, { kind: 'random' }>, branch: Branch): boolean {
    const { from, protocol } = this.#packet;
    switch (match.kind) {
      case 'comment':
      case 'nfacct':
      case 'recent-set':
        return true;
      case 'recent-check':
      // A flow begins at any port, with a packet of any length.
      case 'source-port':
      case 'length':
        return false;
      case 'protocol':
        return match.protocol === protocol;
      case 'source':
        return isInRange(from, match.range) !== match.isNot;
      case 'destination':
        return isInRange(branch.to, match.range) !== match.isNot;
      case 'destination-port':
        return match.port === branch.port;
      case 'in-interface':
        return this.#isInterface(match.name) !== match.isNot;
      case 'local-address':
        return this.#isLocal(match.side === 'src' ? from : branch.to) !== match.isNot;
      case 'conntrack':
        return (
          match.states.some((state) => state === 'NEW' || (state === 'DNAT' && branch.isTranslated)) !== match.isNot
        );
      case 'mark':
        return ((branch.mark & match.mask) >>> 0 === match.value) !== match.isNot;
      case 'set': {
        const packet = { ...this.#packet, to: branch.to, port: branch.port };
        return (this.#source.isInSet?.(match.set, match.directions, packet) ?? false) !== match.isNot;
      }
      case 'virtual-server':
        return match.protocol === protocol && destinationText(match.address, match.port) === branch.virtualServer;
    }
  }

  #isInterface(name: string): boolean {
    const given = this.#isLocal(this.#packet.from) ? undefined : this.#packet.inInterface;
    if (given === undefined) return false;
    return name.endsWith('+') ? given.startsWith(name.slice(0, -1)) : given === name;
  }

  #isLocal(address: string): boolean {
    return this.#machine.localAddresses.has(address) || isLoopback(address);
  }

  #fate(left: readonly Branch[]): Fate {
    const translated = left.filter(({ isTranslated }) => isTranslated);
    const ways = [this.#rejected > 0, this.#dropped > 0, translated.length > 0, left.length > translated.length];
    if (ways.filter(Boolean).length > 1) throw new Error('iptables: the fates of one packet differ by chance');
    if (this.#rejected > 0) return { kind: 'rejected' };
    if (this.#dropped > 0) return { kind: 'dropped' };
    if (translated.length > 0) return { kind: 'delivered', to: deliveries(translated) };
    return { kind: left.some(({ isAccepted }) => isAccepted) ? 'accepted' : 'untouched' };
  }
}

/** Branches that reach the same endpoint in the same way are one. */
const deliveries = (branches: readonly Branch[]): Delivery[] => {
  const byEndpoint = new Map<string, Delivery>();
  for (const { to, port, chance, isMasqueraded } of branches) {
    const key = `${destinationText(to, port)} ${isMasqueraded}`;
    const known = byEndpoint.get(key);
    byEndpoint.set(key, { address: to, port, chance: chance + (known?.chance ?? 0), isMasqueraded });
  }
  return [...byEndpoint.values()];
};
