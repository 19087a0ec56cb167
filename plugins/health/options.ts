import { readDurationMs } from '#corefile/readers.ts';
import type { Directive, Faults, OptionLine } from '#corefile/tree.ts';
import { readHttpAddress } from '#http-endpoint/address.ts';

export interface HealthOptions {
  readonly address: string;
  /** How long queries are still answered after SIGTERM. */
  readonly lameduckMs: number;
}

const DEFAULT_ADDRESS = ':8080';

/** Reads `health [ADDRESS] { lameduck DURATION }`; of several the last counts. */
export const readOptions = (directive: Directive, faults: Faults): HealthOptions => {
  let address = DEFAULT_ADDRESS;
  let lameduckMs = 0;
  for (const { args, body } of directive.occurrences) {
    const [word, extra] = args;
    if (extra !== undefined) faults.argument(args.at(-1) ?? extra);
    else if (word !== undefined) {
      const read = readHttpAddress(word.text);
      if (typeof read === 'string') faults.add(read, word, `write host:port, such as :8080 or localhost:8080`);
      address = word.text;
    }
    for (const line of body ?? []) {
      if (line.name.text === 'lameduck') lameduckMs = readLameduck(line, faults);
      else faults.add(`unknown property '${line.name.text}'`, line.name);
    }
  }
  return { address, lameduckMs };
};

const readLameduck = ({ name, args }: OptionLine, faults: Faults): number => {
  const [word, extra] = args;
  if (word === undefined || extra !== undefined) {
    faults.argument(args.at(-1) ?? name);
    return 0;
  }
  const ms = readDurationMs(word.text);
  if (ms !== null) return Math.max(0, ms);
  const isNumber = /^[+-]?[\d.]+$/.test(word.text);
  const why = `time: ${isNumber ? 'missing unit in' : 'invalid'} duration "${word.text}"`;
  faults.add(
    `unable to parse lameduck duration value: '${word.text}' : ${why}`,
    word,
    isNumber ? `did you mean ${word.text}s?` : 'a duration is written 5s or 1m',
  );
  return 0;
};
