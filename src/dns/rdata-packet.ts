import * as dnsPacket from 'dns-packet';
import { base32hexFromOctets, octetsFromBase32hex } from './base32hex.ts';
import { textFromName, type WireName } from './name.ts';
import { binaryFromText, nameOfField, numberOfField, typeOfField } from './rdata-fields.ts';
import { RR_TYPE, rrTypeName, rrTypeNumber } from './registry/rr-types.ts';
import { octetsOfField, quoteOctets, RecordTextError, type TextField } from './text-fields.ts';

/** A record codec of dns-packet; what it codes has the two octets of RDLENGTH in front. Its types leave `record` out. */
export interface RecordCodec {
  encode(value: unknown): Buffer;
  decode(octets: Buffer): unknown;
}

/** dns-packet's codec of a type it has one for. */
export const recordCodec = (dnsPacket as unknown as { readonly record: (type: string) => RecordCodec }).record;

/** Takes a record's words one after the other. */
export class Words {
  readonly #fields: readonly TextField[];
  #next = 0;
  constructor(fields: readonly TextField[]) {
    this.#fields = fields;
  }
  field(): TextField {
    const field = this.#fields[this.#next++];
    if (field === undefined) throw new RecordTextError(`RDATA has ${this.#fields.length} words, expected more`);
    return field;
  }
  number(max: number): number {
    return numberOfField(this.field(), max);
  }
  rest(): readonly TextField[] {
    const rest = this.#fields.slice(this.#next);
    this.#next = this.#fields.length;
    return rest;
  }
  end(): void {
    if (this.#next < this.#fields.length)
      throw new RecordTextError(`RDATA has ${this.#fields.length} words, expected ${this.#next}`);
  }
}

/** How a value of dns-packet is written in words, and read; names are ours, dns-packet sees the root in their place. */
export interface PacketForm {
  readonly codec: string;
  write(value: unknown, names: readonly WireName[]): string[];
  read(words: Words): { value: unknown; names: readonly WireName[] };
}

const U8 = 0xff;
const U16 = 0xffff;
const U32 = 0xffffffff;

/** Words that are the number fields of a value, in this order, then names (in dns-packet's eyes the root), then octets. */
const numbersThen = (
  codec: string,
  numbers: Readonly<Record<string, number>>,
  tail: {
    readonly names?: readonly string[];
    readonly octets?: string;
    readonly as?: 'hex' | 'base64';
    readonly fixed?: object;
  } = {},
): PacketForm => ({
  codec,
  write: (value, names) => {
    const fields = value as Readonly<Record<string, number | Buffer | string>>;
    const words = Object.keys(numbers).map((field) => String(fields[field]));
    for (const name of names) words.push(textFromName(name));
    if (tail.octets !== undefined) {
      const octets = fields[tail.octets] as Buffer | string;
      words.push(typeof octets === 'string' ? octets.toLowerCase() : octets.toString(tail.as));
    }
    return words;
  },
  read: (words) => {
    const value: Record<string, unknown> = { ...tail.fixed };
    for (const [field, max] of Object.entries(numbers)) value[field] = words.number(max);
    const names = (tail.names ?? []).map((field) => {
      value[field] = '.';
      return nameOfField(words.field());
    });
    if (tail.octets !== undefined) {
      const octets = binaryFromText(tail.as ?? 'hex', words.rest());
      value[tail.octets] = codec === 'SSHFP' ? octets.toString('hex') : octets;
    }
    return { value, names };
  },
});

/** dns-packet's spelling of a type: its mnemonic where it knows one, else `UNKNOWN_n`; it takes the latter for all. */
const packetTypeName = (field: TextField): string => `UNKNOWN_${typeOfField(field)}`;
const typeNames = (rrtypes: readonly string[]): string[] =>
  rrtypes.map((name) => rrTypeName(rrTypeNumber(name) ?? Number(name.slice('UNKNOWN_'.length))));
const oneTypeName = (name: string): string => typeNames([name])[0] as string;

const digest = { octets: 'digest', as: 'hex' } as const;
const ds = numbersThen('DS', { keyTag: U16, algorithm: U8, digestType: U8 }, digest);
const tlsa = numbersThen('TLSA', { usage: U8, selector: U8, matchingType: U8 }, { octets: 'certificate', as: 'hex' });

const dnskey: PacketForm = {
  codec: 'DNSKEY',
  write: (value) => {
    const { flags, algorithm, key } = value as { flags: number; algorithm: number; key: Buffer };
    return [String(flags), '3', String(algorithm), key.toString('base64')];
  },
  read: (words) => {
    const flags = words.number(U16);
    if (words.number(U8) !== 3) throw new RecordTextError('the protocol of a DNSKEY is 3');
    return { value: { flags, algorithm: words.number(U8), key: binaryFromText('base64', words.rest()) }, names: [] };
  },
};

/** `YYYYMMDDHHmmSS` or seconds since 1970. RFC 4034, section 3.2. */
const timeText = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(/\.\d+Z|\D/g, '');
const timeOfField = (field: TextField): number => {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(field.raw);
  if (parts === null) return numberOfField(field, U32);
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return (Date.UTC(year, month - 1, day, hour, minute, second) / 1000) % 2 ** 32;
};

interface Rrsig {
  readonly typeCovered: string;
  readonly algorithm: number;
  readonly labels: number;
  readonly originalTTL: number;
  readonly expiration: number;
  readonly inception: number;
  readonly keyTag: number;
  readonly signersName: string;
  readonly signature: Buffer;
}

const rrsig: PacketForm = {
  codec: 'RRSIG',
  write: (value, names) => {
    const sig = value as Rrsig;
    return [
      oneTypeName(sig.typeCovered),
      String(sig.algorithm),
      String(sig.labels),
      String(sig.originalTTL),
      timeText(sig.expiration),
      timeText(sig.inception),
      String(sig.keyTag),
      textFromName(names[0] as WireName),
      sig.signature.toString('base64'),
    ];
  },
  read: (words) => {
    const numbers = {
      typeCovered: packetTypeName(words.field()),
      algorithm: words.number(U8),
      labels: words.number(U8),
      originalTTL: words.number(U32),
      expiration: timeOfField(words.field()),
      inception: timeOfField(words.field()),
      keyTag: words.number(U16),
    };
    const signer = nameOfField(words.field());
    const value: Rrsig = { ...numbers, signersName: '.', signature: binaryFromText('base64', words.rest()) };
    return { value, names: [signer] };
  },
};

const nsec: PacketForm = {
  codec: 'NSEC',
  write: (value, names) => [textFromName(names[0] as WireName), ...typeNames((value as { rrtypes: string[] }).rrtypes)],
  read: (words) => {
    const names = [nameOfField(words.field())];
    return { value: { nextDomain: '.', rrtypes: words.rest().map(packetTypeName) }, names };
  },
};

interface Nsec3 {
  readonly algorithm: number;
  readonly flags: number;
  readonly iterations: number;
  readonly salt: Buffer;
  readonly nextDomain: Buffer;
  readonly rrtypes: string[];
}

const nsec3: PacketForm = {
  codec: 'NSEC3',
  write: (value) => {
    const { algorithm, flags, iterations, salt, nextDomain, rrtypes } = value as Nsec3;
    // RFC 5155, section 3.2. In presentation form it would be no word at all.
    if (nextDomain.length === 0) throw new RecordTextError('the hash of the next owner name has no octets');
    const saltText = salt.length === 0 ? '-' : salt.toString('hex');
    return [
      `${algorithm}`,
      `${flags}`,
      `${iterations}`,
      saltText,
      base32hexFromOctets(nextDomain),
      ...typeNames(rrtypes),
    ];
  },
  read: (words) => {
    const numbers = { algorithm: words.number(U8), flags: words.number(U8), iterations: words.number(U16) };
    const saltField = words.field();
    const salt = saltField.raw === '-' ? Buffer.alloc(0) : binaryFromText('hex', [saltField]);
    const nextDomain = octetsFromBase32hex(words.field().raw);
    return { value: { ...numbers, salt, nextDomain, rrtypes: words.rest().map(packetTypeName) }, names: [] };
  },
};

const texts: PacketForm = {
  codec: 'TXT',
  write: (value) => (value as Buffer[]).map((text) => quoteOctets(text.toString('latin1'))),
  read: (words) => {
    const value = [words.field(), ...words.rest()].map((field) => Buffer.from(octetsOfField(field), 'latin1'));
    if (value.some((text) => text.length > 255))
      throw new RecordTextError('a character-string has more than 255 octets');
    return { value, names: [] };
  },
};

/** The types whose fields dns-packet codes. */
export const PACKET_FORMS: ReadonlyMap<number, PacketForm> = new Map<number, PacketForm>([
  [RR_TYPE.TXT, texts],
  [RR_TYPE.SPF, texts],
  [RR_TYPE.MX, numbersThen('MX', { preference: U16 }, { names: ['exchange'] })],
  [RR_TYPE.SRV, numbersThen('SRV', { priority: U16, weight: U16, port: U16 }, { names: ['target'] })],
  [RR_TYPE.DS, ds],
  [RR_TYPE.CDS, ds],
  [RR_TYPE.DLV, ds],
  [RR_TYPE.SSHFP, numbersThen('SSHFP', { algorithm: U8, hash: U8 }, { octets: 'fingerprint', as: 'hex' })],
  [RR_TYPE.TLSA, tlsa],
  [RR_TYPE.SMIMEA, tlsa],
  [RR_TYPE.DNSKEY, dnskey],
  [RR_TYPE.CDNSKEY, dnskey],
  [RR_TYPE.RRSIG, rrsig],
  [RR_TYPE.NSEC, nsec],
  [RR_TYPE.NSEC3, nsec3],
]);
