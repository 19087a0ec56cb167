import type { Directive, Faults } from '#corefile/tree.ts';
import { readHttpAddress } from '#http-endpoint/address.ts';

export interface ReadyOptions {
  readonly address: string;
  /** True where a plugin that was ready is asked again. */
  readonly isContinuous: boolean;
}

const DEFAULT_ADDRESS = ':8181';

/** Reads `ready [ADDRESS] { monitor until-ready|continuously }`. */
export const readOptions = (directive: Directive, faults: Faults): ReadyOptions => {
  const [occurrence] = directive.occurrences;
  const [word, extra] = occurrence?.args ?? [];
  let isContinuous = false;
  if (extra !== undefined) faults.argument(occurrence?.args.at(-1) ?? extra);
  else if (word !== undefined) {
    const read = readHttpAddress(word.text);
    if (typeof read === 'string') faults.add(read, word, 'write host:port, such as :8181 or localhost:8181');
  }
  for (const { name, args } of occurrence?.body ?? []) {
    const [type, more] = args;
    if (name.text !== 'monitor') faults.add(`unknown property '${name.text}'`, name);
    else if (type === undefined || more !== undefined) faults.argument(args.at(-1) ?? name);
    else if (type.text !== 'until-ready' && type.text !== 'continuously')
      faults.add(`monitor type '${type.text}' not supported`, type, 'use until-ready or continuously');
    else isContinuous = type.text === 'continuously';
  }
  return { address: word?.text ?? DEFAULT_ADDRESS, isContinuous };
};
