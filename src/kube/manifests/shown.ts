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
