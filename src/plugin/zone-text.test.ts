import { describe, expect, it } from 'vitest';
import { Faults, type Token } from '#corefile/tree.ts';
import { nameFromText, textFromName } from '#dns/name.ts';
import { readZoneText } from './zone-text.ts';
import { fallthroughZones, zonesFromArgs } from './zones.ts';

const words = (...texts: readonly string[]): Token[] =>
  texts.map((text, i) => ({ text, file: 'Corefile', line: 1, column: 1 + i, isQuoted: false, via: null }));

describe('a word that names a zone', () => {
  it('is split into transport, zones and port', () => {
    const read = readZoneText('tls://Example.org:853');
    expect(read).toEqual({ transport: 'tls', zones: [nameFromText('example.org.')], port: 853 });
    expect(readZoneText('example.org')).toMatchObject({ transport: 'dns', port: null });
  });

  it('says what is wrong with it', () => {
    expect(readZoneText('')).toBe('expecting data after last colon: ""');
    expect(readZoneText('a..b')).toBe('zone is not a valid domain name: a..b');
  });
});

describe('zones of a directive', () => {
  const block = [nameFromText('a.'), nameFromText('b.')];

  it('are those of the server block where none are named', () => {
    expect(zonesFromArgs([], block, new Faults())).toEqual(block);
  });

  it('are those named, prefixes as reverse zones; what is none is passed over with a warning', () => {
    const faults = new Faults();
    const zones = zonesFromArgs(words('C.org', 'a..b', '10.0.0.0/15'), block, faults);
    expect(zones.map(textFromName)).toEqual(['c.org.', '0.10.in-addr.arpa.', '1.10.in-addr.arpa.']);
    expect(faults.list).toEqual([]);
    expect(faults.warnings.map(({ token }) => token?.text)).toEqual(['a..b']);
  });

  it('are all names for a bare fallthrough', () => {
    expect(fallthroughZones([], new Faults()).map(textFromName)).toEqual(['.']);
    expect(fallthroughZones(words('ip6.arpa'), new Faults()).map(textFromName)).toEqual(['ip6.arpa.']);
  });
});
