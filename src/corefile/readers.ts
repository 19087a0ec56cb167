export { readDurationMs } from '#log/duration-text.ts';

/** A decimal integer as Go's strconv.Atoi takes it, or null. */
export const readInteger = (text: string): number | null => {
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : null;
};
