import { readDurationMs, readInteger } from '#corefile/readers.ts';
import type { Faults, Token } from '#corefile/tree.ts';

/** A whole number, or null with a fault in the words of Go's strconv. */
export const readWhole = (token: Token, faults: Faults): number | null => {
  const number = readInteger(token.text);
  if (number !== null) return number;
  const reason = /^[+-]?\d+$/.test(token.text) ? 'value out of range' : 'invalid syntax';
  faults.add(`strconv.Atoi: parsing ${JSON.stringify(token.text)}: ${reason}`, token);
  return null;
};

/** Go's complaint about a text that is no duration. */
const durationComplaint = (text: string): string => {
  const quoted = JSON.stringify(text);
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text)) return `time: missing unit in duration ${quoted}`;
  const unit = /^[+-]?(?:\d+\.?\d*|\.\d+)([^\d.]+)/.exec(text)?.[1];
  if (unit !== undefined && !/^(?:ns|us|µs|μs|ms|s|m|h)$/.test(unit))
    return `time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`;
  return `time: invalid duration ${quoted}`;
};

/** ms of a duration, or null with a fault in the words of Go's time package after `prefix`. */
export const readDuration = (token: Token, faults: Faults, prefix = ''): number | null => {
  const ms = readDurationMs(token.text);
  if (ms === null) faults.add(prefix + durationComplaint(token.text), token);
  return ms;
};

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  Ki: 2 ** 10,
  M: 1e6,
  Mi: 2 ** 20,
  G: 1e9,
  Gi: 2 ** 30,
};

/** Octets of a size as Kubernetes writes it (`64Mi`, `100M`, a `B` behind it allowed), or null. */
export const readOctets = (text: string): number | null => {
  const [, number, unit = ''] = /^(\d{1,12})([kMG]|[KMG]i)?B?$/.exec(text) ?? [];
  return number === undefined ? null : Number(number) * (UNITS[unit] as number);
};
