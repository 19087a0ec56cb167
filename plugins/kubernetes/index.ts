import { definePlugin } from '#plugin/index.ts';
import { KubernetesInstance } from './instance.ts';
import { OPTION_NAMES, readOptions } from './options.ts';
import { stateFileOf } from './state-of-cluster.ts';

/** Answers for the Services and Pods of a Kubernetes cluster. */
export default definePlugin({
  name: 'kubernetes',
  isRepeatable: true,
  isOnce: true,
  options: OPTION_NAMES,
  setup: (context) => {
    const options = readOptions(context);
    const stateFile = stateFileOf(context, options);
    return new KubernetesInstance({ ...options, stateFile }, context.block, context.services);
  },
});
