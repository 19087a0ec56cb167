import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableName } from './ruleset.ts';
import { TransactionReader } from './transactions.ts';

// Datagrams of group NFNLGRP_NFTABLES as a kernel 6.18 sent them; in front, what nft was told. The second line of each is the generation.
/** `add table ip kube-proxy` */
const ADD_TABLE = [
  '40000000000a000001000000467f0000020000020f0001006b7562652d70726f7879000008000300000000000c00040000000000000000010800020000000000',
  '2c0000000f0a000001000000467f00000000000208000100000000020800020000007f46080003006e667400',
];
/** `add map ip kube-proxy service-ips {...}`, `add chain ip kube-proxy cluster-3`, `add rule ip kube-proxy cluster-3 drop` */
const ADD_MAP_CHAIN_RULE = [
  'ac000000090a000401000000487f0000020000030f0001006b7562652d70726f7879000010000200736572766963652d697073000c00100000000000000000010800030000000008080004000000730d080005000000000c08000600ffffff00080007000000001020000d00000400000000010400000000030800040d000000010006040000000004000900170013003078666666666666666638323530376634300000080014000000000048000000030a000402000000487f0000020000030f0001006b7562652d70726f787900000e000300636c75737465722d330000000c0002000000000000000002080006000000000174000000060a000c03000000487f0000020000030f0001006b7562652d70726f787900000e000200636c75737465722d330000000c000300000000000000000334000400300001000e000100696d6d6564696174650000001c0002000800010000000000100002000c0002000800010000000000',
  '2c0000000f0a000001000000487f00000000000308000100000000030800020000007f48080003006e667400',
];
/** `add element ip kube-proxy service-ips { 10.96.0.1 . tcp . 80 : drop, 10.96.0.2 . tcp . 80 : drop }` */
const ADD_ELEMENTS = [
  '600000000c0a0004000000004a7f0000020000040f0001006b7562652d70726f7879000010000200736572766963652d697073002c0003002800010014000100100001000a6000010600000000500000100002000c0002000800010000000000600000000c0a0004000000004a7f0000020000040f0001006b7562652d70726f7879000010000200736572766963652d697073002c0003002800010014000100100001000a6000020600000000500000100002000c0002000800010000000000',
  '2c0000000f0a0000010000004a7f00000000000408000100000000040800020000007f4a080003006e667400',
];
/** `add table ip6 other` */
const ADD_OTHER_TABLE = [
  '3c000000000a0000010000004b7f00000a0000050a0001006f7468657200000008000300000000000c00040000000000000000020800020000000000',
  '2c0000000f0a0000010000004b7f00000000000508000100000000050800020000007f4b080003006e667400',
];
/** As `ADD_ELEMENTS`, by an nft in a namespace of process numbers, where it is 14 */
const ADD_ELEMENTS_IN_CONTAINER = [
  '600000000c0a0004000000000e000000020000040f0001006b7562652d70726f7879000010000200736572766963652d697073002c0003002800010014000100100001000a6000010600000000500000100002000c0002000800010000000000600000000c0a0004000000000e000000020000040f0001006b7562652d70726f7879000010000200736572766963652d697073002c0003002800010014000100100001000a6000020600000000500000100002000c0002000800010000000000',
  '2c0000000f0a0000010000000e0000000000000408000100000000040800020000007ffa080003006e667400',
];
/** `destroy chain ip kube-proxy c`, of one rule, by an nft whose process was called otherwise */
const DESTROY_CHAIN = [
  '6c000000080a0000010000007d2e0000020000050f0001006b7562652d70726f7879000006000200630000000c000300000000000000000334000400300001000e000100696d6d6564696174650000001c0002000800010000000000100002000c000200080001000000000038000000050a0000010000007d2e0000020000050f0001006b7562652d70726f7879000006000300630000000c0002000000000000000002',
  '380000000f0a0000010000007d2e00000000000508000100000000050800020000002e7d140003006c642d6c696e75782d7838362d363400',
];
/** `destroy counter ip kube-proxy n` */
const DESTROY_COUNTER = [
  '40000000140a0000010000007e2e0000020000060f0001006b7562652d70726f78790000060002006e00000008000300000000010c0006000000000000000004',
  '380000000f0a0000010000007e2e00000000000608000100000000060800020000002e7e140003006c642d6c696e75782d7838362d363400',
];
/** `destroy table ip kube-proxy` */
const DESTROY_TABLE = [
  '38000000020a000001000000802e0000020000070f0001006b7562652d70726f7879000008000300000000000c0004000000000000000001',
  '380000000f0a000001000000802e00000000000708000100000000070800020000002e80140003006c642d6c696e75782d7838362d363400',
];

