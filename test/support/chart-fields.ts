import { expect } from 'vitest';
import { at, helmTemplate, type Manifest } from './helm.ts';

/** One field of a rendered object, as `Kind` or `Kind name`: where it is, and what has to stand there; undefined for nothing. */
export type Field = readonly [object: string, path: string, expected: unknown];

/** Values of a chart, and what comes of them. */
export interface FieldRow {
  /** What is rendered, and why. */
  readonly it: string;
  readonly values: object;
  readonly release?: string;
  /** More arguments of `helm template`. */
  readonly args?: readonly string[];
  readonly fields?: readonly Field[];
  /** Objects that must not be there. */
  readonly without?: readonly string[];
}

/** Renders a chart with the values of a row, and fails where a field is another. */
export const expectFields = async (
  chart: string,
  { values, release, args = [], fields = [], without = [] }: FieldRow,
): Promise<void> => {
  const manifests = await helmTemplate(chart, values, { args, ...(release === undefined ? {} : { release }) });
  for (const [object, path, expected] of fields)
    expect(at(findObject(manifests, object), path), `${object} ${path}`).toEqual(expected);
  const names = manifests.flatMap(({ kind, metadata }) => [kind, `${kind} ${metadata.name}`]);
  for (const object of without) expect(names).not.toContain(object);
};

/** An object as `Kind` or `Kind name`; of several of a kind the first. */
export const findObject = (manifests: readonly Manifest[], object: string): Manifest => {
  const found = manifests.find(({ kind, metadata }) => object === kind || object === `${kind} ${metadata.name}`);
  if (found === undefined) throw new Error(`no ${object} among ${manifests.map(({ kind }) => kind).join(', ')}`);
  return found;
};
