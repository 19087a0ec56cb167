import { dump } from 'js-yaml';
import { yamlOfValue } from './field-values.ts';
import { FIELDS, type FieldValue } from './fields.ts';

/** Values as a KubeProxyConfiguration in YAML, for `--write-config-to`: read again, it configures the same. */
export const configurationText = (values: ReadonlyMap<string, FieldValue>): string =>
  dump(configurationOf(values), { lineWidth: -1, sortKeys: true });

/** The same as an object. */
export const configurationOf = (values: ReadonlyMap<string, FieldValue>): Readonly<Record<string, unknown>> => {
  const document: Record<string, unknown> = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
  };
  for (const field of FIELDS) {
    const given = values.get(field.path) ?? field.default;
    // Another's field is not written for nothing, so that a kube-proxy can read the file, too.
    if (field.type === 'anything' || field.refused !== undefined || (field.isOwn && given === field.default)) continue;
    const [first = '', second] = field.path.split('.');
    const value = yamlOfValue(field, given);
    if (second === undefined) document[first] = value;
    else {
      const section = (document[first] ?? {}) as Record<string, unknown>;
      document[first] = section;
      section[second] = value;
    }
  }
  return document;
};
