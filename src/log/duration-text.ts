/** A duration as Go prints it (`1.5s`, `1m0s`, `250ms`, `0s`), for messages that CoreDNS writes with one. */
export const durationText = (ms: number): string => {
  if (ms < 0) return `-${durationText(-ms)}`;
  if (ms === 0) return '0s';
  if (ms < 1e-3) return `${Math.round(ms * 1e6)}ns`;
  if (ms < 1) return `${trimmed(ms * 1e3, 3)}µs`;
  if (ms < 1000) return `${trimmed(ms, 6)}ms`;
  const wholeMinutes = Math.floor(ms / 60_000);
  const seconds = `${trimmed((ms - wholeMinutes * 60_000) / 1000, 9)}s`;
  if (wholeMinutes === 0) return seconds;
  const hours = Math.floor(wholeMinutes / 60);
  return hours === 0 ? `${wholeMinutes}m${seconds}` : `${hours}h${wholeMinutes % 60}m${seconds}`;
};

const trimmed = (value: number, decimals: number): string => String(Number(value.toFixed(decimals)));

/** Units of Go's time.ParseDuration in ms. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** ms of a Go duration (`1h30m`, `500ms`, `-1.5s`, `0`), or null. */
export const readDurationMs = (text: string): number | null => {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text);
  if (match === null) return /^[+-]?0$/.test(text) ? 0 : null;
  let total = 0;
  for (const [, number, unit] of (match[2] as string).matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g))
    total += Number(number) * (UNIT_MS[unit as string] as number);
  return match[1] === '-' ? -total : total;
};
