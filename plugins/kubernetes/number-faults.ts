/** Why Go does not take a text as a number: these words end CoreDNS's messages. Null where it does. */

const INTEGER = /^[+-]?\d+$/;
const LARGEST = 2n ** 63n - 1n;

/** What `strconv.Atoi` says. */
export const integerFault = (text: string): string | null => {
  if (!INTEGER.test(text)) return `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  const value = BigInt(text.replace('+', ''));
  return value > LARGEST || value < -LARGEST - 1n
    ? `strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`
    : null;
};

/** What `strconv.ParseFloat(text, 32)` says, for decimal numbers. */
export const floatFault = (text: string): string | null => {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text))
    return `strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`;
  return Math.abs(Math.fround(Number(text))) === Number.POSITIVE_INFINITY
    ? `strconv.ParseFloat: parsing ${JSON.stringify(text)}: value out of range`
    : null;
};

/** What `time.ParseDuration` says of a text that is none. */
export const durationFault = (text: string): string => {
  const quoted = JSON.stringify(text);
  const match = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*(?:\d+\.?\d*|\.\d+)([^\d.]*)/.exec(text);
  if (match === null) return `time: invalid duration ${quoted}`;
  return match[1] === ''
    ? `time: missing unit in duration ${quoted}`
    : `time: unknown unit ${JSON.stringify(match[1])} in duration ${quoted}`;
};
