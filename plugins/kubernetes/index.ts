import { definePlugin } from '#plugin/index.ts';
import { KubernetesInstance } from './instance.ts';
import { OPTION_NAMES, readOptions } from './options.ts';

/** Answers for the Services and Pods of a Kubernetes cluster. */
export default definePlugin({
  name: 'kubernetes',
  isRepeatable: true,
  isOnce: true,
  options: OPTION_NAMES,
  setup: (context) => new KubernetesInstance(readOptions(context), context.block, context.services),
});
