import type { Directive, Faults } from '#corefile/tree.ts';
import { readHttpAddress } from '#http-endpoint/address.ts';

export interface PrometheusOptions {
  readonly address: string;
  /** True where nodejs_* metrics are to be complete. */
  readonly hasRuntimeMetrics: boolean;
  /** File with the web configuration of Prometheus's exporters, '' for plain HTTP. */
  readonly webConfigFile: string;
}

const DEFAULT_ADDRESS = 'localhost:9153';

/** Reads `prometheus [ADDRESS] { runtime_metrics; tls WEBCONFIG }`. */
export const readOptions = (directive: Directive, faults: Faults): PrometheusOptions => {
  const [occurrence] = directive.occurrences;
  const [word, extra] = occurrence?.args ?? [];
  let hasRuntimeMetrics = false;
  let webConfigFile = '';
  if (extra !== undefined) faults.argument(occurrence?.args.at(-1) ?? extra);
  else if (word !== undefined) {
    const read = readHttpAddress(word.text);
    if (typeof read === 'string') faults.add(read, word, 'write host:port, such as :9153 or localhost:9153');
  }
  for (const { name, args } of occurrence?.body ?? []) {
    if (name.text === 'runtime_metrics') {
      if (args[0] !== undefined) faults.argument(args[0]);
      hasRuntimeMetrics = true;
    } else if (name.text === 'tls') {
      if (webConfigFile !== '') faults.add('tls block already specified', name);
      else if (args.length !== 1) faults.argument(args.at(-1) ?? name);
      webConfigFile = args[0]?.text ?? '';
    } else faults.add(`unknown option: ${name.text}`, name);
  }
  return { address: word?.text ?? DEFAULT_ADDRESS, hasRuntimeMetrics, webConfigFile };
};