const OURS: TableName = { family: 'ip', name: 'kube-proxy' };
const octets = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const readAll = (datagrams: readonly string[], table = OURS) => {
  const reader = new TransactionReader(table);
  return datagrams.flatMap((hex) => reader.read(octets(hex)));
};

describe('transactions', () => {
  it.each([
    ['adds the table kube-proxy', ADD_TABLE],
    ['adds set service-ips', ADD_MAP_CHAIN_RULE],
    ['adds elements to service-ips', ADD_ELEMENTS],
  ])('%s', (text, datagrams) => {
    const pid = octets(datagrams[1] as string).readUInt32LE(12);
    expect(readAll(datagrams)).toEqual([{ port: pid, pid, processName: 'nft', text }]);
  });

  it.each([
    ['deletes rules of c', DESTROY_CHAIN],
    ['changes n', DESTROY_COUNTER],
    ['deletes the table kube-proxy', DESTROY_TABLE],
  ])('%s', (text, datagrams) => {
    expect(readAll(datagrams)).toMatchObject([{ processName: 'ld-linux-x86-64', text }]);
  });

  it('are known by their port where process numbers are others', () => {
    expect(readAll(ADD_ELEMENTS_IN_CONTAINER)).toMatchObject([{ port: 14, pid: 0x7ffa }]);
  });

  it('are those of one table only', () => {
    expect(readAll([...ADD_OTHER_TABLE, ...ADD_ELEMENTS])).toHaveLength(1);
    expect(readAll([...ADD_OTHER_TABLE, ...ADD_ELEMENTS], { family: 'ip6', name: 'other' })).toHaveLength(1);
    expect(readAll(ADD_ELEMENTS, { family: 'ip6', name: 'kube-proxy' })).toEqual([]);
    expect(readAll(ADD_ELEMENTS, { family: 'ip', name: 'kube' })).toEqual([]);
  });

  it('end with their generation, however datagrams divide them', () => {
    const [elements = '', end = ''] = ADD_ELEMENTS;
    const reader = new TransactionReader(OURS);
    expect(reader.read(octets(elements + elements))).toEqual([]);
    expect(reader.isWithin).toBe(true);
    expect(reader.read(octets(elements + end + ADD_TABLE.join('')))).toHaveLength(2);
    expect(reader.isWithin).toBe(false);
  });

  it('are not told where their beginning is forgotten', () => {
    const [elements = '', end = ''] = ADD_ELEMENTS;
    const reader = new TransactionReader(OURS);
    reader.read(octets(elements));
    reader.reset();
    expect(reader.read(octets(end))).toEqual([]);
  });

  it('are read from whatever octets come, without a fault', () => {
    const whole = octets([...ADD_MAP_CHAIN_RULE, ...ADD_ELEMENTS].join(''));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255))),
        fc.nat(whole.length),
        (changes, length) => {
          const spoilt = Buffer.from(whole);
          for (const [at, octet] of changes) spoilt[at] = octet;
          new TransactionReader(OURS).read(spoilt.subarray(0, length));
        },
      ),
    );
  });
});
