import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';

/** One question of a scenario and its reply, records as lines of a zone file. */
export interface Exchange {
  /** Line of the `?` in the file, from 1. */
  readonly line: number;
  readonly qname: string;
  readonly qtype: string;
  readonly rcode: string;
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
}

/** A server, a cluster, and what is asked of it. */
export interface Scenario {
  readonly title: string;
  readonly corefile: string;
  readonly objects: readonly unknown[];
  readonly exchanges: readonly Exchange[];
}

/**
 * Reads a scenario file. After a title line (`# ...`) it has three parts, under `--- corefile`, `--- cluster` (YAML documents) and
 * `--- queries`. A query is written
 *
 *     ? name TYPE
 *     RCODE
 *     name ttl IN TYPE rdata          a record of the answer section
 *     authority: name ttl IN ...      of the authority section
 *     additional: name ttl IN ...
 */
export const readScenario = (path: string): Scenario => {
  const text = readFileSync(path, 'utf8');
  const [head = '', ...parts] = text.split(/^--- (?=corefile$|cluster$|queries$)/m);
  const part = (name: string): string => {
    const found = parts.find((candidate) => candidate.startsWith(`${name}\n`));
    if (found === undefined) throw new Error(`${path}: no part "--- ${name}"`);
    return found.slice(name.length + 1);
  };
  const queriesAt = text.slice(0, text.indexOf('--- queries\n')).split('\n').length;
  return {
    title: /^# (.+)/.exec(head)?.[1] ?? path,
    corefile: part('corefile'),
    objects: loadAll(part('cluster')).filter((document) => document !== null && document !== undefined),
    exchanges: readExchanges(path, part('queries'), queriesAt + 1),
  };
};

const readExchanges = (path: string, text: string, firstLine: number): Exchange[] => {
  const exchanges: Exchange[] = [];
  let block: string[] = [];
  let start = 0;
  const finish = (): void => {
    if (block.length > 0) exchanges.push(readExchange(path, start, block));
    block = [];
  };
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.replace(/^#.*/, '').trim();
    if (words.startsWith('?')) {
      finish();
      start = firstLine + index;
    }
    if (words !== '') block.push(words);
  }
  finish();
  return exchanges;
};

const readExchange = (path: string, line: number, block: readonly string[]): Exchange => {
  const [question = '', rcode = '', ...records] = block;
  const [, qname, qtype] = /^\? (\S+) (\S+)$/.exec(question) ?? [];
  if (qname === undefined || qtype === undefined || !/^[A-Z]+$/.test(rcode))
    throw new Error(`${path}:${line}: expected "? name TYPE" and an RCODE, found "${question}" and "${rcode}"`);
  const sectionOf = (name: string): string[] =>
    records.filter((record) => record.startsWith(`${name}: `)).map((record) => record.slice(name.length + 2));
  return {
    line,
    qname,
    qtype,
    rcode,
    answer: records.filter((record) => !/^(?:authority|additional): /.test(record)),
    authority: sectionOf('authority'),
    additional: sectionOf('additional'),
  };
};
