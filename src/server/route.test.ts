import { describe, expect, it } from 'vitest';
import { nameFromText } from '#dns/name.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { route } from './route.ts';

const zones = new Map(['example.org.', 'sub.example.org.', '.'].map((zone) => [nameFromText(zone), zone]));
const routed = (name: string, type: number = RR_TYPE.A): string | null => route(zones, nameFromText(name), type);

describe('routing to a server block', () => {
  it('takes the longest zone that the name is in', () => {
    expect(routed('a.sub.example.org.')).toBe('sub.example.org.');
    expect(routed('sub.example.org.')).toBe('sub.example.org.');
    expect(routed('a.example.org.')).toBe('example.org.');
    expect(routed('notexample.org.')).toBe('.');
    expect(routed('.')).toBe('.');
  });

  it('sends DS for a zone to its parent where both are here', () => {
    expect(routed('sub.example.org.', RR_TYPE.DS)).toBe('example.org.');
    expect(routed('example.org.', RR_TYPE.DS)).toBe('example.org.');
    const two = new Map(
      [
        ['example.org.', 1],
        ['sub.example.org.', 2],
      ].map(([zone, site]) => [nameFromText(zone as string), site]),
    );
    expect(route(two, nameFromText('sub.example.org.'), RR_TYPE.DS)).toBe(1);
  });

  it('finds nothing where no zone holds the name', () => {
    expect(route(new Map([[nameFromText('example.org.'), 1]]), nameFromText('example.com.'), RR_TYPE.A)).toBeNull();
  });
});
