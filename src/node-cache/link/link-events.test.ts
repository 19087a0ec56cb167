import { describe, expect, it } from 'vitest';
import { lossReader } from './link-events.ts';

const isLoss = lossReader({ addresses: ['169.254.20.10', 'fd00::a'], deviceName: 'nodelocaldns' });

const attribute = (number: number, value: Buffer): Buffer => {
  const length = 4 + value.length;
  const octets = Buffer.alloc((length + 3) & ~3);
  octets.writeUInt16LE(length, 0);
  octets.writeUInt16LE(number, 2);
  value.copy(octets, 4);
  return octets;
};
const message = (type: number, bodyOctets: number, ...attributes: readonly Buffer[]): Buffer => {
  const octets = Buffer.concat([Buffer.alloc(16 + bodyOctets), ...attributes]);
  octets.writeUInt32LE(octets.length, 0);
  octets.writeUInt16LE(type, 4);
  return octets;
};
const address = (type: number, text: string): Buffer => {
  const octets = Buffer.from(
    text.includes(':') ? `fd00${'00'.repeat(13)}0a` : text,
    text.includes(':') ? 'hex' : 'utf8',
  );
  const value = text.includes(':') ? octets : Buffer.from(text.split('.').map(Number));
  const local = text.includes(':') ? [] : [attribute(2, value)];
  return message(type, 8, attribute(1, value), ...local, attribute(3, Buffer.from('eth0\0')));
};
const device = (type: number, name: string): Buffer => message(type, 16, attribute(3, Buffer.from(`${name}\0`)));

describe('what the kernel says of addresses and devices', () => {
  it.each([
    ['one of the addresses is taken away', address(21, '169.254.20.10'), true],
    ['an IPv6 one is', address(21, 'fd00::a'), true],
    ['another address is', address(21, '169.254.20.11'), false],
    ['one of the addresses is added', address(20, '169.254.20.10'), false],
    ['the device is deleted', device(17, 'nodelocaldns'), true],
    ['another device is', device(17, 'nodelocaldns0'), false],
    ['the device changes', device(16, 'nodelocaldns'), false],
    ['it comes behind other news', Buffer.concat([device(16, 'veth'), address(21, '169.254.20.10')]), true],
  ])('is a loss, or is none, where %s', (_, datagram, expected) => {
    expect(isLoss(datagram)).toBe(expected);
  });

  it('is no loss where it is cut off', () => {
    const whole = address(21, '169.254.20.10');
    for (let length = 0; length < 32; length++) expect(isLoss(whole.subarray(0, length))).toBe(false);
  });
});
