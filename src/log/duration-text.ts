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
