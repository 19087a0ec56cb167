/** What `nft -s -y -p list table` says of a table, in the words that rules are planned in. */
export interface Listing {
  /** Lines of the table itself: its comment, flags. */
  readonly lines: readonly string[];
  readonly sets: ReadonlyMap<string, ListedSet>;
  readonly chains: ReadonlyMap<string, ListedChain>;
}

export interface ListedSet {
  readonly kind: 'set' | 'map';
  readonly declaration: readonly string[];
  /** Values by key. What packets have added is not in it. */
  readonly elements: Map<string, string>;
}

export interface ListedChain {
  /** '' where it is no base chain. */
  readonly base: string;
  readonly rules: readonly string[];
}

/** Arguments of nft that list a table in the form that `parseListing` reads. */
export const listArguments = (table: string): readonly string[] => [
  '-s',
  '-y',
  '-p',
  'list',
  'table',
  ...table.split(' '),
];

/** Reads the listing of one table. Numbers of protocols become names: which of them nft prints depends on /etc/protocols. */
export const parseListing = (text: string): Listing => {
  const lines: string[] = [];
  const sets = new Map<string, ListedSet>();
  const chains = new Map<string, ListedChain>();
  const reader = new LineReader(text);
  reader.next();
  for (let line = reader.next(); line !== undefined && line !== '}'; line = reader.next()) {
    const [kind = '', name = '', brace] = line.split(' ');
    if (brace !== '{') {
      if (line !== '') lines.push(line);
    } else if (kind === 'chain') chains.set(name, readChain(reader));
    else if (kind === 'set' || kind === 'map') sets.set(name, readSet(reader, kind));
    else skipBlock(reader);
  }
  return { lines, sets, chains };
};

/** Lines without what is around them, one at a time: a listing may have a hundred thousand. */
class LineReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): string | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const end = this.#text.indexOf('\n', this.#at);
    const line = this.#text.slice(this.#at, end < 0 ? undefined : end);
    this.#at = end < 0 ? this.#text.length : end + 1;
    return line.trim();
  }
}

const readChain = (reader: LineReader): ListedChain => {
  let base = '';
  const rules: string[] = [];
  for (let line = reader.next(); line !== undefined && line !== '}'; line = reader.next()) {
    if (line.startsWith('type ')) base = line;
    else if (!line.startsWith('comment '))
      rules.push(line.replace(/\bl4proto (6|17|132)\b/g, (_, number) => `l4proto ${protocolName(number)}`));
  }
  return { base, rules };
};

const readSet = (reader: LineReader, kind: 'set' | 'map'): ListedSet => {
  const declaration: string[] = [];
  const elements = new Map<string, string>();
  for (let line = reader.next(); line !== undefined && line !== '}'; line = reader.next()) {
    // Later versions count the elements behind a `#`.
    if (!line.startsWith('elements = {')) {
      if (!line.startsWith('comment ')) declaration.push(line.replace(/\s+#.*$/, ''));
      continue;
    }
    const isDynamic = declaration.some((word) => word.startsWith('flags') && word.includes('dynamic'));
    const protocolAt = protocolPlace(declaration);
    for (let part: string | undefined = line.slice('elements = {'.length); part !== undefined; part = reader.next()) {
      const isLast = part.endsWith('}');
      if (!isDynamic) readElements(isLast ? part.slice(0, -1) : part, protocolAt, elements);
      if (isLast) break;
    }
  }
  return { kind, declaration, elements };
};

const readElements = (line: string, protocolAt: number, elements: Map<string, string>): void => {
  for (const element of line.split(',')) {
    const text = element.trim();
    if (text === '') continue;
    const at = text.indexOf(' : ');
    const key = at < 0 ? text : text.slice(0, at);
    elements.set(protocolAt < 0 ? key : withName(key, protocolAt), at < 0 ? '' : text.slice(at + 3));
  }
};

/** Which part of the key is the protocol; -1 for none. */
const protocolPlace = (declaration: readonly string[]): number => {
  const type = declaration.find((line) => line.startsWith('type')) ?? '';
  const [key = ''] = type.replace(/^type(of)? /, '').split(' : ');
  return key.split(' . ').findIndex((part) => part === 'inet_proto' || part === 'meta l4proto');
};

const withName = (key: string, protocolAt: number): string => {
  const parts = key.split(' . ');
  parts[protocolAt] = protocolName(parts[protocolAt] ?? '');
  return parts.join(' . ');
};

const PROTOCOLS: Readonly<Record<string, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };
const protocolName = (number: string): string => PROTOCOLS[number] ?? number;

const skipBlock = (reader: LineReader): void => {
  for (let line = reader.next(); line !== undefined && line !== '}'; line = reader.next());
};
