import { describe, expect, it } from 'vitest';
import { parseCorefile } from '#corefile/parser.ts';
import { type Directive, Faults } from '#corefile/tree.ts';
import { setupPlugin } from '#plugin/testing.ts';
import multisocket from './index.ts';
import { readSocketCount } from './socket-count.ts';

const CPUS = 6;

/** The number, and faults as `LINE:COLUMN message`. */
const read = (stanza: string): { count: number; faults: string[] } => {
  const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${stanza}\n}\n` });
  const faults = new Faults();
  const count = readSocketCount(corefile.blocks[0]?.directives[0] as Directive, () => CPUS, faults);
  return { count, faults: faults.list.map(({ token, message }) => `${token?.line}:${token?.column} ${message}`) };
};

const unexpected = (word: string): string =>
  `Error during parsing: Wrong argument count or unexpected line ending after '${word}'`;
const BRACE = "Error during parsing: Unexpected token '{', expecting argument";
const invalid = (text: string, reason = 'invalid syntax'): string =>
  `invalid num sockets: strconv.Atoi: parsing "${text}": ${reason}`;

describe('multisocket', () => {
  it.each([
    ['multisocket 1', 1],
    ['multisocket 2', 2],
    ['multisocket +3', 3],
    ['multisocket 007', 7],
    ['multisocket "5"', 5],
    ['multisocket 1024', 1024],
  ])('reads %j', (stanza, count) => {
    expect(read(stanza)).toEqual({ count, faults: [] });
  });

  it('takes the number of CPUs where none is said', () => {
    expect(read('multisocket')).toEqual({ count: CPUS, faults: [] });
  });

  it.each([
    ['multisocket 0', ['2:13 num sockets can not be zero or negative: 0']],
    ['multisocket -1', ['2:13 num sockets can not be zero or negative: -1']],
    ['multisocket -0', ['2:13 num sockets can not be zero or negative: 0']],
    ['multisocket 1025', ['2:13 num sockets exceeds maximum (1024): 1025']],
    ['multisocket 9223372036854775807', ['2:13 num sockets exceeds maximum (1024): 9223372036854775807']],
    ['multisocket 9223372036854775808', [`2:13 ${invalid('9223372036854775808', 'value out of range')}`]],
    ['multisocket text', [`2:13 ${invalid('text')}`]],
    ['multisocket ""', [`2:13 ${invalid('')}`]],
    ['multisocket 2.5', [`2:13 ${invalid('2.5')}`]],
    ['multisocket 1_0', [`2:13 ${invalid('1_0')}`]],
    ['multisocket 0x10', [`2:13 ${invalid('0x10')}`]],
    ['multisocket " 5"', [`2:13 ${invalid(' 5')}`]],
  ])('refuses %j', (stanza, faults) => {
    expect(read(stanza)).toEqual({ count: 0, faults });
  });

  it.each([
    ['multisocket 2 2', [`2:15 ${unexpected('2')}`]],
    ['multisocket 2 3 4', [`2:17 ${unexpected('4')}`]],
    ['multisocket {\n}', [`2:13 ${BRACE}`]],
    ['multisocket 2 {\n block\n}', [`2:15 ${BRACE}`]],
    ['multisocket 2\nmultisocket 3', [`3:1 ${unexpected('multisocket')}`]],
  ])('refuses the words too many of %j', (stanza, faults) => {
    expect(read(stanza).faults).toEqual(faults);
  });

  it('tells all that is wrong at once', () => {
    expect(read('multisocket x {\n}\nmultisocket').faults).toEqual([
      `4:1 ${unexpected('multisocket')}`,
      `2:15 ${BRACE}`,
      `2:13 ${invalid('x')}`,
    ]);
  });

  it('sets the number of its server block and has no layer in the chain', () => {
    const { block, instance } = setupPlugin(multisocket, 'multisocket 3');
    expect(block.settings.socketCount).toBe(3);
    expect(instance?.handle).toBeUndefined();
  });

  it('finds a CPU at least on the machine that it runs on', () => {
    expect(setupPlugin(multisocket, 'multisocket').block.settings.socketCount).toBeGreaterThanOrEqual(1);
  });
});
