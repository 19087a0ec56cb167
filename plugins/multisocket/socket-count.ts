import type { Directive, Faults, Token } from '#corefile/tree.ts';

const MOST = 1024;
const LARGEST_INT64 = 2n ** 63n - 1n;

/** Reads `multisocket [NUM_SOCKETS]`: the number, that of the CPUs where none is said, or 0 with a fault. */
export const readSocketCount = (directive: Directive, countCpus: () => number, faults: Faults): number => {
  const [first, ...others] = directive.occurrences;
  if (first === undefined) return 0;
  for (const { name } of others) faults.argument(name);
  const { args, body, tokens } = first;
  const [word, extra] = args;
  if (extra !== undefined) faults.argument(args.at(-1) ?? extra);
  else if (body !== null)
    faults.add("Error during parsing: Unexpected token '{', expecting argument", tokens[1 + args.length] ?? first.name);
  return word === undefined ? countCpus() : readNumber(word, faults);
};

const readNumber = (word: Token, faults: Faults): number => {
  const number = readInt64(word, faults);
  if (number === null) return 0;
  if (number < 1n) faults.add(`num sockets can not be zero or negative: ${number}`, word);
  else if (number > MOST) faults.add(`num sockets exceeds maximum (${MOST}): ${number}`, word);
  else return Number(number);
  return 0;
};

/** A whole number, or null with a fault in the words of Go's strconv. A large one is told as it was written. */
const readInt64 = (word: Token, faults: Faults): bigint | null => {
  const number = /^[+-]?\d+$/.test(word.text) ? BigInt(word.text) : null;
  if (number !== null && number <= LARGEST_INT64 && number >= -LARGEST_INT64 - 1n) return number;
  const reason = number === null ? 'invalid syntax' : 'value out of range';
  faults.add(`invalid num sockets: strconv.Atoi: parsing ${JSON.stringify(word.text)}: ${reason}`, word);
  return null;
};
