import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts';
import type { Change } from '#kube/source.ts';
import type { ClusterStore } from '#kube/store.ts';
import { PROGRAMMING_BUCKETS } from '#metrics/buckets.ts';
import type { HistogramFamily } from '#metrics/families.ts';
import type { Clock, Services } from '#plugin/index.ts';

/**
 * How long it takes from a change of a Pod or Service until it is answered: the time since the `last-change-trigger-time` that the
 * endpoints controller notes at an EndpointSlice. https://github.com/kubernetes/community/blob/master/sig-scalability/slos
 */
export class ProgrammingLatency {
  readonly #seconds: HistogramFamily;
  readonly #clock: Clock;

  constructor({ metrics, clock }: Pick<Services, 'metrics' | 'clock'>) {
    this.#clock = clock;
    this.#seconds = metrics.histogram({
      name: 'coredns_kubernetes_dns_programming_duration_seconds',
      help: 'Seconds from a change of endpoints in the cluster to its being served.',
      labels: ['service_kind'],
      buckets: PROGRAMMING_BUCKETS,
    });
  }

  /** The slice that a change is about, where it says when it was triggered; to be called before the change is applied. */
  before(store: ClusterStore, change: Change): EndpointSlice | null {
    let slice: EndpointSlice | undefined;
    if (change.type === 'delete') {
      if (change.kind === 'EndpointSlice') slice = store.slice(change.namespace, change.name);
    } else if (change.object.kind === 'EndpointSlice') slice = change.object;
    return slice === undefined || slice.lastChangeTriggerMs === null ? null : slice;
  }

  /** Notes the time that has passed, once the change is applied. A slice whose Service is not known does not count. */
  after(store: ClusterStore, slice: EndpointSlice): void {
    const entry = store.service(slice.namespace, slice.serviceName);
    if (!entry?.service || slice.lastChangeTriggerMs === null) return;
    // A controller made this slice, so the Service has a selector: `headless_without_selector` never occurs, as in CoreDNS.
    this.#seconds
      .at(entry.isHeadless ? 'headless_with_selector' : 'cluster_ip')
      // Never less than none: of two clocks that differ, a histogram's sum must not go back.
      .observe(Math.max(0, this.#clock.wallMs() - slice.lastChangeTriggerMs) / 1000);
  }
}
