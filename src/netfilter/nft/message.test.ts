import { describe, expect, it } from 'vitest';
import {
  attribute,
  type NftRequest,
  nestedAttribute,
  numberAttribute,
  readFaults,
  readTables,
  textAttribute,
  transactionDatagram,
} from './message.ts';

const request = (what: number): NftRequest => ({ what, family: 2, flags: 0x400, body: [textAttribute(1, 'kube')] });

/** Where messages of a datagram begin. */
const startsOf = (datagram: Buffer): readonly number[] => {
  const starts: number[] = [];
  for (let at = 0; at < datagram.length; at += datagram.readUInt32LE(at)) starts.push(at);
  return starts;
};

describe('a transaction as the kernel reads it', () => {
  it('is between the messages that begin and end it, and only its last part is acknowledged', () => {
    const datagram = transactionDatagram([request(0), request(3)]);
    const seen = startsOf(datagram).map((at) => [datagram.readUInt16LE(at + 4), datagram.readUInt16LE(at + 6)]);
    expect(seen).toEqual([
      [0x10, 1],
      [0x0a00, 0x401],
      [0x0a03, 0x405],
      [0x11, 1],
    ]);
  });

  it('pads attributes to four octets, and says their length without that', () => {
    expect(attribute(3, Buffer.from('abcde')).toString('hex')).toBe('0900030061626364' + '65000000');
    expect(numberAttribute(2, -310).toString('hex')).toBe('08000200fffffeca');
    expect(nestedAttribute(4, [numberAttribute(1, 3)]).toString('hex')).toBe('0c000480' + '0800010000000003');
  });
});

describe("the kernel's answer", () => {
  /** length 4 | NLMSG_ERROR 2 | flags 2 | sequence 4 | port 4 | error 4 | the header that it is about 16 */
  const answer = (error: number): Buffer => {
    const buffer = Buffer.alloc(36);
    buffer.writeUInt32LE(36, 0);
    buffer.writeUInt16LE(2, 4);
    buffer.writeInt32LE(error, 16);
    return buffer;
  };

  it('tells of faults and of what is done', () => {
    expect(readFaults(Buffer.concat([answer(-2), answer(0)]))).toEqual([2, 0]);
  });

  it('may be cut off', () => {
    expect(readFaults(Buffer.concat([answer(-1), answer(-2).subarray(0, 30)]))).toEqual([1]);
    expect(readFaults(Buffer.alloc(3))).toEqual([]);
  });

  it('names tables and whether somebody owns them', () => {
    // `add table ip kube-proxy`, and a table of another family with the flag of an owner, as a kernel 6.18 lists them.
    const table = Buffer.from(
      '40000000000a000001000000467f0000020000020f0001006b7562652d70726f7879000008000300000000000c00040000000000000000010800020000000000',
      'hex',
    );
    const owned = Buffer.from(table);
    owned[16] = 10;
    owned.writeUInt32BE(2, owned.length - 4);
    expect(readTables(Buffer.concat([table, owned]))).toEqual([
      { family: 2, name: 'kube-proxy', isOwned: false },
      { family: 10, name: 'kube-proxy', isOwned: true },
    ]);
  });
});
