import { addressFromText, addressText } from '#dns/address.ts';
import { type Name, tryNameFromText } from '#dns/name.ts';

/** Weight, 1 to 255, of each address (canonical text) of each name. */
export type Weights = ReadonlyMap<Name, ReadonlyMap<string, number>>;

export const NO_WEIGHTS: Weights = new Map();
const DEFAULT_WEIGHT = 1;

/** Weight of an address of a name; 1 where the file does not say. */
export const weightOf = (weights: Weights, owner: Name, address: Uint8Array): number =>
  weights.get(owner)?.get(addressText(address)) ?? DEFAULT_WEIGHT;

/** What is wrong with a weight file. */
export class WeightFileError extends Error {
  readonly code = 'weight-file';
}

/**
 * Reads a weight file: a line with a name, then a line with address and weight for each of its addresses; `#` starts a comment
 * line. Throws WeightFileError at the first fault. `path` is for messages.
 */
export const readWeights = (text: string, path: string): Weights => {
  const weights = new Map<Name, Map<string, number>>();
  let current: Map<string, number> | null = null;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const fault = (what: string, hint = ''): WeightFileError =>
      new WeightFileError(`${what} in weight file ${path}${hint} (line ${index + 1})`);
    const [first, second, third] = line.split(/\s+/);
    if (third !== undefined) throw fault(`could not parse weight line:"${line}"`);
    if (second === undefined) {
      const name = addressFromText(first as string) === null ? tryNameFromText(first as string) : null;
      if (name === null) throw fault(`wrong domain name:"${first}"`, '. (Maybe a missing weight value?)');
      current = weights.get(name) ?? new Map();
      weights.set(name, current);
      continue;
    }
    const address = addressFromText(first as string);
    if (address === null) throw fault(`wrong IP address:"${first}"`);
    const weight = /^\d+$/.test(second) ? Number(second) : 0;
    if (weight < 1 || weight > 255) throw fault(`wrong weight value:"${second}"`);
    if (current === null) throw fault('missing domain name');
    // The first of two lines for one address counts.
    const canonical = addressText(address);
    if (!current.has(canonical)) current.set(canonical, weight);
  }
  return weights;
};
