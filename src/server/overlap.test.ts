import { describe, expect, it } from 'vitest';
import { parseCorefile } from '#corefile/parser.ts';
import { findOverlaps, hasPreferredSyntax, zoneWarnings } from './overlap.ts';
import { readZoneKeys } from './zone-keys.ts';

/** Faults of blocks, one a line: keys, then ` on ` and the hosts it is bound to. */
const overlaps = (...lines: readonly string[]): string[] => {
  const text = lines.map((line) => `${line.split(' on ')[0]} {\n}\n`).join('');
  const { corefile, faults } = parseCorefile({ file: 'Corefile', text });
  const blocks = corefile.blocks.map(({ keys }, i) => ({
    keys: keys.flatMap((key) => readZoneKeys(key, 53, faults)),
    hosts: lines[i]?.split(' on ')[1]?.split(' ') ?? [''],
    token: keys[0] ?? null,
  }));
  findOverlaps(blocks, faults);
  return faults.list.map(({ message, token, hint }) => `${token?.line}:${token?.column} ${message} (${hint})`);
};

describe('zones that are served twice', () => {
  it('are refused on the same port and address, at the second key', () => {
    expect(overlaps('a b', 'c A')).toEqual([
      '3:3 cannot serve dns://a.:53 - it is already defined (first defined at Corefile:1:1)',
    ]);
    expect(overlaps('. on 127.0.0.1', '. on 127.0.0.2 127.0.0.1')).toEqual([
      '3:1 cannot serve dns://.:53 on 127.0.0.1 - it is already defined (first defined at Corefile:1:1)',
    ]);
  });

  it('are refused within one block', () => {
    expect(overlaps('a a')).toHaveLength(1);
  });

  it('are refused on one address and on all, in either order', () => {
    expect(overlaps('.', '. on 127.0.0.1')).toEqual([
      '3:1 cannot serve dns://.:53 on 127.0.0.1 - zone overlap listener capacity with dns://.:53 (first defined at Corefile:1:1)',
    ]);
    expect(overlaps('. on 127.0.0.1', '.')).toEqual([
      '3:1 cannot serve dns://.:53 - zone overlap listener capacity with dns://.:53 on 127.0.0.1 (first defined at Corefile:1:1)',
    ]);
  });

  it('are all reported', () => {
    expect(overlaps('a b c', 'a b c')).toHaveLength(3);
  });

  it('may differ in zone, port or address', () => {
    expect(overlaps('.', '.:54', 'a', 'b on 127.0.0.1', 'b on 127.0.0.2')).toEqual([]);
  });
});

describe('the preferred syntax of zones', () => {
  it.each(['.', 'example.org.', 'a-1.b.', '10.in-addr.arpa.', '8.b.d.0.1.0.0.2.ip6.arpa.'])('%s follows it', (zone) => {
    expect(hasPreferredSyntax(zone)).toBe(true);
    expect(zoneWarnings(zone)).toEqual([]);
  });

  it.each(['_tcp.a.', '1a.b.', 'a-.b.', 'dns://a.', 'a,b.'])('%s does not, and is warned of', (zone) => {
    expect(zoneWarnings(zone)).toEqual([`Warning: Domain "${zone}" does not follow RFC1035 preferred syntax`]);
  });
});
