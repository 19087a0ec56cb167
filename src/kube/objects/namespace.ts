import { intern } from './intern.ts';
import { projectLabels, projectMeta } from './meta.ts';

/** A Namespace, cut down to what is used. */
export interface Namespace {
  readonly kind: 'Namespace';
  readonly namespace: '';
  readonly name: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A Namespace from its JSON or YAML form; null where it has no name. */
export const projectNamespace = (raw: unknown): Namespace | null => {
  const meta = projectMeta(raw);
  if (meta === null) return null;
  return {
    kind: 'Namespace',
    namespace: '',
    name: intern(meta.name),
    resourceVersion: meta.resourceVersion,
    labels: projectLabels(meta.raw.labels),
  };
};
