import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts';
import type { Service } from '#kube/objects/service.ts';

/** One Service name: its Service, the slices that name it, or only one of the two. */
export class ServiceState {
  /** `NAMESPACE/NAME`. */
  readonly key: string;
  service: Service | null = null;
  #slices: readonly EndpointSlice[] = NONE;

  constructor(key: string) {
    this.key = key;
  }

  /** By name, so that the order in which they came does not matter. */
  get slices(): readonly EndpointSlice[] {
    return this.#slices;
  }

  get isEmpty(): boolean {
    return this.service === null && this.#slices.length === 0;
  }

  /** Adds a slice or takes a newer version of it; gives the version before. */
  setSlice(slice: EndpointSlice): EndpointSlice | null {
    const index = this.#slices.findIndex(({ name }) => name === slice.name);
    if (index >= 0) {
      const old = this.#slices[index] as EndpointSlice;
      this.#slices = this.#slices.with(index, slice);
      return old;
    }
    this.#slices = this.#slices.length === 0 ? [slice] : [...this.#slices, slice].sort(byName);
    return null;
  }

  /** Takes a slice out; gives what it was. */
  deleteSlice(name: string): EndpointSlice | null {
    const old = this.#slices.find((slice) => slice.name === name) ?? null;
    if (old !== null) this.#slices = this.#slices.length === 1 ? NONE : this.#slices.filter((slice) => slice !== old);
    return old;
  }
}

const NONE: readonly EndpointSlice[] = Object.freeze([]);

const byName = (a: EndpointSlice, b: EndpointSlice): number => (a.name < b.name ? -1 : 1);
