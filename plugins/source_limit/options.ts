import { addressFromText } from '#dns/address.ts';
import {
  type AddressRange,
  type Directive,
  type Faults,
  type OptionLine,
  readInteger,
  type SourceLimit,
  type Token,
} from '#plugin/index.ts';

const MOST_A_SECOND = 1_000_000;
const MOST_SLIP = 100;

type Mutable = { -readonly [Key in keyof SourceLimit]: SourceLimit[Key] };
/** Options that take one number: the field, and the range. */
const NUMBERS: Readonly<Record<string, readonly [field: keyof SourceLimit, least: number, most: number]>> = {
  burst: ['burst', 1, MOST_A_SECOND],
  ipv4_prefix: ['ipv4Prefix', 1, 32],
  ipv6_prefix: ['ipv6Prefix', 1, 128],
  slip: ['slip', 0, MOST_SLIP],
};

/** Reads `source_limit RATE { ... }`; null where it has no rate. */
export const readLimit = (directive: Directive, faults: Faults): SourceLimit | null => {
  const [occurrence] = directive.occurrences;
  if (occurrence === undefined) return null;
  const [word, extra] = occurrence.args;
  if (extra !== undefined) faults.argument(extra);
  if (word === undefined) faults.argument(occurrence.name);
  const rate = word === undefined ? null : readNumber(word, 'source_limit', 1, MOST_A_SECOND, faults);
  const limit: Mutable = { rate: rate ?? 1, burst: rate ?? 1, ipv4Prefix: 32, ipv6Prefix: 128, slip: 2, exempt: [] };
  const seen = new Set<string>();
  for (const line of occurrence.body ?? []) {
    const name = line.name.text;
    if (seen.has(name) && name in NUMBERS) faults.add(`${name} is given twice`, line.name);
    seen.add(name);
    readOption(line, limit, faults);
  }
  return rate === null ? null : limit;
};

const readOption = ({ name, args, body }: OptionLine, limit: Mutable, faults: Faults): void => {
  if (body !== null) faults.add("Error during parsing: Unexpected token '{', expecting argument", name);
  const number = NUMBERS[name.text];
  if (number !== undefined) {
    const [word, extra] = args;
    if (word === undefined || extra !== undefined) {
      faults.argument(extra ?? name);
      return;
    }
    const [field, least, most] = number;
    Object.assign(limit, { [field]: readNumber(word, name.text, least, most, faults) ?? limit[field] });
  } else if (name.text === 'exempt') {
    if (args.length === 0) faults.argument(name);
    limit.exempt = [...limit.exempt, ...args.flatMap((word) => readRange(word, faults))];
  } else faults.add(`unknown property '${name.text}'`, name);
};

const readNumber = (word: Token, what: string, least: number, most: number, faults: Faults): number | null => {
  const number = readInteger(word.text);
  if (number !== null && number >= least && number <= most) return number;
  faults.add(`${what} needs a whole number from ${least} to ${most}, found ${JSON.stringify(word.text)}`, word);
  return null;
};

/** An address, or a range in CIDR notation. Bits behind the prefix do not count. */
const readRange = (word: Token, faults: Faults): AddressRange[] => {
  const [address = '', bits, ...rest] = word.text.split('/');
  const octets = addressFromText(address);
  const prefix = bits === undefined ? (octets?.length ?? 0) * 8 : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity;
  if (octets !== null && rest.length === 0 && prefix <= octets.length * 8) return [{ octets: [...octets], prefix }];
  faults.add(`exempt needs addresses or ranges such as 10.0.0.0/8, found ${JSON.stringify(word.text)}`, word);
  return [];
};
