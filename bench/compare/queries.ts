/** Random queries around the names that are there: right, misspelled, deeper, shorter, in odd case, with odd labels. */

import { addressFromText } from '#dns/address.ts';
import { FLAG } from '#dns/decode.ts';
import type { EdnsOption } from '#dns/edns.ts';
import { encodeMessage } from '#dns/encode.ts';
import { foldName, labelsOf, MAX_NAME_OCTETS, textFromName, type WireName, wireNameFromText } from '#dns/name.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { EDNS_OPTION } from '#dns/registry/edns-options.ts';
import { RR_TYPE, type RrTypeName } from '#dns/registry/rr-types.ts';
import { reverseNameOf } from '#dns/reverse.ts';
import { CLUSTER_OBJECTS } from './cluster-objects.ts';
import type { Random } from './random.ts';

/** A query with what of it is told in a difference. */
export interface ComparedQuery {
  readonly bytes: Buffer;
  readonly transport: 'udp' | 'tcp';
  readonly name: WireName;
  readonly type: number;
  readonly class: number;
  readonly opcode: number;
  readonly flags: number;
  readonly udpSize: number | null;
  readonly version: number;
  readonly isDnssecOk: boolean;
  readonly options: readonly EdnsOption[];
  /** What was done to the octets, '' for nothing. */
  readonly oddity: Oddity;
}

const TYPES: readonly (readonly [number, number])[] = (
  [
    [30, 'A'],
    [16, 'AAAA'],
    [14, 'SRV'],
    [9, 'PTR'],
    [5, 'TXT'],
    [4, 'SOA'],
    [4, 'NS'],
    [4, 'CNAME'],
    [3, 'MX'],
    [3, 'ANY'],
    [3, 'HTTPS'],
    ...(
      ['SVCB', 'DS', 'DNSKEY', 'CAA', 'NAPTR', 'HINFO', 'DNAME', 'NSEC', 'RRSIG', 'AXFR', 'IXFR', 'TLSA'] as const
    ).map((type) => [0.6, type] as const),
  ] as readonly (readonly [number, RrTypeName])[]
)
  .map(([weight, type]): readonly [number, number] => [weight, RR_TYPE[type]])
  .concat([0, 3, 10, 99, 253, 254, 65_280, 65_535].map((type) => [0.3, type] as const));

const CLASSES = [
  [96, CLASS.IN],
  [1, CLASS.CH],
  [1, 4],
  [0.5, 254],
  [1, 255],
  [0.5, 0],
] as const;

type Oddity =
  | ''
  | 'octets behind'
  | 'no question'
  | 'two questions'
  | 'cut short'
  | 'Z'
  | 'TC'
  | 'AA'
  | 'RCODE'
  | 'opcode';
const ODDITIES: readonly Oddity[] = [
  ...(['octets behind', 'no question', 'two questions', 'cut short'] as const),
  ...(['Z', 'TC', 'AA', 'RCODE', 'opcode'] as const),
];

/** Names that lead somewhere, as text. */
export const knownNames = (): readonly string[] => {
  const names = new Set<string>();
  const zones = ['cluster.local.', 'other.test.'];
  const addNamed = (name: string): void => {
    for (const zone of name.startsWith('.') ? [] : zones) names.add(`${name}.${zone}`);
  };
  for (const { object } of CLUSTER_OBJECTS) {
    const { name, namespace = '' } = object.metadata;
    const { kind, spec = {}, endpoints = [], ports = [] } = object as unknown as LooseObject;
    if (kind === 'Namespace') for (const place of ['svc', 'pod']) addNamed(`${name}.${place}`);
    if (kind === 'Service') {
      addNamed(`${name}.${namespace}.svc`);
      for (const port of (spec.ports ?? []).slice(0, 3))
        addNamed(
          `_${port.name ?? ''}._${(port.protocol ?? 'TCP').toLowerCase()}.${name}.${namespace}.svc`.replace(
            '_._',
            '_x._',
          ),
        );
      for (const address of spec.clusterIPs ?? []) if (address !== 'None') addAddress(names, address);
    }
    if (kind === 'EndpointSlice') {
      const of = (object.metadata.labels as Record<string, string>)['kubernetes.io/service-name'];
      for (const { addresses, hostname, targetRef } of endpoints.slice(0, 4)) {
        const [address = ''] = addresses;
        for (const label of [hostname, targetRef?.name, dashed(address)])
          if (label !== undefined) addNamed(`${label}.${of}.${namespace}.svc`);
        for (const port of ports.slice(0, 1)) addNamed(`_${port.name}._tcp.${of}.${namespace}.svc`);
        addAddress(names, address);
      }
    }
    if (kind === 'Pod') {
      const { podIP } = (object as unknown as { status: { podIP: string } }).status;
      addNamed(`${dashed(podIP)}.${namespace}.pod`);
    }
  }
  for (const zone of [...zones, ''])
    for (const label of ['', 'svc.', 'pod.', 'dns-version.', 'ns.dns.', 'dns.']) names.add(label + zone);
  for (const name of ['1-2-3-4.default.pod', '1-2-3-4.shop.pod', 'fd00--1.shop.pod', '1-2-3.shop.pod']) addNamed(name);
  for (const name of ['in-addr.arpa.', 'ip6.arpa.', '96.10.in-addr.arpa.', '10.in-addr.arpa.', 'arpa.', 'test.'])
    names.add(name);
  addAddress(names, '198.51.100.7');
  addAddress(names, '8.8.8.8');
  for (const label of UPSTREAM_LABELS) names.add(`${label}.up.test.`);
  names.delete('');
  return [...names];
};

