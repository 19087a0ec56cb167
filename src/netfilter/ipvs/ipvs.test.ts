import { describe, expect, it } from 'vitest';
import { parseConnections } from './connections.ts';
import {
  byService,
  changeVirtualServers,
  parseVirtualServers,
  removeVirtualServers,
  renderVirtualServers,
} from './restore-text.ts';
import { candidates } from './scheduling.ts';

const TEXT = `-A -t 10.96.0.1:443 -s rr
-a -t 10.96.0.1:443 -r 10.0.0.1:6443 -m -w 1
-a -t 10.96.0.1:443 -r 10.0.0.2:6443 -m -w 0
-A -u 10.96.0.10:53 -s mh -p 10800 -b mh-port
-A --sctp-service [fd00::1]:80 -s wlc
-a --sctp-service [fd00::1]:80 -r [fd00::2]:8080 -m -w 3
`;
const servers = (text: string) => byService(parseVirtualServers(text));
const remove = () => 'remove' as const;

describe('the text for ipvsadm', () => {
  it('is read back as it was written', () => {
    expect(renderVirtualServers(parseVirtualServers(TEXT))).toBe(TEXT);
  });

  it('may have services by firewall mark, which are nobody of ours', () => {
    expect(parseVirtualServers('-A -f 1 -s rr\n-a -f 1 -r 10.0.0.1:0 -g -w 1\n')).toEqual([]);
  });

  it('has ipvsadm’s own defaults', () => {
    const [server] = parseVirtualServers('-A -t 10.0.0.1:80 -p\n-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g\n');
    expect(server).toMatchObject({ scheduler: 'wlc', persistentSeconds: 300, realServers: [{ weight: 1 }] });
  });

  it.each(['-A -x 1', '-A -t 10.0.0.1', '-a -t 10.0.0.1:80 stray', '-Z'])('is refused where it says "%s"', (line) => {
    expect(() => parseVirtualServers(line)).toThrow(line);
  });
});

describe('a change of virtual servers', () => {
  it('is nothing where nothing changes', () => {
    expect(changeVirtualServers(servers(TEXT), parseVirtualServers(TEXT), remove)).toBe('');
  });

  it('adds, changes and removes no more than what differs', () => {
    const after = parseVirtualServers(`-A -t 10.96.0.1:443 -s rr -p 60
-a -t 10.96.0.1:443 -r 10.0.0.2:6443 -m -w 1
-a -t 10.96.0.1:443 -r 10.0.0.3:6443 -m -w 1
-A -t 10.96.0.2:80 -s rr
`);
    expect(changeVirtualServers(servers(TEXT), after, remove)).toBe(`-E -t 10.96.0.1:443 -s rr -p 60
-e -t 10.96.0.1:443 -r 10.0.0.2:6443 -m -w 1
-a -t 10.96.0.1:443 -r 10.0.0.3:6443 -m -w 1
-d -t 10.96.0.1:443 -r 10.0.0.1:6443
-A -t 10.96.0.2:80 -s rr
`);
    expect(removeVirtualServers(servers(TEXT), byService(after))).toBe(
      '-D -u 10.96.0.10:53\n-D --sctp-service [fd00::1]:80\n',
    );
  });

  it('leaves a real server with weight 0 while it drains', () => {
    const after = parseVirtualServers('-A -t 10.96.0.1:443 -s rr\n');
    expect(changeVirtualServers(servers(TEXT), after, () => 'drain')).toBe(
      '-e -t 10.96.0.1:443 -r 10.0.0.1:6443 -m -w 0\n',
    );
  });
});

it('reads how many connections a real server has', () => {
  const list = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.0.1:443 rr persistent 10800
  -> 10.0.0.1:6443                Masq    1      2          3
  -> 10.0.0.2:6443                Masq    0      0          0
UDP  [fd00::1]:53 rr
  -> [fd00::2]:53                 Masq    1      0          1
`;
  expect([...parseConnections(list)]).toEqual([
    ['-t 10.96.0.1:443 10.0.0.1:6443', 5],
    ['-t 10.96.0.1:443 10.0.0.2:6443', 0],
    ['-u [fd00::1]:53 [fd00::2]:53', 1],
  ]);
});

describe('scheduling', () => {
  const text = (scheduler: string) => `-A -t 10.0.0.1:80 -s ${scheduler}
-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 1
-a -t 10.0.0.1:80 -r 10.0.0.3:80 -m -w 3
-a -t 10.0.0.1:80 -r 10.0.0.4:80 -m -w 0
`;
  const chances = (scheduler: string) =>
    parseVirtualServers(text(scheduler)).map((server) => candidates(server).map(({ chance }) => chance))[0];

  it('gives nothing to a real server of weight 0', () => {
    expect(chances('rr')).toEqual([0.5, 0.5]);
  });

  it('goes by weights where the scheduler does', () => {
    expect(chances('wrr')).toEqual([0.25, 0.75]);
  });
});
