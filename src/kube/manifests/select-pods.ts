import { asObject, asText } from '../objects/json.ts';
import type { CompletePod } from './pods.ts';
import type { ManifestObject } from './read-objects.ts';

/** Finds the Pods that a Service's selector means, without looking at every Pod for every Service. */
export class PodIndex {
  /** By Namespace and one label. */
  readonly #byLabel = new Map<string, CompletePod[]>();

  constructor(pods: readonly CompletePod[]) {
    for (const pod of pods) {
      const { namespace, raw } = pod.object;
      for (const [key, value] of Object.entries(asObject(asObject(raw.metadata).labels))) {
        if (typeof value !== 'string') continue;
        const at = `${namespace}\0${key}\0${value}`;
        const list = this.#byLabel.get(at);
        if (list === undefined) this.#byLabel.set(at, [pod]);
        else list.push(pod);
      }
    }
  }

  /** The Pods with all the labels of the Service's selector; none where it has no selector. */
  select(service: ManifestObject): CompletePod[] {
    const selector = Object.entries(asObject(asObject(service.raw.spec).selector));
    const first = selector[0];
    if (first === undefined) return [];
    const candidates = this.#byLabel.get(`${service.namespace}\0${first[0]}\0${asText(first[1])}`) ?? [];
    return candidates.filter(({ object }) => {
      const labels = asObject(asObject(object.raw.metadata).labels);
      return selector.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
    });
  }
}
