/** In which order the upstreams are tried for one query. */
export interface Policy {
  readonly name: PolicyName;
  /** All of `upstreams`, in the order of trying. May be the same array. */
  order<T>(upstreams: readonly T[]): readonly T[];
}

export type PolicyName = 'random' | 'round_robin' | 'sequential';

/** A random permutation (Fisher-Yates). */
const randomPolicy = (random: () => number): Policy => ({
  name: 'random',
  order: <T>(upstreams: readonly T[]): readonly T[] => {
    if (upstreams.length === 1) return upstreams;
    const order = upstreams.slice();
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      const swapped = order[i] as T;
      order[i] = order[j] as T;
      order[j] = swapped;
    }
    return order;
  },
});

/** Each query starts one further; the rest follow in the order of the Corefile. The first query starts at the second upstream, as in CoreDNS. */
const roundRobinPolicy = (): Policy => {
  let turn = 0;
  return {
    name: 'round_robin',
    order: <T>(upstreams: readonly T[]): readonly T[] => {
      if (upstreams.length === 1) return upstreams;
      turn = (turn + 1) % upstreams.length;
      const first = upstreams[turn] as T;
      const order = [first];
      for (let i = 0; i < upstreams.length; i++) if (i !== turn) order.push(upstreams[i] as T);
      return order;
    },
  };
};

const SEQUENTIAL: Policy = { name: 'sequential', order: (upstreams) => upstreams };

/** A policy by its name in the Corefile. `random` is uniform in [0, 1). */
export const makePolicy = (name: PolicyName, random: () => number): Policy => {
  if (name === 'round_robin') return roundRobinPolicy();
  return name === 'sequential' ? SEQUENTIAL : randomPolicy(random);
};
