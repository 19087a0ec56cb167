import { networkInterfaces } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressText } from '#dns/address.ts';
import { IPPROTO_IPV6 } from './constants.ts';
import { localAddressOf, turnAround } from './packet-info.ts';
import { hostOf, ipv6Text, isIPv4Peer, portOf, socketAddress } from './socket-address.ts';

const octets = (count: number) => fc.uint8Array({ minLength: count, maxLength: count });
const port = fc.nat(65_535);
/** IPv6 addresses, many of them with runs of zeros or mapped ones. */
const ipv6 = fc.oneof(
  octets(16),
  octets(4).map((four) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...four)),
  fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
);
const isMapped = (address: Uint8Array): boolean =>
  address.subarray(0, 10).every((octet) => octet === 0) && address[10] === 255 && address[11] === 255;

describe('a socket address', () => {
  it('of IPv4 is read back as it was written, wherever it stands', () => {
    fc.assert(
      fc.property(octets(4), port, fc.nat(40), (address, number, at) => {
        const bytes = Buffer.alloc(at + 32, 0xee);
        bytes.set(socketAddress(addressText(address), number, 4), at);
        expect([hostOf(bytes, at), portOf(bytes, at), isIPv4Peer(bytes, at)]).toEqual([
          addressText(address),
          number,
          true,
        ]);
      }),
    );
  });

  it('of IPv6 is read back as it was written; a mapped one is an IPv4 peer with plain text', () => {
    fc.assert(
      fc.property(ipv6, port, fc.nat(40), (address, number, at) => {
        const bytes = Buffer.alloc(at + 32, 0);
        bytes.set(socketAddress(addressText(address), number, 6), at);
        const plain = isMapped(address) ? addressText(address.subarray(12)) : addressText(address);
        expect([hostOf(bytes, at), portOf(bytes, at), isIPv4Peer(bytes, at)]).toEqual([
          plain,
          number,
          isMapped(address),
        ]);
      }),
    );
  });

  it('of all addresses is zeros, with the port', () => {
    expect([...socketAddress('', 53, 4)]).toEqual([2, 0, 0, 53, ...new Array(12).fill(0)]);
    expect([...socketAddress('', 53, 6)]).toEqual([10, 0, 0, 53, ...new Array(24).fill(0)]);
  });

  it('names the interface of a link-local address where there is one, and gives its number where there is none', () => {
    const nobody = 0x7fff_0000;
    expect(ipv6Text(Uint8Array.of(0xfe, 0x80, ...new Array(13).fill(0), 1), nobody)).toBe(`fe80::1%${nobody}`);
    for (const [name, addresses] of Object.entries(networkInterfaces()))
      for (const { address, family, scopeid } of addresses ?? [])
        if (family === 'IPv6' && scopeid) {
          const bytes = socketAddress(`${address}%${name}`, 53, 6);
          expect(bytes[24]).toBe(scopeid & 0xff);
          expect(hostOf(bytes, 0)).toBe(`${address}%${name}`);
        }
  });
});

describe('packet information', () => {
  const controlOf = (address: readonly number[], scope: number): Uint8Array => {
    const control = new Uint8Array(45);
    const view = new DataView(control.buffer, 5);
    view.setUint32(0, 36, true);
    view.setUint32(8, address.length === 16 ? IPPROTO_IPV6 : 0, true);
    view.setUint32(12, address.length === 16 ? 50 : 8, true);
    if (address.length === 16) {
      control.set(address, 5 + 16);
      view.setUint32(32, scope, true);
    } else {
      view.setUint32(16, scope, true);
      control.set(address, 5 + 20);
      control.set(address, 5 + 24);
    }
    return control;
  };
  const linkLocal = (last: number): number[] => [0xfe, 0x80, ...new Array(13).fill(0), last];
  const MAPPED = [...new Array(10).fill(0), 255, 255, 10, 0, 0, 7];

  it.each([
    ['10.0.0.7', [10, 0, 0, 7]],
    ['10.0.0.7', MAPPED],
    ['2001:db8::1', [0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 1]],
  ])('keeps the address and loses the interface on the way back: %s', (text, address) => {
    const control = controlOf(address, 9);
    turnAround(control, 5, 40);
    expect(control).toEqual(controlOf(address, 0));
    expect(localAddressOf(control, 5, 40)).toBe(text);
  });

  it('keeps the interface of a link-local address, which says nothing without it', () => {
    const control = controlOf(linkLocal(7), 9);
    turnAround(control, 5, 40);
    expect(control).toEqual(controlOf(linkLocal(7), 9));
    expect(localAddressOf(control, 5, 40)).toMatch(/^fe80::7%./);
  });

  it('leaves alone what is no such message', () => {
    const control = controlOf([10, 0, 0, 7], 9);
    turnAround(control, 5, 0);
    expect(control).toEqual(controlOf([10, 0, 0, 7], 9));
    expect(localAddressOf(control, 5, 0)).toBe('');
  });
});
