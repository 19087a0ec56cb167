import { describe, expect, it } from 'vitest';
import { Faults, type Token } from '#corefile/tree.ts';
import { textFromName } from '#dns/name.ts';
import { readZoneKeys } from './zone-keys.ts';

const keyToken = (text: string): Token => ({ text, file: 'Corefile', line: 1, column: 1, isQuoted: false, via: null });
const ALL = ['dns', 'tls', 'quic', 'grpc', 'https', 'https3'];

const read = (text: string, transports: readonly string[] = ALL) => {
  const faults = new Faults();
  const keys = readZoneKeys(keyToken(text), 1053, faults, transports);
  return {
    keys: keys.map(({ transport, zone, port }) => `${transport}://${textFromName(zone)}:${port}`),
    faults: faults.list.map(({ message }) => message),
    hints: faults.list.map(({ hint }) => hint),
  };
};

describe('a key of a server block', () => {
  it.each([
    ['.', 'dns://.:1053'],
    ['EXAMPLE.org', 'dns://example.org.:1053'],
    ['example.org.:5353', 'dns://example.org.:5353'],
    ['dns://a', 'dns://a.:1053'],
    ['tls://a', 'tls://a.:853'],
    ['quic://a', 'quic://a.:853'],
    ['grpc://a', 'grpc://a.:443'],
    ['https://a:8443', 'https://a.:8443'],
    ['https3://a', 'https3://a.:443'],
    ['a:b', 'dns://a:b.:1053'],
    ['DNS://a', 'dns://dns://a.:1053'],
    ['10.0.0.0/8:53', 'dns://10.in-addr.arpa.:53'],
    ['10.1.2.3/32', 'dns://3.2.1.10.in-addr.arpa.:1053'],
    ['192.168.5.9/16', 'dns://168.192.in-addr.arpa.:1053'],
    ['2001:db8::/32', 'dns://8.b.d.0.1.0.0.2.ip6.arpa.:1053'],
    ['fd00::/8', 'dns://d.f.ip6.arpa.:1053'],
  ])('%s is %s', (text, key) => {
    expect(read(text)).toMatchObject({ keys: [key], faults: [] });
  });

  it('becomes several zones where a prefix is not on a label boundary', () => {
    expect(read('192.168.0.0/23').keys).toEqual([
      'dns://0.168.192.in-addr.arpa.:1053',
      'dns://1.168.192.in-addr.arpa.:1053',
    ]);
    expect(read('10.0.0.0/17').keys).toHaveLength(128);
  });

  it.each([
    [':1053', 'error inspecting server blocks: zone is not a valid domain name: '],
    ['a:', 'error inspecting server blocks: expecting data after last colon: "a:"'],
    ['dns://', 'error inspecting server blocks: expecting data after last colon: ""'],
    ['a..b', 'error inspecting server blocks: zone is not a valid domain name: a..b'],
    [`${'a'.repeat(64)}.b`, `error inspecting server blocks: zone is not a valid domain name: ${'a'.repeat(64)}.b`],
    ['a.'.repeat(128), 'error inspecting server blocks: specified zone is too long: 256 > 255'],
    ['0::/8', 'error inspecting server blocks: invalid CIDR 0::/8'],
    ['::1/128', 'error inspecting server blocks: invalid CIDR ::1/128'],
    ['.:65536', 'address 65536: invalid port'],
    ['.:-1', 'address -1: invalid port'],
  ])('%s is refused', (text, message) => {
    expect(read(text)).toMatchObject({ keys: [], faults: [message] });
  });

  it('names the mend for a port without a zone', () => {
    expect(read(':1053').hints).toEqual(['name the zone, "." for all names: .:1053']);
  });

  it('is refused where no listener speaks its protocol', () => {
    expect(read('tls://a', ['dns']).faults).toEqual(["transport 'tls://' is not served"]);
    expect(read('unix://a').faults).toEqual(["transport 'unix://' is not served"]);
  });
});
