const LIMIT = 20_000;
/** What is longer is seldom repeated, and would make the table large. */
const MAX_LENGTH = 256;

const texts = new Map<string, string>();
const lists = new Map<string, readonly unknown[]>();

/**
 * The same text as one shared string, for what many objects repeat: Namespaces, nodes, zones, port names.
 * Each JSON.parse gives its own copy of a text of ten characters or more.
 */
export const intern = (text: string): string => {
  if (text.length > MAX_LENGTH) return text;
  const known = texts.get(text);
  if (known !== undefined) return known;
  // A table that has outgrown its use starts anew: what was given out stays valid, it is only no longer shared.
  if (texts.size >= LIMIT) texts.clear();
  texts.set(text, text);
  return text;
};

/** One shared list for all that have the same key; the key must tell unequal lists, and kinds of lists, apart. */
export const internList = <T>(key: string, list: readonly T[]): readonly T[] => {
  if (key.length > MAX_LENGTH) return list;
  const known = lists.get(key);
  if (known !== undefined) return known as readonly T[];
  if (lists.size >= LIMIT) lists.clear();
  lists.set(key, list);
  return list;
};