/** What the upstream knows, upstream.ts. */
export const UPSTREAM_LABELS = [
  ...['a', 'alias', 'missing', 'nodata', 'refused', 'servfail', 'notimp', 'large', 'authoritative', 'authentic'],
  ...['delegated', 'badvers', 'options', 'forgetful', 'zero', 'far', 'soaless', 'truncated', 'mixed'],
] as const;

interface LooseObject {
  readonly kind: string;
  readonly spec?: { readonly ports?: readonly LoosePort[]; readonly clusterIPs?: readonly string[] };
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly hostname?: string;
    readonly targetRef?: { readonly name: string };
  }[];
  readonly ports?: readonly LoosePort[];
}
interface LoosePort {
  readonly name?: string;
  readonly protocol?: string;
}

const dashed = (address: string): string => {
  const label = address.replaceAll(/[.:]/g, '-');
  return label.endsWith('-') ? `${label}0` : label;
};

const addAddress = (names: Set<string>, address: string): void => {
  names.add(textFromName(reverseNameOf(addressFromText(address) as Uint8Array)));
};

const ODD_LABELS = [
  '*',
  'any',
  '_',
  '_tcp',
  '_udp',
  'svc',
  'pod',
  '-',
  'x.y',
  '\xff\0',
  ' ',
  'A',
  'endpoint',
  'n'.repeat(63),
  '\\',
  '@',
  '1',
];

/** Makes queries; the same numbers make the same ones. */
export class QueryMaker {
  readonly #random: Random;
  readonly #known: readonly WireName[];

  constructor(random: Random) {
    this.#random = random;
    this.#known = knownNames().map(wireNameFromText);
  }

