import fc from 'fast-check';

/** Any of some values. */
export const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

/** Mostly the first one. */
export const mostly = <T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: pick(...others) });

/** Few enough that objects meet. */
export const namespace = mostly('default', 'shop');
export const serviceName = pick('a', 'b', 'c');

/** The node that a random cluster is seen from. */
export const RANDOM_NODE = 'here';
