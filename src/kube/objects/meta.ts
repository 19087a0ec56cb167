import { intern } from './intern.ts';
import { asObject, asText, type RawObject } from './json.ts';

/** What every object is known by. */
export interface Meta {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** All of `metadata`, for what one kind alone looks at. */
  readonly raw: RawObject;
}

/**
 * An object's `metadata`, or null where it has no name: nobody could ask for it.
 * No Namespace is `default`, as kubectl has it.
 */
export const projectMeta = (raw: unknown): Meta | null => {
  const metadata = asObject(asObject(raw).metadata);
  const name = asText(metadata.name);
  if (name === '') return null;
  return {
    namespace: intern(asText(metadata.namespace) || 'default'),
    name,
    resourceVersion: asText(metadata.resourceVersion),
    raw: metadata,
  };
};

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

/** The labels that are texts. */
export const projectLabels = (raw: unknown): Readonly<Record<string, string>> => {
  const labels = asObject(raw);
  const names = Object.keys(labels);
  if (names.length === 0) return NO_LABELS;
  // No prototype: a label may be called `constructor`.
  const kept: Record<string, string> = Object.create(null);
  for (const name of names) {
    const value = labels[name];
    if (typeof value === 'string') kept[intern(name)] = intern(value);
  }
  return kept;
};
