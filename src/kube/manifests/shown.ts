/** A value of a manifest as a message shows it: one line, whatever it is (YAML may give objects that hold themselves). */
export const shown = (value: unknown): string => {
  switch (typeof value) {
    case 'string':
      return `"${value.length > 80 ? `${value.slice(0, 80)}...` : value}"`.replaceAll('\n', ' ');
    case 'undefined':
      return '(none)';
    case 'object':
      return value === null ? '(none)' : Array.isArray(value) ? '(a list)' : '(a mapping)';
    default:
      return String(value);
  }
};

/** A field as a message begins with it: `port "80"`. */
export const found = (field: string, value: unknown): string => `${field} ${shown(value)}`;

/** What a value may have been meant to be, to be put behind the message; often ''. */
export const hint = (value: unknown): string =>
  typeof value === 'string' && / \/\//.test(value) ? ' (a comment begins with #, not with //)' : '';
