import { afterEach, describe, expect, it } from 'vitest';
import { ENOBUFS, NETLINK_ROUTE, SO_RCVBUFFORCE } from './constants.ts';
import { type Libc, loadLibc } from './libc.ts';
import { NetlinkSocket } from './netlink-socket.ts';

const libc = await loadLibc();
const EPERM = 1;
const EBADF = 9;
/** Of linux/netlink.h and linux/rtnetlink.h. */
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTNLGRP_LINK = 1;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;

const opened: NetlinkSocket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.close();
});
const open = (calls: Libc = libc, protocol = NETLINK_ROUTE): NetlinkSocket => {
  const socket = NetlinkSocket.open(calls, protocol, 65_536);
  opened.push(socket);
  return socket;
};
/** Reading fails with this errno. */
const failing = (errno: number): Libc => ({ ...libc, read: () => -1, errno: () => errno });

describe('NetlinkSocket', () => {
  it('reads what the kernel says until nothing waits', () => {
    const socket = open();
    const into = Buffer.alloc(65_536);
    expect(socket.receive(into)).toBe(0);
    // nlmsghdr and an empty ifinfomsg: the network interfaces.
    const request = Buffer.alloc(32);
    request.writeUInt32LE(request.length, 0);
    request.writeUInt16LE(RTM_GETLINK, 4);
    request.writeUInt16LE(NLM_F_REQUEST | NLM_F_DUMP, 6);
    libc.write(socket.fd, request, request.length);
    const types = new Set<number>();
    let names = '';
    for (let octets = socket.receive(into); octets !== 0; octets = socket.receive(into)) {
      const datagram = into.subarray(0, octets as number);
      names += datagram.toString('latin1');
      for (let at = 0; at < datagram.length; at += datagram.readUInt32LE(at)) types.add(datagram.readUInt16LE(at + 4));
    }
    expect(types).toEqual(new Set([RTM_NEWLINK, NLMSG_DONE]));
    expect(names).toContain('lo\0');
  });

  it('joins groups and leaves them', () => {
    const socket = open();
    socket.join(RTNLGRP_LINK);
    socket.leave(RTNLGRP_LINK);
    expect(() => socket.join(1_000_000)).toThrow('setsockopt: EINVAL');
  });

  it('says that something was lost, and fails where the socket does', () => {
    const into = new Uint8Array(1000);
    expect(open(failing(ENOBUFS)).receive(into)).toBe('lost');
    expect(() => open(failing(EBADF)).receive(into)).toThrow('read: EBADF');
  });

  it('says why it does not open, and keeps no descriptor of the attempt', () => {
    const free = libc.eventfd(0, 0);
    libc.close(free);
    expect(() => open(libc, 999)).toThrow('socket: EPROTONOSUPPORT');
    expect(() => open({ ...libc, bind: () => -1, errno: () => EPERM })).toThrow('bind: EPERM');
    const next = libc.eventfd(0, 0);
    libc.close(next);
    expect(next).toBe(free);
  });

  it('takes the buffer that the system gives where it may not have a larger one', () => {
    let isRefused = false;
    const calls: Libc = {
      ...libc,
      setsockopt: (fd, level, option, value, octets) => {
        if (option !== SO_RCVBUFFORCE) return libc.setsockopt(fd, level, option, value, octets);
        isRefused = true;
        return -1;
      },
    };
    expect(open(calls).receive(new Uint8Array(10))).toBe(0);
    expect(isRefused).toBe(true);
  });
});
