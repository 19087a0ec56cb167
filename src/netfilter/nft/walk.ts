import ipaddr from 'ipaddr.js';
import type { Delivery, Fate, Machine, Packet, Trace } from '../packet.ts';
import type { Chain, Field, Hook, Rule, Statement, TableFamily, Target } from './ruleset.ts';
import { ruleText, verdictText } from './text.ts';

/** A table to walk a packet through. */
export interface WalkedTable {
  readonly family: TableFamily;
  readonly chains: ReadonlyMap<string, Chain>;
  /** Values by key, by set. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** A packet on its way, on one of the branches that chance may take. */
interface State {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly mark: number;
  readonly isTranslated: boolean;
  readonly isMasqueraded: boolean;
  readonly chance: number;
  readonly steps: readonly string[];
}

/**
 * Where a branch stands after a rule or chain: it goes on with the next rule, or leaves the chain as well (it came back from a `goto`), or
 * its way through this hook, or through all, is over.
 */
interface Outcome {
  readonly state: State;
  readonly end: 'on' | 'leave' | 'accept' | 'drop' | 'reject';
}

/** Walks the first packet of a flow through a table. */
export const walk = (table: WalkedTable, machine: Machine, packet: Packet): Trace => {
  const walker = new Walker(table, machine, packet);
  const ends = walker.run();
  return { fate: fateOf(ends), steps: [...new Set(ends.flatMap(({ state }) => state.steps))] };
};

class Walker {
  readonly #table: WalkedTable;
  readonly #machine: Machine;
  readonly #packet: Packet;
  readonly #baseChains: readonly Chain[];

  constructor(table: WalkedTable, machine: Machine, packet: Packet) {
    this.#table = table;
    this.#machine = machine;
    this.#packet = packet;
    const hooked = [...table.chains.values()].filter((chain) => chain.base !== undefined);
    this.#baseChains = hooked.sort((a, b) => (a.base?.priority ?? 0) - (b.base?.priority ?? 0));
  }

  run(): readonly Outcome[] {
    const { from, to, port } = this.#packet;
    const start: State = { from, to, port, mark: 0, isTranslated: false, isMasqueraded: false, chance: 1, steps: [] };
    const isOwn = this.#isLocal(from);
    let outcomes = this.#hook([{ state: start, end: 'on' }], isOwn ? 'output' : 'prerouting');
    // Where it goes is decided by what the rules have made of its destination.
    outcomes = this.#hook(outcomes, 'input', (state) => !isOwn && this.#isLocal(state.to));
    outcomes = this.#hook(outcomes, 'forward', (state) => !isOwn && !this.#isLocal(state.to));
    outcomes = this.#hook(outcomes, 'postrouting', (state) => isOwn || !this.#isLocal(state.to));
    // What the node sends to itself comes in by loopback.
    return this.#hook(outcomes, 'input', (state) => isOwn && this.#isLocal(state.to));
  }

  #isLocal(address: string): boolean {
    return this.#machine.localAddresses.has(address) || address.startsWith('127.') || address === '::1';
  }

