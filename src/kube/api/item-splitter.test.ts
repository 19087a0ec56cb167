import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ItemSplitter } from './item-splitter.ts';

/** The text cut at the given places, each a share of its length. */
const cut = (text: string, cuts: readonly number[]): Buffer[] => {
  const whole = Buffer.from(text);
  const places = [...cuts.map((share) => Math.floor(share * whole.length)), 0, whole.length].sort((a, b) => a - b);
  return places.slice(1).map((end, i) => whole.subarray(places[i], end));
};

const split = (chunks: readonly Buffer[]): { items: unknown[]; envelope: unknown } => {
  const items: unknown[] = [];
  const splitter = new ItemSplitter((item) => items.push(item));
  for (const chunk of chunks) splitter.push(chunk);
  return { items, envelope: splitter.finish() };
};

describe('ItemSplitter', () => {
  it('gives what JSON.parse gives, wherever the text is cut', () => {
    const odd = fc.constantFrom('"', '\\', '\\"', '{', '}', '[', ']', '"items":[', 'é', '😀', '\n');
    const value = fc.record({ name: fc.array(odd).map((parts) => parts.join('')), deep: fc.jsonValue() });
    const list = fc.record({
      kind: fc.constant('List'),
      metadata: fc.record({ resourceVersion: fc.string(), items: fc.array(fc.integer()) }),
      items: fc.array(value, { maxLength: 6 }),
    });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(list, fc.array(share, { maxLength: 12 }), fc.constantFrom(0, 2), (given, cuts, indent) => {
        const plain = JSON.parse(JSON.stringify(given)) as { items: unknown[] };
        const { items, envelope } = split(cut(JSON.stringify(given, null, indent), cuts));
        expect(items).toEqual(plain.items);
        // The envelope's text goes through latin1: only names and numbers are read of it.
        expect(Object.keys(envelope as object)).toEqual(Object.keys(plain));
      }),
    );
  });

  it('gives objects before the list is whole', () => {
    const items: unknown[] = [];
    const splitter = new ItemSplitter((item) => items.push(item));
    splitter.push(Buffer.from('{"metadata":{},"items":[{"a":1},{"b":'));
    expect(items).toEqual([{ a: 1 }]);
  });

  it('finds metadata before and after the items, and takes null for none', () => {
    const texts = [
      '{"items":[{"a":1}],"metadata":{"resourceVersion":"5"}}',
      '{"metadata":{"resourceVersion":"5"},"items":null}',
    ];
    for (const text of texts) {
      expect(split([Buffer.from(text)]).envelope).toMatchObject({ metadata: { resourceVersion: '5' } });
    }
  });

  it('throws a SyntaxError for what is not JSON or ends early', () => {
    expect(() => split([Buffer.from('{"items":[{"a":}]}')])).toThrow(SyntaxError);
    expect(() => split([Buffer.from('{"items":[{"a":1}')])).toThrow(SyntaxError);
    expect(() => split([Buffer.from('<html>')])).toThrow(SyntaxError);
    expect(() => split([])).toThrow(SyntaxError);
  });
});
