import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rdataFromText, rdataToText } from './codec.ts';
import { RDATA_LAYOUT } from './rdata-layout.ts';
import { recordCodec } from './rdata-packet.ts';
import { ResourceRecord } from './record.ts';
import { recordFromText, recordToText } from './record-text.ts';
import { RR_TYPE, type RrTypeName, rrTypeNumber } from './registry/rr-types.ts';
import { arbitraryName } from './testing/arbitrary.ts';
import { splitFields } from './text-fields.ts';

/** Lines that must come back as they are: `TYPE rdata`. */
const CANONICAL = [
  'A 192.0.2.1',
  'AAAA 2001:db8::1',
  'AAAA ::ffff:192.0.2.1',
  'NS a\\.b.example.',
  'CNAME \\000\\255\\ x.example.',
  'SOA ns.example. host\\.master.example. 1 7200 1800 86400 30',
  'PTR www.example.',
  'HINFO "ANY obsoleted" "See RFC 8482"',
  'MINFO a. b.',
  'MX 10 mail.example.',
  'TXT "a" "b c" "\\"q\\" \\\\ \\200\\255"',
  'RP mbox.example. txt.example.',
  'AFSDB 1 afs.example.',
  'X25 "311061700956"',
  'ISDN "150862028003217" "004"',
  'RT 10 relay.example.',
  'KEY 256 3 5 AQPSKmynfw==',
  'PX 10 a.example. b.example.',
  'SRV 0 100 443 kube\\.rnetes.default.svc.cluster.local.',
  'NAPTR 100 50 "s" "z3950+I2L+I2C" "\\195\\164" _z3950._tcp.gatech.edu.',
  'KX 10 kx.example.',
  'CERT 1 2 3 AQID',
  'DNAME target.example.',
  'DS 60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118',
  'SSHFP 2 1 123456789abcdef67890123456789abcdef67890',
  'RRSIG TYPE65280 5 3 86400 20030322173103 20030220173103 2642 a\\.b.example. oJB1W6WN',
  'RRSIG A 5 3 86400 20030322173103 20030220173103 2642 example. oJB1W6WN',
  'NSEC host\\.x.example. A MX RRSIG NSEC HTTPS TYPE1234',
  'DNSKEY 256 3 5 AQPSKmynfzW4',
  'DHCID AAIBY2Y=',
  'NSEC3 1 1 12 aabbccdd 2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG',
  'NSEC3 1 1 12 - 2vptu5timamqttgl4luu9kg21e0aor3s',
  'TLSA 3 1 1 d2abde240d7cd3ee6b4b28c54df034b9',
  'SMIMEA 3 1 1 d2abde240d7cd3ee6b4b28c54df034b9',
  'CDS 0 0 0 00',
  'CDNSKEY 0 3 0 AA==',
  'OPENPGPKEY AQID',
  'ZONEMD 2018031500 1 1 feb7',
  'URI 10 1 "ftp://ftp1.example.com/public"',
  'CAA 0 "issue" "ca.example.net; \\195"',
  'SVCB \\# 4 00010000',
  'HTTPS \\# 0',
  'EUI48 \\# 6 00005e005300',
  'TYPE65280 \\# 3 010203',
  'A \\# 3 010203',
  'SRV \\# 2 0001',
  'TXT \\# 2 0541',
];

