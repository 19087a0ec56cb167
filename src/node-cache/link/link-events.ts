import { addressFromText } from '#dns/address.ts';
import { NETLINK_ROUTE } from '#libc/constants.ts';
import { loadLibc } from '#libc/libc.ts';
import { attributeIn, messagesIn } from '#libc/netlink-message.ts';
import { NetlinkSocket } from '#libc/netlink-socket.ts';
import type { ChangeSource } from '../change-watch.ts';

/** What is watched: addresses, on whatever device they are, and one device. */
export interface WatchedLink {
  readonly addresses: readonly string[];
  readonly deviceName: string;
}

export type OpenLinkEvents = (watched: WatchedLink) => Promise<ChangeSource>;

/** Numbers of linux/rtnetlink.h, linux/if_addr.h and linux/if_link.h. */
const RTNLGRP_LINK = 1;
const RTNLGRP_IPV4_IFADDR = 5;
const RTNLGRP_IPV6_IFADDR = 9;
const RTM_DELLINK = 17;
const RTM_DELADDR = 21;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFLA_IFNAME = 3;

/** A few hundred events: a Pod that comes or goes is some five of them. */
const RECEIVE_BUFFER_OCTETS = 256 * 1024;
/** Larger than what the kernel says of one device. */
const DATAGRAM_OCTETS = 32 * 1024;
const MOST_READ = 512;

/** For the network namespace that this process is in. Rejects with NoLibc, or SystemCallError. */
export const openLinkEvents: OpenLinkEvents = async (watched) => {
  const libc = await loadLibc();
  return new LinkEvents(NetlinkSocket.open(libc, NETLINK_ROUTE, RECEIVE_BUFFER_OCTETS), watched);
};

/** Hears when a watched address or device is taken away (rtnetlink(7)); what is added, also by ourselves, is no news. */
export class LinkEvents implements ChangeSource {
  readonly #socket: NetlinkSocket;
  readonly #isLoss: (message: Buffer) => boolean;
  readonly #datagram = Buffer.alloc(DATAGRAM_OCTETS);

  /** Owns the socket from now on. Throws SystemCallError. */
  constructor(socket: NetlinkSocket, watched: WatchedLink) {
    this.#socket = socket;
    this.#isLoss = lossReader(watched);
    try {
      for (const group of [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR]) socket.join(group);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  hasChanged(): boolean {
    let isLoss = false;
    for (let n = 0; n < MOST_READ; n++) {
      const octets = this.#socket.receive(this.#datagram);
      if (octets === 0) return isLoss;
      // What there was no room for may have been anything.
      isLoss = octets === 'lost' || this.#isLoss(this.#datagram.subarray(0, octets)) || isLoss;
    }
    return isLoss;
  }

  close(): void {
    this.#socket.close();
  }
}

const MESSAGE_HEADER_OCTETS = 16;
/** struct ifaddrmsg, struct ifinfomsg. */
const ADDRESS_OCTETS = 8;
const DEVICE_OCTETS = 16;

/** Tells whether a datagram says that something watched is gone. Its messages have an ifaddrmsg of 8 octets, or an ifinfomsg of 16, before their attributes. */
export const lossReader = ({ addresses, deviceName }: WatchedLink): ((datagram: Buffer) => boolean) => {
  const ours = addresses.map((address) => Buffer.from(addressFromText(address) ?? []));
  const isOurs = (value: Buffer | undefined): boolean => value !== undefined && ours.some((each) => each.equals(value));
  return (datagram) => {
    for (const message of messagesIn(datagram, MESSAGE_HEADER_OCTETS)) {
      const type = message.readUInt16LE(4);
      if (type === RTM_DELADDR) {
        const start = MESSAGE_HEADER_OCTETS + ADDRESS_OCTETS;
        if (isOurs(attributeIn(message, start, IFA_LOCAL) ?? attributeIn(message, start, IFA_ADDRESS))) return true;
      } else if (type === RTM_DELLINK) {
        const name = attributeIn(message, MESSAGE_HEADER_OCTETS + DEVICE_OCTETS, IFLA_IFNAME);
        if (name?.toString('latin1') === `${deviceName}\0`) return true;
      }
    }
    return false;
  };
};
