import { type Directive, Faults } from '#corefile/tree.ts';
import type { SetupContext } from '#plugin/index.ts';
import { type KubernetesOptions, readOptions } from './options.ts';
import { clusterKey, sourceFilter } from './sources.ts';

/**
 * The state file of a directive's cluster, null where there is none. Directives with the same cluster share its data, so they share
 * its state too, whichever of them says it; one cluster has one file, and a file one cluster.
 */
export const stateFileOf = (context: SetupContext, options: KubernetesOptions): string | null => {
  if (options.origin.kind !== 'api') return null;
  const own = clusterKey(options.origin, sourceFilter(options));
  let file = options.state?.file ?? null;
  let isEarlier = true;
  let isFaulty = false;
  for (const directive of directivesOf(context)) {
    if (directive === context.directive) isEarlier = false;
    const other = optionsOf(context, directive);
    if (directive === context.directive || other.state === null) continue;
    const isSame = clusterKey(other.origin, sourceFilter(other)) === own;
    if (isSame) file ??= other.state.file;
    // The later of two has the fault.
    if (options.state === null || !isEarlier || isFaulty) continue;
    const isSameFile = other.state.file === options.state.file;
    if (isSame === isSameFile) continue;
    const message = isSame
      ? `the state of this cluster is kept in ${other.state.file} already`
      : `${options.state.file} is the state of another cluster already`;
    const { file: where, line, column } = other.state.token;
    context.faults.add(message, options.state.token, `first defined at ${where}:${line}:${column}`);
    isFaulty = true;
  }
  return file;
};

const directivesOf = ({ block, directive }: SetupContext): readonly Directive[] =>
  block.corefile?.blocks.flatMap(({ directives }) => directives.filter(({ name }) => name === directive.name)) ?? [];

/** Its faults are told when it is its turn; its zones do not matter. */
const optionsOf = (context: SetupContext, directive: Directive): KubernetesOptions =>
  readOptions({ ...context, directive, faults: new Faults() });
