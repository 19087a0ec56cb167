import { type Directive, type Faults, readInteger } from '#plugin/index.ts';

/** What fits into one packet on nearly every path (DNS flag day 2020). */
const DEFAULT_OCTETS = 1232;
const LEAST = 512;
const MOST = 4096;

/**
 * Reads `bufsize [SIZE]`. CoreDNS looks at the first words and at nothing else: a block, or a second bufsize, is passed over there
 * (bufsize/setup.go), and here, too, with a warning.
 */
export const readSize = (directive: Directive, faults: Faults): number => {
  const [first, second] = directive.occurrences;
  if (first === undefined) return DEFAULT_OCTETS;
  if (second !== undefined) faults.warn('only the first bufsize of a server block counts', second.name);
  if (first.body !== null) faults.warn('bufsize has no options; its block is passed over', first.name);
  const [word] = first.args;
  const last = first.args.at(-1);
  if (word === undefined || last === undefined) return DEFAULT_OCTETS;
  const octets = first.args.length === 1 ? readInteger(word.text) : null;
  if (octets !== null && octets >= LEAST && octets <= MOST) return octets;
  faults.argument(last);
  return DEFAULT_OCTETS;
};
