import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envelope, writeEvent, writeList, writeMessage } from '#test/kube-protobuf.ts';
import { readEnvelope } from './envelope.ts';
import { FrameSplitter } from './frame-splitter.ts';
import { ProtobufListSplitter } from './list-splitter.ts';
import { readMessage } from './read-message.ts';
import { type Field, KIND_SCHEMAS, type Schema, STATUS, WATCH_EVENT } from './schema.ts';

/** Any object that a schema can hold, with any of its fields missing. */
const objectOf = (schema: Schema): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(Object.fromEntries([...schema.values()].map((field) => [field.name, anyValue(field)])), {
    requiredKeys: [],
    noNullPrototype: true,
  });

const anyValue = (field: Field): fc.Arbitrary<unknown> => {
  switch (field.type) {
    case 'text':
      return fc.string({ unit: 'grapheme' });
    case 'texts':
      return fc.array(fc.string(), { minLength: 1, maxLength: 3 });
    case 'number':
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    case 'boolean':
      return fc.boolean();
    case 'octets':
      return fc.uint8Array();
    case 'presence':
      return fc.constant(true);
    case 'message':
      return objectOf(field.schema);
    case 'messages':
      return fc.array(objectOf(field.schema), { minLength: 1, maxLength: 3 });
    case 'map':
      return fc
        .dictionary(fc.oneof(fc.string(), fc.constantFrom('constructor', '__proto__')), fc.string(), { minKeys: 1 })
        .map((map) => Object.assign(Object.create(null) as Record<string, string>, map));
  }
};

const schemas = fc.constantFrom(...Object.values(KIND_SCHEMAS));
const service = KIND_SCHEMAS.Service;

/** Cuts octets at these places. */
const cut = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1))), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
};

describe('a message', () => {
  it('is read back as the object that was written, without the fields that nobody looks at', () => {
    const objects = schemas.chain((schema) => objectOf(schema).map((object) => ({ schema, object })));
    fc.assert(
      fc.property(objects, ({ schema, object }) => {
        expect(readMessage(writeMessage(object, schema), schema)).toEqual(object);
      }),
    );
  });

  it('that is cut or changed anywhere is an object or an Error', () => {
    const change = fc.record({ at: fc.nat(), octet: fc.nat(255), length: fc.nat() });
    fc.assert(
      fc.property(objectOf(service), fc.array(change), (object, changes) => {
        let bytes = Buffer.from(envelope('Service', writeMessage(object, service)));
        for (const { at, octet, length } of changes) {
          bytes[at % bytes.length] = octet;
          bytes = bytes.subarray(0, 1 + (length % bytes.length));
        }
        try {
          expect(typeof readEnvelope(bytes, service)).toBe('object');
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });

  it('does not read past the message that holds it', () => {
    const inner = Uint8Array.of(10, 4, 10, 200, 1, 65); // a name of 200 octets in metadata of four
    expect(() => readMessage(Buffer.concat([inner, Buffer.alloc(300)]), service)).toThrow();
  });

  it('passes over a field that has another wire type than it should have', () => {
    expect(readMessage(Uint8Array.of(8, 1, 16, 200, 1), service)).toEqual({});
  });
});

describe('an envelope', () => {
  it('that holds a Status is read as one, whatever was asked for', () => {
    const bytes = envelope('Status', writeMessage({ message: 'too old', reason: 'Expired', code: 410 }, STATUS));
    expect(readEnvelope(bytes, service)).toEqual({ message: 'too old', reason: 'Expired', code: 410 });
  });

  it('needs the beginning that every message of an API server has', () => {
    expect(() => readEnvelope(Buffer.from('{"kind":"Service"}'), service)).toThrow('no message of an API server');
  });
});

describe('a list', () => {
  it('gives its objects one by one, wherever the octets are cut', () => {
    const items = fc.array(objectOf(service), { maxLength: 5 });
    fc.assert(
      fc.property(items, fc.array(fc.nat(), { maxLength: 20 }), (objects, places) => {
        const taken: unknown[] = [];
        const splitter = new ProtobufListSplitter(service, (item) => taken.push(item));
        const metadata = { resourceVersion: '7', continue: 'more' };
        for (const chunk of cut(writeList(metadata, objects, service), places)) splitter.push(chunk);
        expect(taken).toEqual(objects);
        expect(splitter.finish()).toEqual({ metadata });
      }),
    );
  });

  it('that ends early is no list', () => {
    const whole = writeList({ resourceVersion: '7' }, [{ metadata: { name: 'a' } }], service);
    for (let length = 0; length < whole.length - 4; length++) {
      const splitter = new ProtobufListSplitter(service, () => undefined);
      splitter.push(whole.subarray(0, length));
      expect(() => splitter.finish()).toThrow('ended early');
    }
  });

  it('that is changed anywhere gives objects or an Error, and ends', () => {
    const whole = writeList({ resourceVersion: '7' }, [{ metadata: { name: 'a' } }, { spec: { type: 'x' } }], service);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1 }), (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, octet] of changes) bytes[at % bytes.length] = octet;
        try {
          const splitter = new ProtobufListSplitter(service, () => undefined);
          splitter.push(bytes);
          splitter.finish();
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});

describe('a stream of frames', () => {
  it('gives whole events, wherever the octets are cut', () => {
    const events = fc.array(fc.tuple(fc.constantFrom('ADDED', 'DELETED'), objectOf(service)), { maxLength: 5 });
    fc.assert(
      fc.property(events, fc.array(fc.nat(), { maxLength: 20 }), (given, places) => {
        const stream = given.map(([type, object]) =>
          writeEvent(type, envelope('Service', writeMessage(object, service))),
        );
        const taken: unknown[] = [];
        const splitter = new FrameSplitter((frame) => {
          const { type, object } = readMessage(frame, WATCH_EVENT) as { type: string; object: { raw: Uint8Array } };
          taken.push([type, readEnvelope(object.raw, service)]);
        });
        for (const chunk of cut(Buffer.concat(stream), places)) splitter.push(chunk);
        expect(taken).toEqual(given);
      }),
    );
  });

  it('refuses a frame that no object could need', () => {
    expect(() => new FrameSplitter(() => undefined).push(Buffer.from('{"type":"ADDED"}'))).toThrow(
      /a frame of \d+ octets/,
    );
  });
});

describe('a list of ServiceCIDRs', () => {
  // Written by k8s.io/api 0.36.3: two ranges, a uid, and a condition in the status.
  const LIST =
    'CgcKABIBORoAElkKHAoKa3ViZXJuZXRlcxIAGgAiACoBdTIBNzgAQgASIAoMMTAuOTYuMC4wLzEyChBmZDAwOjEwOjk2OjovMTEyGhcKFQoFUmVhZHkSBFRydWUYACIAKgAyAA==';

  it('is read as its JSON would be', () => {
    const items: unknown[] = [];
    const splitter = new ProtobufListSplitter(KIND_SCHEMAS.ServiceCIDR, (item) => items.push(item));
    splitter.push(envelope('ServiceCIDRList', Buffer.from(LIST, 'base64')));
    expect(splitter.finish().metadata).toMatchObject({ resourceVersion: '9' });
    expect(items).toEqual([
      {
        metadata: { name: 'kubernetes', namespace: '', resourceVersion: '7' },
        spec: { cidrs: ['10.96.0.0/12', 'fd00:10:96::/112'] },
      },
    ]);
  });
});
