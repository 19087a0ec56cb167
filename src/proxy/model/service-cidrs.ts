import type { ServiceCidr } from '#kube/objects/service-cidr.ts';
import type { IpFamily } from '../rule-options.ts';
import { disjointRanges } from './disjoint-ranges.ts';

/** The ranges that ClusterIPs come from. */
export class ServiceCidrs {
  readonly #objects = new Map<string, ServiceCidr>();
  readonly #lists = new Map<IpFamily, readonly string[]>();

  set(object: ServiceCidr): void {
    this.#objects.set(object.name, object);
    this.#lists.clear();
  }

  delete(name: string): void {
    if (this.#objects.delete(name)) this.#lists.clear();
  }

  /** Those of a family, sorted and without overlap. */
  of(family: IpFamily): readonly string[] {
    let list = this.#lists.get(family);
    if (list === undefined) {
      list = disjointRanges(
        [...this.#objects.values()].flatMap(({ cidrs }) => cidrs),
        family,
      );
      this.#lists.set(family, list);
    }
    return list;
  }
}