  next(): ComparedQuery {
    const random = this.#random;
    const known = random.pick(this.#known);
    const name = random.is(55) ? known : this.#changed(known);
    const isReverse = name.endsWith('\x04arpa\0');
    const type = isReverse && random.is(60) ? RR_TYPE.PTR : random.weighted(TYPES);
    const oddity = random.is(3) ? random.pick(ODDITIES) : '';
    const opcode = oddity === 'opcode' ? random.pick([1, 2, 4, 5, 6, 15]) : 0;
    const hasOpt = random.is(55);
    const udpSize = hasOpt ? random.pick([0, 100, 512, 512, 800, 1232, 1232, 1400, 4096, 4096, 65_535]) : null;
    const flags = (random.is(80) ? FLAG.RD : 0) | (random.is(15) ? FLAG.CD : 0) | (random.is(20) ? FLAG.AD : 0);
    const fields = {
      name: random.is(25) ? this.#respelled(name) : name,
      ...{ type, class: random.weighted(CLASSES), opcode, flags, udpSize },
      version: hasOpt && random.is(2) ? random.pick([1, 255]) : 0,
      isDnssecOk: hasOpt && random.is(30),
      options: hasOpt && random.is(25) ? this.#options() : [],
    };
    const { bytes, isBroken } = oddOctets(encode(fields, random.below(65_536)), oddity);
    return { ...fields, oddity, transport: random.is(isBroken ? 0 : 25) ? 'tcp' : 'udp', bytes };
  }

  #options(): EdnsOption[] {
    const random = this.#random;
    const octets = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => random.below(256)));
    return Array.from({ length: 1 + random.below(2) }, () =>
      random.pick<EdnsOption>([
        { code: EDNS_OPTION.NSID, data: octets(0) },
        { code: EDNS_OPTION.COOKIE, data: octets(8) },
        { code: EDNS_OPTION.COOKIE, data: octets(24) },
        { code: EDNS_OPTION.EXPIRE, data: octets(0) },
        { code: EDNS_OPTION.TCP_KEEPALIVE, data: octets(0) },
        { code: EDNS_OPTION.PADDING, data: Buffer.alloc(random.below(200)) },
        { code: 8, data: Buffer.from([0, 1, 24, 0, 192, 0, 2]) },
        { code: 65_001, data: octets(random.below(20)) },
      ]),
    ).filter(({ code }, i, all) => all.findIndex((other) => other.code === code) === i);
  }

  #changed(name: WireName): WireName {
    const labels = labelsOf(name);
    for (let count = this.#random.is(80) ? 1 : 2; count > 0; count--) this.#change(labels);
    return joined(labels) ?? name;
  }

  #change(labels: string[]): void {
    const random = this.#random;
    const at = random.below(Math.max(1, labels.length));
    const label = labels[at] ?? '';
    const place = random.below(label.length + 1);
    const ways: readonly (() => void)[] = [
      () => labels.unshift(random.pick(ODD_LABELS)),
      () => labels.splice(at, 0, random.pick(ODD_LABELS)),
      () => labels.shift(),
      () => labels.splice(at, 1),
      () => labels.splice(at, 1, random.pick(ODD_LABELS)),
      () => labels.splice(at, 1, label, label),
      () => labels.splice(at, 1, `${label.slice(0, place)}x${label.slice(place)}`),
      () => labels.splice(at, 1, label.slice(0, place) + label.slice(place + 1)),
      () => labels.splice(at, 1, label.replace(/^_/, '')),
      () => labels.splice(at, 1, `_${label}`),
      () => labels.push(...labelsOf(random.pick(this.#known)).slice(-2)),
      () => labels.reverse(),
      () => labels.unshift(...labelsOf(random.pick(this.#known)).slice(0, 2)),
    ];
    random.pick(ways)();
  }

  #respelled(name: WireName): WireName {
    const isAll = this.#random.is(30);
    return joined(
      labelsOf(name).map((label) =>
        [...label]
          .map((octet) => (/[a-z]/.test(octet) && (isAll || this.#random.is(50)) ? octet.toUpperCase() : octet))
          .join(''),
      ),
    ) as WireName;
  }
}

/** Null where no name can be made of them. */
const joined = (labels: readonly string[]): WireName | null => {
  const real = labels.filter((label) => label.length > 0 && label.length < 64);
  const wire = real.map((label) => String.fromCharCode(label.length) + label).join('');
  return wire.length < MAX_NAME_OCTETS ? (`${wire}\0` as WireName) : null;
};

const encode = (fields: Omit<ComparedQuery, 'bytes' | 'oddity' | 'transport'>, id: number): Buffer => {
  const { name, type, class: klass, flags, opcode, udpSize, version, isDnssecOk, options } = fields;
  const bytes = encodeMessage(
    {
      ...{ id, flags, opcode, rcode: 0, question: { name, type, class: klass } },
      ...{ answer: [], authority: [], additional: [] },
      opt: udpSize === null ? null : { udpSize, isDnssecOk, options },
    },
    65_535,
  );
  // Behind header and question come the OPT's root name, type, size and extended RCODE.
  if (version !== 0) bytes[12 + name.length + 4 + 6] = version;
  return bytes;
};

const oddOctets = (bytes: Buffer, oddity: Oddity): { bytes: Buffer; isBroken: boolean } => {
  const changed = (at: number, bits: number): Buffer => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] as number) | bits;
    return copy;
  };
  switch (oddity) {
    case 'octets behind':
      return { bytes: Buffer.concat([bytes, Buffer.from('behind')]), isBroken: false };
    case 'no question':
      return { bytes: Buffer.from([...bytes.subarray(0, 5), 0, ...bytes.subarray(6)]), isBroken: true };
    case 'two questions':
      return { bytes: Buffer.from([...bytes.subarray(0, 5), 2, ...bytes.subarray(6)]), isBroken: true };
    case 'cut short':
      return { bytes: bytes.subarray(0, bytes.length - 1), isBroken: true };
    case 'Z':
      return { bytes: changed(3, FLAG.Z), isBroken: false };
    case 'TC':
      return { bytes: changed(2, FLAG.TC >> 8), isBroken: false };
    case 'AA':
      return { bytes: changed(2, FLAG.AA >> 8), isBroken: false };
    case 'RCODE':
      return { bytes: changed(3, 5), isBroken: false };
    default:
      return { bytes, isBroken: false };
  }
};

/** A name as text in lower case; for telling names apart. */
export const foldedText = (name: WireName): string => textFromName(foldName(name));
