const INLINE_FLAGS = /^\(\?([imsU]+)\)/;

/**
 * A regular expression as Go's regexp takes it, made of what both languages share: leading flags and named groups are translated.
 * Gives the reason where it can't be read.
 */
export const readGoRegexp = (source: string): RegExp | string => {
  const flags = INLINE_FLAGS.exec(source)?.[1] ?? '';
  if (flags.includes('U')) return 'the flag U is not supported';
  const body = source.replace(INLINE_FLAGS, '').replaceAll('(?P<', '(?<').replace(/^\\A/, '^').replace(/\\z$/, '$');
  try {
    return new RegExp(body, flags);
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : String(error);
  }
};
