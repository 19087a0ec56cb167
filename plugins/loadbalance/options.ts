import { readDurationMs } from '#corefile/readers.ts';
import type { Directive, Faults, Occurrence, OptionLine } from '#corefile/tree.ts';
import { readSubnet, type Subnet } from './subnet.ts';

export interface WeightFileOptions {
  readonly path: string;
  /** Pause between two looks at the file; 0 is never again. */
  readonly reloadMs: number;
}

export interface LoadBalanceOptions {
  /** Where the weights stand; null for round robin. */
  readonly weights: WeightFileOptions | null;
  /** Addresses in these go first, in this order. */
  readonly preferred: readonly Subnet[];
}

const DEFAULT_RELOAD_MS = 30_000;

/** Reads `loadbalance [round_robin | weighted FILE] { reload DURATION; prefer CIDR... }`. The last of several lines decides the policy. */
export const readOptions = (directive: Directive, faults: Faults): LoadBalanceOptions => {
  let weights: WeightFileOptions | null = null;
  let preferred: Subnet[] = [];
  for (const occurrence of directive.occurrences) {
    const [policy, ...rest] = occurrence.args;
    weights = null;
    switch (policy?.text ?? 'round_robin') {
      case 'round_robin':
        if (rest[0] !== undefined) parsing(faults, 'unknown property for round_robin', rest[0]);
        readPreferred(occurrence, preferred, faults);
        break;
      case 'weighted':
        preferred = [];
        weights = readWeighted(occurrence, faults);
        break;
      default:
        faults.add(`unknown policy: ${policy?.text}`, policy ?? occurrence.name);
    }
  }
  return { weights, preferred };
};

const parsing = (faults: Faults, message: string, token: OptionLine['name']): void =>
  faults.add(`Error during parsing: ${message}`, token);

const readWeighted = (occurrence: Occurrence, faults: Faults): WeightFileOptions | null => {
  const [policy, path, extra] = occurrence.args;
  if (path === undefined) {
    parsing(faults, 'missing weight file argument', policy ?? occurrence.name);
    return null;
  }
  if (extra !== undefined) parsing(faults, 'unexpected argument(s)', extra);
  let reloadMs = DEFAULT_RELOAD_MS;
  for (const line of occurrence.body ?? []) {
    if (line.name.text === 'reload' && line.body === null) reloadMs = readReload(line, faults) ?? reloadMs;
    else parsing(faults, `unknown property '${line.name.text}'`, line.name);
  }
  return { path: path.text, reloadMs };
};

const readReload = (line: OptionLine, faults: Faults): number | null => {
  const [duration, extra] = line.args;
  if (duration === undefined) parsing(faults, 'reload duration value is missing', line.name);
  else if (extra !== undefined) parsing(faults, 'unexpected argument', extra);
  else {
    const ms = readDurationMs(duration.text);
    // CoreDNS takes a negative duration here and its ticker then panics.
    if (ms !== null && ms >= 0) return ms;
    parsing(faults, `invalid reload duration '${duration.text}'`, duration);
  }
  return null;
};

const readPreferred = (occurrence: Occurrence, preferred: Subnet[], faults: Faults): void => {
  for (const line of occurrence.body ?? []) {
    if (line.name.text !== 'prefer' || line.body !== null) {
      parsing(faults, `unknown property '${line.name.text}'`, line.name);
      continue;
    }
    for (const token of line.args) {
      const subnet = readSubnet(token.text);
      if (subnet !== null) preferred.push(subnet);
      else parsing(faults, `invalid CIDR ${JSON.stringify(token.text)}: invalid CIDR address: ${token.text}`, token);
    }
  }
};
