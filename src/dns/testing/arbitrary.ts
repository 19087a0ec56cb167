/** Random DNS data for property tests. */
import fc from 'fast-check';
import { MAX_NAME_OCTETS, type WireName } from '../name.ts';
import { FIXED_RDATA, RDATA_LAYOUT } from '../rdata-layout.ts';
import { ResourceRecord } from '../record.ts';
import { RR_TYPE } from '../registry/rr-types.ts';

const octets = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength, maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

const label = fc.oneof(octets(1, 12), octets(63, 63), fc.constantFrom('example', 'EXAMPLE', 'svc', 'a.b', 'com'));

/** A name of any octets, from the root to 255 of them. */
export const arbitraryName: fc.Arbitrary<WireName> = fc.array(label, { maxLength: 5 }).map((labels) => {
  let wire = '';
  for (const text of labels)
    if (wire.length + text.length + 2 <= MAX_NAME_OCTETS) wire += String.fromCharCode(text.length) + text;
  return `${wire}\0` as WireName;
});

/** RDATA in the shape its type has, names uncompressed. */
export const arbitraryRdata = (type: number): fc.Arbitrary<Buffer> => {
  const fixed = FIXED_RDATA.get(type);
  const steps = RDATA_LAYOUT.get(type) ?? [fixed ?? ('rest' as const)];
  return fc
    .tuple(
      ...steps.map((step) => {
        if (step === 'name') return arbitraryName;
        if (step === 'string') return octets(0, 255).map((text) => String.fromCharCode(text.length) + text);
        return step === 'rest' ? octets(0, 80) : octets(step, step);
      }),
    )
    .map((parts) => Buffer.from(parts.join(''), 'latin1'));
};

/** A record of one type, or of any registered type but OPT, which is no record. */
export const arbitraryRecord = (type?: number): fc.Arbitrary<ResourceRecord> => {
  const types = Object.values(RR_TYPE).filter((number) => number !== RR_TYPE.OPT);
  return (type === undefined ? fc.constantFrom(...types) : fc.constant(type)).chain((number) =>
    fc
      .tuple(arbitraryName, fc.nat(0x7fffffff), arbitraryRdata(number))
      .map(([owner, ttl, rdata]) => new ResourceRecord(owner, number, ttl, rdata)),
  );
};