describe('RDATA in text', () => {
  it.each(CANONICAL)('reads and writes `%s`', (line) => {
    const [type, ...rest] = line.split(' ');
    const number = rrTypeNumber(type as string) as number;
    expect(rdataToText(number, rdataFromText(number, splitFields(rest.join(' '))))).toBe(rest.join(' '));
  });

  it.each([
    ['SRV 0 100 443', 'RDATA has 3 words, expected more'],
    ['SRV 0 100 443 a. b.', 'RDATA has 5 words, expected 4'],
    ['SRV 0 100 65536 a.', '"65536" is not a number from 0 to 65535'],
    ['A 1.2.3', '"1.2.3" is not the address of an A'],
    ['A ::1', '"::1" is not the address of an A'],
    ['A', '"" is not the address of an A'],
    ['MX 10 a..b.', '"a..b." has an empty label'],
    ['TXT "open', 'a quoted string has no closing quote'],
    [`TXT ${'a'.repeat(256)}`, 'a character-string has more than 255 octets'],
    ['TXT \\256', 'escape \\256 is above \\255'],
    ['HTTPS 1 . alpn=h2', 'RDATA of HTTPS is written as \\# LENGTH HEX'],
    ['A \\# 4 0102', '\\# announces 4 octets and has 2'],
    ['DS 1 2 3 0g', '"0g" is not hex'],
    ['DNSKEY 256 3 5 A', '"A" is not base64'],
    ['SSHFP 2 1 1234', 'not the RDATA of SSHFP: Invalid fingerprint length'],
    ['NSEC a. FOO', '"FOO" is not a record type'],
    ['NSEC3 1 1 1 - !', '"!" is not base32'],
  ])('refuses `%s` and says why', (line, message) => {
    const [type, ...rest] = line.split(' ');
    expect(() => rdataFromText(rrTypeNumber(type as string) as number, splitFields(rest.join(' ')))).toThrow(message);
  });

  it('writes an NSEC3 whose hash has no octets as octets', () => {
    expect(rdataToText(RR_TYPE.NSEC3, Buffer.alloc(6))).toBe('\\# 6 000000000000');
  });

  it.each(Object.keys(RR_TYPE) as RrTypeName[])('writes any octets of a %s so that they read back the same', (type) => {
    const number = RR_TYPE[type];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        const record = new ResourceRecord('\x01a\0' as ResourceRecord['owner'], number, 5, octets);
        const text = recordToText(record);
        expect(recordFromText(text)).toEqual({ ...record, rdata: Buffer.from(octets) });
      }),
    );
  });

  it('keeps every octet of the names in RDATA', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...RDATA_LAYOUT.keys()),
        fc.array(arbitraryName, { minLength: 3, maxLength: 3 }),
        (type, names) => {
          const parts = (RDATA_LAYOUT.get(type) ?? []).map((step, index) =>
            step === 'name'
              ? names[index % 3]
              : step === 'string'
                ? '\x02a\xff'
                : step === 'rest'
                  ? '\0\x01\x40'
                  : '\x01'.repeat(step),
          );
          const rdata = Buffer.from(parts.join(''), 'latin1');
          expect(rdataFromText(type, splitFields(rdataToText(type, rdata)))).toEqual(rdata);
        },
      ),
    );
  });

  it('agrees with dns-packet where that loses nothing', () => {
    const cases: [RrTypeName, unknown, string][] = [
      ['MX', { preference: 10, exchange: 'mail.example' }, '10 mail.example.'],
      ['SRV', { priority: 1, weight: 2, port: 3, target: 'a.example' }, '1 2 3 a.example.'],
      ['HINFO', { cpu: 'ARM', os: 'Linux' }, '"ARM" "Linux"'],
      ['CAA', { flags: 128, tag: 'issue', value: 'ca' }, '128 "issue" "ca"'],
      ['RP', { mbox: 'm.example', txt: 't.example' }, 'm.example. t.example.'],
      ['CNAME', 'c.example', 'c.example.'],
      [
        'NAPTR',
        { order: 1, preference: 2, flags: 'S', services: 'SIP+D2U', regexp: '', replacement: 'r.example' },
        '1 2 "S" "SIP+D2U" "" r.example.',
      ],
      [
        'SOA',
        { mname: 'ns.example', rname: 'h.example', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 5 },
        'ns.example. h.example. 1 2 3 4 5',
      ],
    ];
    for (const [type, value, text] of cases)
      expect(rdataToText(RR_TYPE[type], recordCodec(type).encode(value).subarray(2))).toBe(text);
  });
});
