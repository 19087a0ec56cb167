/** Small tables of CoreDNS's helper packages that our own helpers answer for: names, reverse names, RCODEs, EDNS options. */
import { addressText } from '#dns/address.ts';
import { ECHOED_OPTIONS } from '#dns/edns.ts';
import {
  isWithin,
  labelsBelow,
  type Name,
  nameFromText,
  textFromName,
  tryNameFromText,
  wireNameFromText,
} from '#dns/name.ts';
import { recordFromText } from '#dns/record-text.ts';
import { EDNS_OPTION } from '#dns/registry/edns-options.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { addressFromReverseName } from '#dns/reverse.ts';
import { type Adapter, type Outcome, tablesOf } from '../adapter.ts';

type Case = Readonly<Record<string, unknown>>;
/** Found and expected of one row, or the reason why the row is passed over. */
type Check = (row: Case) => readonly [found: unknown, expected: unknown] | string;

const IN_ADDR = nameFromText('in-addr.arpa.');
const IP6 = nameFromText('ip6.arpa.');

/** 1 for a name in in-addr.arpa, 2 for one in ip6.arpa, as CoreDNS counts them. */
const reverseFamily = (name: Name): number => (isWithin(name, IN_ADDR) ? 1 : isWithin(name, IP6) ? 2 : 0);

/** Octets on the wire of an option, by the fields that Go's struct for it has. */
const optionCode = (option: Case): number => {
  if ('Nsid' in option) return EDNS_OPTION.NSID;
  if ('Expire' in option) return EDNS_OPTION.EXPIRE;
  if ('Cookie' in option) return EDNS_OPTION.COOKIE;
  if ('Timeout' in option) return EDNS_OPTION.TCP_KEEPALIVE;
  return 'Padding' in option ? EDNS_OPTION.PADDING : Number(option.Code);
};

const CHECKS: Readonly<Record<string, Check>> = {
  TestDuplicateCNAME: ({ cname, records, expected }) => {
    const same = (text: string): string => {
      const { owner, type, rdata } = recordFromText(text);
      return `${textFromName(owner)} ${type} ${Buffer.from(rdata).toString('hex')}`.toLowerCase();
    };
    return [(records as string[]).some((record) => same(record) === same(cname as string)), expected];
  },
  TestJoin: ({ in: labels, out }) => [
    textFromName(wireNameFromText((labels as string[]).filter((label) => label !== '.').join('.'))),
    out,
  ],
  TestExtractAddressFromReverse: ({ reverseName, expectedAddress }) => {
    const name = tryNameFromText(reverseName as string);
    const address = name === null ? null : addressFromReverseName(name);
    return [address === null ? '' : addressText(address), expectedAddress];
  },
  TestIsReverse: ({ name, expected }) => [reverseFamily(nameFromText(name as string)), expected],
  TestTrimZone: ({ qname, zone, expected, err }) => {
    const [name, apex] = [nameFromText(qname as string), nameFromText(zone as string)];
    // At or above the apex nothing is left over, which Go's helper makes an error.
    const below = isWithin(name, apex) ? labelsBelow(name, apex).join('.') : '';
    return [
      [below, below === ''],
      [expected, err !== null],
    ];
  },
  TestSupportedOptions: ({ options, expected }) => [
    (options as Case[]).filter((option) => ECHOED_OPTIONS.has(optionCode(option))).length,
    expected,
  ],
  TestToString: ({ in: rcode, expected }) => [rcodeName(rcode as number), expected],
};

const adapter: Adapter = {
  files: ['pkg-dnsutil.json', 'request.json', 'pkg-rcode.json'],
  replay: async (file, data) =>
    tablesOf(data).flatMap((table) =>
      table.cases.map((row, index): Outcome => {
        const name = `${file}: ${table.test} ${index}`;
        const checked = CHECKS[table.test]?.(row) ?? 'no check for this table';
        if (typeof checked === 'string') return { name, result: 'fail', reason: checked };
        const [found, expected] = checked.map((value) => JSON.stringify(value));
        return found === expected
          ? { name, result: 'pass' }
          : { name, result: 'fail', reason: `found ${found}, expected ${expected}` };
      }),
    ),
};
export default adapter;
