const ATTRIBUTE_HEADER_OCTETS = 4;

/** Octets up to the next multiple of four, where the next message or attribute begins. */
export const padded = (octets: number): number => (octets + 3) & ~3;

/**
 * Whole messages of a datagram, each with its header of this many octets (netlink(7), and what its family has behind that). What is cut off is left out.
 *
 *     0 length 4 | 4 type 2 | 6 flags 2 | 8 sequence 4 | 12 port 4 | 16 ...
 */
export function* messagesIn(datagram: Buffer, headerOctets: number): Generator<Buffer> {
  let at = 0;
  while (at + headerOctets <= datagram.length) {
    const octets = datagram.readUInt32LE(at);
    if (octets < headerOctets || at + octets > datagram.length) return;
    yield datagram.subarray(at, at + octets);
    at += padded(octets);
  }
}

/** Value of the first attribute of this number, among those from `start` on: `0 length 2 | 2 number 2 | 4 value`. Undefined where there is none. */
export const attributeIn = (message: Buffer, start: number, wanted: number): Buffer | undefined => {
  let at = start;
  while (at + ATTRIBUTE_HEADER_OCTETS <= message.length) {
    const octets = message.readUInt16LE(at);
    if (octets < ATTRIBUTE_HEADER_OCTETS || at + octets > message.length) return undefined;
    if (message.readUInt16LE(at + 2) === wanted) return message.subarray(at + ATTRIBUTE_HEADER_OCTETS, at + octets);
    at += padded(octets);
  }
  return undefined;
};
