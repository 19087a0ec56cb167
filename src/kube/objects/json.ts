/** A JSON or YAML value that may be an object: its fields are read one by one, and none is trusted. */
export type RawObject = Readonly<Record<string, unknown>>;

const NOTHING: RawObject = Object.freeze({});
const NO_LIST: readonly unknown[] = Object.freeze([]);

/** The value as an object; an empty one where it is something else. */
export const asObject = (value: unknown): RawObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RawObject) : NOTHING;

/** The value as a list; an empty one where it is something else. */
export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : NO_LIST);

/**
 * The texts of a list that pass; none where it is something else. `filter` leaves room for 17 where most lists have one, and there are tens of
 * thousands of them: `slice` takes no more than is needed.
 */
export const asTexts = (value: unknown, passes: (text: string) => boolean = () => true): readonly string[] =>
  asList(value)
    .filter((item): item is string => typeof item === 'string' && passes(item))
    .slice();

/** The value as text; '' where it is something else. */
export const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A port number; null where there is none. */
export const asPort = (value: unknown): number | null =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65535 ? value : null;