  #hook(outcomes: readonly Outcome[], hook: Hook, isTaken: (state: State) => boolean = () => true): readonly Outcome[] {
    let states = outcomes;
    for (const chain of this.#baseChains) {
      if (chain.base?.hook !== hook) continue;
      states = states.flatMap((outcome) => {
        if (outcome.end !== 'on' || !isTaken(outcome.state)) return [outcome];
        return this.#chain(outcome.state, chain.name).map(atNextChain);
      });
    }
    return states;
  }

  #chain(state: State, name: string): readonly Outcome[] {
    let states: readonly State[] = [state];
    const ends: Outcome[] = [];
    for (const rule of this.#table.chains.get(name)?.rules ?? []) {
      const next: State[] = [];
      for (const before of states) {
        for (const outcome of this.#rule(before, name, rule)) {
          if (outcome.end === 'on') next.push(outcome.state);
          else ends.push(outcome);
        }
      }
      states = next;
    }
    return [...ends, ...states.map((left): Outcome => ({ state: left, end: 'on' }))];
  }

  #rule(before: State, chain: string, rule: Rule): readonly Outcome[] {
    let state = before;
    const step = (detail = ''): State => ({
      ...state,
      steps: [...state.steps, `${chain}: ${ruleText(rule, this.#table.family)}${detail}`],
    });
    for (const statement of rule) {
      switch (statement.kind) {
        case 'set-mark':
          state = { ...state, mark: (state.mark | statement.bit) >>> 0 };
          break;
        case 'clear-mark':
          state = { ...state, mark: (state.mark ^ statement.bit) >>> 0 };
          break;
        case 'remember':
          break;
        case 'verdict':
          if (statement.verdict.kind === 'drop') return [{ state: step(), end: 'drop' }];
          return this.#enter(step(), statement.verdict.chain, statement.verdict.kind);
        case 'verdict-map': {
          const verdict = this.#table.elements.get(statement.map)?.get(this.#key(state, statement.key));
          if (verdict === undefined) return [{ state, end: 'on' }];
          if (verdict === 'drop') return [{ state: step(' -> drop'), end: 'drop' }];
          const [kind = '', target = ''] = verdict.split(' ');
          return this.#enter(step(` -> ${verdict}`), target, kind === 'jump' ? 'jump' : 'goto');
        }
        case 'random-chain':
          return statement.chains.flatMap((target) => {
            const branch = step(` -> ${verdictText({ kind: 'goto', chain: target })}`);
            return this.#enter({ ...branch, chance: branch.chance / statement.chains.length }, target, 'goto');
          });
        case 'dnat-map':
          return this.#slots(statement, state, step);
        case 'dnat':
          return statement.targets.map((target) => ({
            state: sent(
              step(statement.targets.length > 1 ? ` -> ${targetText(target)}` : ''),
              target,
              1 / statement.targets.length,
            ),
            end: 'accept',
          }));
        case 'masquerade':
          return [{ state: { ...step(), isMasqueraded: true }, end: 'accept' }];
        case 'reject':
          return [{ state: step(), end: 'reject' }];
        default:
          if (!this.#matches(statement, state)) return [{ state, end: 'on' }];
      }
    }
    return [{ state: step(), end: 'on' }];
  }

  /** Behind a `jump` the chain goes on; behind a `goto` the one goes on that jumped to it. */
  #enter(state: State, chain: string, kind: 'goto' | 'jump'): readonly Outcome[] {
    const [from, to] = kind === 'jump' ? (['leave', 'on'] as const) : (['on', 'leave'] as const);
    return this.#chain(state, chain).map((outcome) => (outcome.end === from ? { ...outcome, end: to } : outcome));
  }

  #slots(
    { key, map }: { readonly key: readonly Field[]; readonly map: string },
    state: State,
    step: (detail: string) => State,
  ): readonly Outcome[] {
    const random = key.at(-1);
    const number = typeof random === 'object' && 'random' in random ? random.random : 1;
    const isOther = key.some(
      (field) => typeof field === 'object' && 'portOf' in field && field.portOf !== this.#packet.protocol,
    );
    if (isOther) return [{ state, end: 'on' }];
    const known = this.#table.elements.get(map);
    const entry = this.#key(state, key.slice(0, -1));
    return Array.from({ length: number }, (_, slot): Outcome => {
      const value = known?.get(`${entry} . ${slot}`);
      if (value === undefined) return { state: { ...state, chance: state.chance / number }, end: 'on' };
      const [address = '', port = ''] = value.split(' . ');
      const target = { address, port: Number(port) };
      return { state: sent(step(` -> slot ${slot}: ${targetText(target)}`), target, 1 / number), end: 'accept' };
    });
  }

  #matches(statement: Statement, state: State): boolean {
    switch (statement.kind) {
      case 'address': {
        const address = statement.field === 'saddr' ? state.from : state.to;
        return isWithin(address, statement.ranges) === statement.is;
      }
      case 'protocol':
        return this.#packet.protocol === statement.is;
      case 'interface': {
        const name = this.#packet.inInterface ?? '';
        const is = statement.name.endsWith('*')
          ? name.startsWith(statement.name.slice(0, -1))
          : name === statement.name;
        return is === statement.is;
      }
      case 'local':
        return this.#isLocal(statement.field === 'saddr' ? state.from : state.to);
      case 'new':
        return true;
      case 'translated':
        return state.isTranslated === statement.is;
      case 'marked':
        return (state.mark & statement.bit) !== 0;
      case 'in':
        return this.#isIn(state, statement.key, statement.set) === statement.is;
      default:
        return true;
    }
  }

  #isIn(state: State, key: readonly Field[], set: string): boolean {
    const elements = this.#table.elements.get(set);
    if (elements?.has(this.#key(state, key))) return true;
    // Only the set of source ranges has ranges, in the last part of its keys.
    if (key.at(-1) !== 'saddr' || key.length < 2) return false;
    const entry = `${this.#key(state, key.slice(0, -1))} . `;
    for (const element of elements?.keys() ?? []) {
      if (element.startsWith(entry) && isWithin(state.from, [element.slice(entry.length)])) return true;
    }
    return false;
  }

  #key(state: State, key: readonly Field[]): string {
    return key.map((field) => this.#field(state, field)).join(' . ');
  }

  #field(state: State, field: Field): string {
    switch (field) {
      case 'saddr':
        return state.from;
      case 'daddr':
        return state.to;
      case 'protocol':
        return this.#packet.protocol;
      case 'dport':
        return String(state.port);
      default:
        return 'portOf' in field ? String(state.port) : '0';
    }
  }
}

/** What is accepted goes on with the next base chain, and so does what comes to the end of this one. */
const atNextChain = ({ state, end }: Outcome): Outcome => ({
  state,
  end: end === 'accept' || end === 'leave' ? 'on' : end,
});

const sent = (state: State, { address, port }: Target, share: number): State => ({
  ...state,
  to: address,
  port,
  isTranslated: true,
  chance: state.chance * share,
});

const targetText = ({ address, port }: Target): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

const isWithin = (address: string, ranges: readonly string[]): boolean => {
  const parsed = ipaddr.parse(address);
  return ranges.some((range) => {
    if (!range.includes('/')) return ipaddr.parse(range).toString() === parsed.toString();
    const [network, length] = ipaddr.parseCIDR(range);
    return network.kind() === parsed.kind() && parsed.match(network, length);
  });
};

const fateOf = (ends: readonly Outcome[]): Fate => {
  const deliveries = ends.filter(({ state, end }) => end === 'on' && state.isTranslated);
  if (deliveries.length > 0) return { kind: 'delivered', to: together(deliveries.map(({ state }) => state)) };
  if (ends.some(({ end }) => end === 'reject')) return { kind: 'rejected' };
  if (ends.some(({ end }) => end === 'drop')) return { kind: 'dropped' };
  return { kind: 'untouched' };
};

/** Branches that end at one endpoint are one delivery. */
const together = (states: readonly State[]): readonly Delivery[] => {
  const deliveries = new Map<string, Delivery>();
  for (const { to, port, chance, isMasqueraded } of states) {
    const id = `${to} ${port} ${isMasqueraded}`;
    deliveries.set(id, { address: to, port, chance: chance + (deliveries.get(id)?.chance ?? 0), isMasqueraded });
  }
  return [...deliveries.values()];
};
