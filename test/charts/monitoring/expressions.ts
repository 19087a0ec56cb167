/** A metric as an expression of PromQL names it, with the labels that its braces name. */
export interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

/** Series of these programs, of the process they run in, and of Prometheus itself. */
const METRIC = /\b(?:up|(?:coredns|cluster_dns|kubeproxy|rest_client|process|nodejs|go)_[a-z0-9_]+)\b/;
const SELECTOR = new RegExp(`(${METRIC.source})\\s*(?:\\{([^}]*)\\})?`, 'g');
/** No label of a target or a program is as these. */
const TARGET_LABELS = ['cluster', 'namespace', 'job', 'instance', 'le'];

/** What an expression selects. */
export const selectorsOf = (expression: string): readonly Selector[] =>
  [...expression.matchAll(SELECTOR)].map(([, metric = '', inner = '']) => ({
    metric,
    labels: [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  }));

/** Labels of metrics by which an expression groups; those that Prometheus gives to targets are left out. */
export const groupingsOf = (expression: string): readonly string[] =>
  [...expression.matchAll(/\b(?:by|on|group_left|group_right)\s*\(([^)]*)\)/g)]
    .flatMap(([, inner = '']) => inner.split(','))
    .map((label) => label.trim())
    .filter((label) => label !== '' && !TARGET_LABELS.includes(label));

/** With what Grafana puts in the place of variables. */
export const filledIn = (expression: string, variables: Readonly<Record<string, string>> = {}): string => {
  const values = { __rate_interval: '1m', __interval: '1m', ...variables };
  return Object.entries(values)
    .reduce((text, [name, value]) => text.replaceAll(`$${name}`, value), expression)
    .replace(/\$\{?[a-z_]+\}?/g, '.*');
};
