import { asObject, asText } from './json.ts';
import { projectLabels, projectMeta } from './meta.ts';

/** A Pod that can be answered for, cut down to what is used. */
export interface Pod {
  readonly kind: 'Pod';
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** `status.podIP` as stored; '' while it has none. */
  readonly ip: string;
  readonly isTerminating: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

/** A Pod from its JSON or YAML form; null where it has no name. */
export const projectPod = (raw: unknown): Pod | null => {
  const meta = projectMeta(raw);
  if (meta === null) return null;
  const { deletionTimestamp, labels } = meta.raw;
  return {
    kind: 'Pod',
    namespace: meta.namespace,
    name: meta.name,
    resourceVersion: meta.resourceVersion,
    ip: asText(asObject(asObject(raw).status).podIP),
    isTerminating: deletionTimestamp !== undefined && deletionTimestamp !== null,
    labels: projectLabels(labels),
  };
};
