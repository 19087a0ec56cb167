import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Endpoint, ServicePort } from '../../model/service-port.ts';
import { withSlots } from './slots.ts';

const port = (clusterEndpoints: readonly Endpoint[]): ServicePort =>
  ({ clusterEndpoints, localEndpoints: [] }) as unknown as ServicePort;
const endpoints = (text: string): readonly Endpoint[] =>
  [...text].map((name) => ({ address: name, port: 80, isLocal: false }));
const slots = (before: string, after: string): string =>
  withSlots(port(endpoints(before)), port(endpoints(after)))
    .clusterEndpoints.map(({ address }) => address)
    .join('');

describe('withSlots', () => {
  it.each([
    ['abcd', 'acd', 'adc'],
    ['abcd', 'abc', 'abc'],
    ['abcd', 'd', 'd'],
    ['ab', 'abc', 'abc'],
    ['bc', 'abc', 'bca'],
    ['abc', 'axc', 'axc'],
    ['abc', 'xyz', 'xyz'],
    ['abcde', 'bdx', 'xbd'],
    ['', 'ab', 'ab'],
    ['ab', '', ''],
  ])('%s becomes %s in the slots %s', (before, after, expected) => expect(slots(before, after)).toBe(expected));

  it('moves no endpoint that can stay, and forgets none', () => {
    const names = fc.uniqueArray(fc.constantFrom(...'abcdefghij')).map((all) => all.join(''));
    fc.assert(
      fc.property(names, names, (before, after) => {
        const result = slots(before, after);
        expect([...result].sort()).toEqual([...after].sort());
        // Who stays below the new number of endpoints stays in its slot.
        for (const [slot, name] of [...before].entries()) {
          if (slot < after.length && after.includes(name)) expect(result[slot]).toBe(name);
        }
      }),
    );
  });

  it('tells endpoints of one address by their ports', () => {
    const at = (...ports: readonly number[]): readonly Endpoint[] =>
      ports.map((number) => ({ address: 'a', port: number, isLocal: false }));
    const { clusterEndpoints } = withSlots(port(at(1, 2, 3)), port(at(2, 3)));
    expect(clusterEndpoints.map((endpoint) => endpoint.port)).toEqual([3, 2]);
  });

  it('gives the same object where the order is that of the list', () => {
    const after = port(endpoints('abc'));
    expect(withSlots(port(endpoints('ab')), after)).toBe(after);
  });
});
