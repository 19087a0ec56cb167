import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  firstLabel,
  foldName,
  isWithin,
  labelCount,
  labelsBelow,
  labelsOf,
  longestMatch,
  NameError,
  nameFromText,
  parentOf,
  prependLabels,
  ROOT,
  textFromName,
  tryNameFromText,
  type WireName,
  wireNameFromText,
} from './name.ts';
import { arbitraryName } from './testing/arbitrary.ts';

const wire = (octets: string): WireName => octets as WireName;

describe('a name', () => {
  it.each([
    ['www.example.org', '\x03www\x07example\x03org\0', 'www.example.org.'],
    ['a\\.b.c.', '\x03a.b\x01c\0', 'a\\.b.c.'],
    ['\\097\\000\\255.', '\x03a\0\xff\0', 'a\\000\\255.'],
    ['\\\\.x', '\x01\\\x01x\0', '\\\\.x.'],
    ['a\\ b\\;\\"\\(\\)\\@.', '\x08a b;"()@\0', 'a\\ b\\;\\"\\(\\)\\@.'],
    ['é.', '\x02\xc3\xa9\0', '\\195\\169.'],
    ['*._tcp.x.', '\x01*\x04_tcp\x01x\0', '*._tcp.x.'],
    ['.', '\0', '.'],
    ['', '\0', '.'],
  ])('reads %j and writes it back canonically', (text, octets, canonical) => {
    expect(wireNameFromText(text)).toBe(octets);
    expect(textFromName(wire(octets))).toBe(canonical);
  });

  it.each([
    ['a..b', 'empty label'],
    ['.a', 'empty label'],
    ['..', 'empty label'],
    ['a\\', 'lone backslash'],
    ['\\256.', 'escape above \\255'],
    [`${'a'.repeat(64)}.`, 'label of more than 63 octets'],
    [`${'é'.repeat(32)}.`, 'label of more than 63 octets'],
    [`${'a'.repeat(63)}.`.repeat(4), 'longer than 255 octets'],
  ])('is not %j', (text, reason) => {
    expect(() => wireNameFromText(text)).toThrow(NameError);
    expect(() => wireNameFromText(text)).toThrow(reason);
    expect(tryNameFromText(text)).toBeNull();
  });

  it('may have labels of 63 octets and 255 octets in all', () => {
    const longest = `${`${'a'.repeat(63)}.`.repeat(3)}${'b'.repeat(61)}.`;
    expect(wireNameFromText(longest)).toHaveLength(255);
    expect(() => wireNameFromText(`b${longest.slice(63)}${longest.slice(0, 63)}b.`)).toThrow(NameError);
  });

  it('comes back from its text whatever its octets', () => {
    fc.assert(fc.property(arbitraryName, (name) => wireNameFromText(textFromName(name)) === name));
  });

  it('is folded in A-Z only, octets outside ASCII stay', () => {
    const all = Array.from({ length: 256 }, (_, octet) => String.fromCharCode(octet));
    for (const octet of all) {
      const expected = octet >= 'A' && octet <= 'Z' ? octet.toLowerCase() : octet;
      expect(foldName(wire(`\x01${octet}\0`))).toBe(`\x01${expected}\0`);
    }
    expect(nameFromText('WwW.ExAmPlE')).toBe('\x03www\x07example\0');
  });

  it('gives its labels', () => {
    const name = nameFromText('a.b\\.c.d.');
    expect(labelsOf(name)).toEqual(['a', 'b.c', 'd']);
    expect(labelCount(name)).toBe(3);
    expect(firstLabel(name)).toBe('a');
    expect(parentOf(name)).toBe(nameFromText('b\\.c.d.'));
    expect(labelsBelow(name, nameFromText('d.'))).toEqual(['a', 'b.c']);
    expect([labelsOf(ROOT), labelCount(ROOT), firstLabel(ROOT), parentOf(ROOT)]).toEqual([[], 0, '', ROOT]);
  });

  it('is within a zone by whole labels, not by octets', () => {
    const zone = nameFromText('example.org.');
    expect(isWithin(zone, zone)).toBe(true);
    expect(isWithin(nameFromText('a.example.org.'), zone)).toBe(true);
    expect(isWithin(nameFromText('org.'), zone)).toBe(false);
    expect(isWithin(nameFromText('anexample.org.'), zone)).toBe(false);
    expect(isWithin(nameFromText('x.'), ROOT)).toBe(true);
    // The label's last octets are those of the zone, length octet included.
    expect(isWithin(nameFromText('x\\007example\\003org.'), nameFromText('example.org.'))).toBe(false);
    expect(isWithin(nameFromText('a.\\001b.'), nameFromText('b.'))).toBe(false);
  });

  it('matches the longest of several zones', () => {
    const zones = ['.', 'org.', 'example.org.'].map(nameFromText);
    expect(longestMatch(nameFromText('a.example.org.'), zones)).toBe(zones[2]);
    expect(longestMatch(nameFromText('com.'), zones)).toBe(ROOT);
    expect(longestMatch(nameFromText('com.'), zones.slice(1))).toBeNull();
  });

  it('takes labels in front while they fit', () => {
    expect(prependLabels(['a.b', 'c'], nameFromText('d.'))).toBe(nameFromText('a\\.b.c.d.'));
    expect(() => prependLabels([''], ROOT)).toThrow(NameError);
    expect(() => prependLabels(['a'.repeat(64)], ROOT)).toThrow(NameError);
    expect(() => prependLabels(Array(128).fill('a'), ROOT)).toThrow(NameError);
    expect(prependLabels(Array(127).fill('a'), ROOT)).toHaveLength(255);
  });
});
