import type { Metrics } from './metrics.ts';

/** Metrics of the runtime that each registry has once. */
const declared = new WeakMap<Metrics, Set<string>>();

const once = (metrics: Metrics, part: string): boolean => {
  const parts = declared.get(metrics) ?? new Set();
  declared.set(metrics, parts);
  if (parts.has(part)) return false;
  parts.add(part);
  return true;
};

/** Declares nodejs_* metrics, in place of Go's: version, heap, garbage collection. Loaded when first asked for. */
export const declareRuntime = async (metrics: Metrics): Promise<void> => {
  if (!once(metrics, 'base')) return;
  const [version, heap, gc] = await Promise.all([
    import('prom-client/lib/metrics/version.js'),
    import('prom-client/lib/metrics/heapSizeAndUsed.js'),
    import('prom-client/lib/metrics/gc.js'),
  ]);
  for (const part of [version, heap, gc]) part.default(metrics.registry);
};

/**
 * Declares what `runtime_metrics` adds: heap spaces, handles, event loop lag. Once on it stays on, as in CoreDNS. The lag is
 * measured by a timer of 10 ms, so it is not among the others.
 */
export const declareAllRuntime = async (metrics: Metrics): Promise<void> => {
  await declareRuntime(metrics);
  if (!once(metrics, 'all')) return;
  const [spaces, handles, lag] = await Promise.all([
    import('prom-client/lib/metrics/heapSpacesSizeAndUsed.js'),
    import('prom-client/lib/metrics/processHandles.js'),
    import('prom-client/lib/metrics/eventLoopLag.js'),
  ]);
  for (const part of [spaces, handles, lag]) part.default(metrics.registry);
};
