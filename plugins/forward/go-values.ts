import { readDurationMs, readInteger } from '#corefile/readers.ts';
import type { Faults, Token } from '#corefile/tree.ts';

/** A whole number of at least `least`, or null with a fault in the words of Go's strconv or CoreDNS's. */
export const readCount = (token: Token, faults: Faults, option: string): number | null => {
  const number = readInteger(token.text);
  if (number === null) {
    const reason = /^[+-]?\d+$/.test(token.text) ? 'value out of range' : 'invalid syntax';
    faults.add(`strconv.Atoi: parsing ${JSON.stringify(token.text)}: ${reason}`, token);
    return null;
  }
  if (number >= 0) return number;
  faults.add(`${option} can't be negative: ${number}`, token);
  return null;
};

/** A number within 32 bits and without a sign, or null with a fault (Go: `strconv.ParseUint(s, 10, 32)`). */
export const readUint32 = (token: Token, faults: Faults): number | null => {
  const number = /^\d+$/.test(token.text) ? Number(token.text) : Number.NaN;
  if (number <= 0xffff_ffff) return number;
  const reason = Number.isNaN(number) ? 'invalid syntax' : 'value out of range';
  faults.add(`strconv.ParseUint: parsing ${JSON.stringify(token.text)}: ${reason}`, token);
  return null;
};

/** ms of a duration, or null with a fault in the words of Go's time package. */
export const readDuration = (token: Token, faults: Faults): number | null => {
  const ms = readDurationMs(token.text);
  if (ms !== null) return ms;
  const quoted = JSON.stringify(token.text);
  const isBare = /^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(token.text);
  const unit = /^[+-]?(?:\d+\.?\d*|\.\d+)([^\d.]+)/.exec(token.text)?.[1];
  if (isBare) faults.add(`time: missing unit in duration ${quoted}`, token, `${token.text}s for seconds`);
  else if (unit !== undefined) faults.add(`time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`, token);
  else faults.add(`time: invalid duration ${quoted}`, token);
  return null;
};

/** A duration as Go prints it: `10s`, `1m30s`, `500ms`, `-1s`. */
export const durationText = (ms: number): string => {
  if (ms < 0) return `-${durationText(-ms)}`;
  if (ms === 0) return '0s';
  if (ms < 1) return ms < 0.001 ? `${Math.round(ms * 1e6)}ns` : `${Number((ms * 1000).toFixed(3))}µs`;
  if (ms < 1000) return `${Number(ms.toFixed(6))}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = Number(((ms % 60_000) / 1000).toFixed(9));
  return `${hours > 0 ? `${hours}h` : ''}${hours + minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
};
