import type { Chain, Match, Protocol, Rule, TableName, Tables, Target } from './rule.ts';

/**
 * Reads what `iptables-save` writes, or a text for iptables-restore, into tables of rules. Throws on a rule with a match or a target that is
 * not used here, so it is for our own rules; `readTables` passes over what others have written.
 */
export const readSave = (text: string): Tables => readTables(text, () => true);

/** The same for the chains that are asked for; rules of the others are left out, the chains stay. */
export const readTables = (text: string, isWanted: (chain: string, table: TableName) => boolean): Tables => {
  const tables: Partial<Record<TableName, Map<string, { name: string; rules: Rule[] }>>> = {};
  let chains = new Map<string, { name: string; rules: Rule[] }>();
  let table: TableName = 'filter';
  for (const line of linesOf(text)) {
    if (line.startsWith('*')) {
      table = line.slice(1).trim() as TableName;
      chains = tables[table] ?? new Map();
      tables[table] = chains;
    } else if (line.startsWith(':')) {
      const name = line.slice(1, line.indexOf(' '));
      chains.set(name, { name, rules: [] });
    } else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3);
      const name = end < 0 ? line.slice(3) : line.slice(3, end);
      const chain: Chain & { rules: Rule[] } = chains.get(name) ?? { name, rules: [] };
      chains.set(name, chain);
      if (isWanted(name, table)) chain.rules.push(readRule(line));
    }
  }
  return tables;
};

/** One rule of a line that begins with `-A CHAIN`. */
export const readRule = (line: string): Rule => new RuleReader(wordsOf(line).slice(2), line).read();

/** A line's words; quotes keep blanks, a backslash in them keeps what follows it. */
export const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '',
  );

/** Lines of such a text without counters, comments and empty ones. */
export function* linesOf(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    const line = text.slice(start, end).trimEnd();
    start = end + 1;
    if (line !== '' && !line.startsWith('#')) yield line.startsWith('[') ? line.slice(line.indexOf(']') + 2) : line;
  }
}

const PROTOCOLS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);
const ALL_BITS = 0xffffffff;

class RuleReader {
  readonly #words: readonly string[];
  readonly #line: string;
  #at = 0;
  #isNot = false;
  #module = '';

  constructor(words: readonly string[], line: string) {
    this.#words = words;
    this.#line = line;
  }

  read(): Rule {
    const matches: Match[] = [];
    let target: Target = { kind: 'none' };
    while (this.#at < this.#words.length) {
      const word = this.#next();
      if (word === '!') this.#isNot = true;
      else if (word === '-j') target = this.#target(this.#next());
      else if (word === '-m') this.#module = this.#next();
      else {
        const match = this.#match(word);
        if (match !== null) matches.push(match);
        this.#isNot = false;
      }
    }
    return { matches, target };
  }

  #match(word: string): Match | null {
    const isNot = this.#isNot;
    switch (word) {
      case '-p':
        return { kind: 'protocol', protocol: this.#protocol(), isNamed: this.#module !== '' };
      case '-s':
        return { kind: 'source', range: rangeOf(this.#next()), isNot };
      case '-d':
        return { kind: 'destination', range: rangeOf(this.#next()), isNot };
      case '-i':
        return { kind: 'in-interface', name: this.#next(), isNot };
      case '--comment':
        return { kind: 'comment', text: this.#next() };
      case '--sport':
        return { kind: 'source-port', port: this.#number() };
      case '--dport':
        return { kind: 'destination-port', port: this.#number() };
      case '--src-type':
      case '--dst-type':
        if (this.#next() !== 'LOCAL') this.#unknown(word);
        return { kind: 'local-address', side: word === '--src-type' ? 'src' : 'dst', isNot };
      case '--ctstate':
        return { kind: 'conntrack', states: this.#next().split(','), isNot };
      case '--mark': {
        const [value = '', mask] = this.#next().split('/');
        return { kind: 'mark', value: Number(value), mask: mask === undefined ? ALL_BITS : Number(mask), isNot };
      }
      case '--probability':
        return { kind: 'random', probability: this.#number() };
      case '--nfacct-name':
        return { kind: 'nfacct', counter: this.#next() };
      case '--length':
        return { kind: 'length', octets: this.#number() };
      case '--match-set':
        return {
          kind: 'set',
          set: this.#next(),
          directions: this.#next().split(',') as ('src' | 'dst')[],
          isNot,
        };
      case '--mode':
        if (this.#next() !== 'random') this.#unknown(word);
        return null;
      default:
        if (this.#module === 'recent') return this.#recent();
        return this.#unknown(word);
    }
  }

  /** iptables-save writes the options of `recent` in an order of its own, and with defaults. */
  #recent(): Match {
    let list = '';
    let seconds = 0;
    let isSet = false;
    this.#at -= 1;
    while (this.#words[this.#at]?.startsWith('--') === true) {
      const word = this.#next();
      if (word === '--set') isSet = true;
      else if (word === '--name') list = this.#next();
      else if (word === '--seconds') seconds = this.#number();
      else if (word === '--mask') this.#next();
      else if (word !== '--rcheck' && word !== '--reap' && word !== '--rsource') this.#unknown(word);
    }
    return isSet ? { kind: 'recent-set', list } : { kind: 'recent-check', list, seconds };
  }

  #target(name: string): Target {
    switch (name) {
      case 'ACCEPT':
        return { kind: 'accept' };
      case 'DROP':
        return { kind: 'drop' };
      case 'RETURN':
        return { kind: 'return' };
      case 'NOTRACK':
        return { kind: 'notrack', isAsCt: false };
      case 'CT':
        if (this.#next() !== '--notrack') this.#unknown(name);
        return { kind: 'notrack', isAsCt: true };
      case 'REJECT':
        if (this.#has('--reject-with')) this.#at += 2;
        return { kind: 'reject' };
      case 'MASQUERADE': {
        const isFullyRandom = this.#has('--random-fully');
        if (isFullyRandom) this.#at += 1;
        return { kind: 'masquerade', isFullyRandom };
      }
      case 'DNAT': {
        if (this.#next() !== '--to-destination') this.#unknown(name);
        const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(this.#next()) ?? this.#unknown(name);
        return { kind: 'dnat', address, port: Number(port) };
      }
      case 'MARK':
        return this.#markTarget();
      default:
        return { kind: 'jump', chain: name };
    }
  }

  #markTarget(): Target {
    const option = this.#next();
    const [value = '', mask] = this.#next().split('/');
    const bits = Number(value);
    if (option === '--or-mark') return { kind: 'mark', operation: 'or', value: bits };
    if (option === '--xor-mark') return { kind: 'mark', operation: 'xor', value: bits };
    if (option !== '--set-xmark') this.#unknown(option);
    if (Number(mask) === bits) return { kind: 'mark', operation: 'or', value: bits };
    return Number(mask) === 0 ? { kind: 'mark', operation: 'xor', value: bits } : this.#unknown(option);
  }

  #protocol(): Protocol {
    const protocol = this.#next();
    return PROTOCOLS.has(protocol) ? (protocol as Protocol) : this.#unknown(protocol);
  }

  #number(): number {
    const number = Number(this.#next());
    return Number.isNaN(number) ? this.#unknown('a number') : number;
  }

  #has(word: string): boolean {
    return this.#words[this.#at] === word;
  }

  #next(): string {
    const word = this.#words[this.#at];
    this.#at += 1;
    return word ?? this.#unknown('the end');
  }

  #unknown(what: string): never {
    throw new Error(`iptables: cannot read ${what} in: ${this.#line}`);
  }
}

/** An address without the length that iptables-save gives it. */
const rangeOf = (text: string): string => text.replace(text.includes(':') ? /\/128$/ : /\/32$/, '');
