import { describe, expect, it } from 'vitest';
import type { Packet } from '../packet.ts';
import { type IpSet, rangeMember, type SetType, setOptions } from './ip-set.ts';
import { type Direction, isMember } from './membership.ts';
import { changeSets, parseSets, renderSets } from './restore-text.ts';

const set = (name: string, type: SetType, members: readonly string[], family: IpSet['family'] = 'inet'): IpSet => ({
  name,
  type,
  family,
  members: new Set(members),
});

describe('the text for ipset restore', () => {
  it('creates a set where it is missing, empties it and fills it', () => {
    expect(renderSets([set('A', 'hash:ip,port', ['10.0.0.1,tcp:80']), set('B', 'bitmap:port', [])])).toBe(
      `create A hash:ip,port family inet hashsize 1024 maxelem 65536 -exist
flush A
add A 10.0.0.1,tcp:80
create B bitmap:port range 0-65535 -exist
flush B
`,
    );
  });

  it('allows more members where there are more', () => {
    const members = Array.from({ length: 65_537 }, (_, i) => `10.0.0.1,tcp:${i}`);
    expect(setOptions(set('A', 'hash:ip,port', members, 'inet6'))).toBe(
      'hash:ip,port family inet6 hashsize 1024 maxelem 131072',
    );
  });

  it('writes a range of one address as ipset does', () => {
    expect(['10.0.0.1/32', '10.0.0.0/31', 'fd00::1/128', 'fd00::/32'].map(rangeMember)).toEqual([
      '10.0.0.1',
      '10.0.0.0/31',
      'fd00::1',
      'fd00::/32',
    ]);
  });
});

describe('a change of sets', () => {
  const saved = `create A hash:ip,port family inet hashsize 4096 maxelem 65536 bucketsize 12 initval 0x838f335e
add A 10.0.0.1,tcp:80
add A 10.0.0.2,tcp:80
create B bitmap:port range 0-65535
add B 30000
create FOREIGN hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x838f335e
add FOREIGN 10.0.0.9
`;
  const before = parseSets(saved, (name) => name !== 'FOREIGN');

  it('reads what ipset save says, without what belongs to others', () => {
    expect([...before.values()].map(({ name, members }) => [name, ...members])).toEqual([
      ['A', '10.0.0.1,tcp:80', '10.0.0.2,tcp:80'],
      ['B', '30000'],
    ]);
  });

  it('is nothing where nothing changes, however large the hash has grown', () => {
    expect(changeSets(before, [set('A', 'hash:ip,port', ['10.0.0.1,tcp:80', '10.0.0.2,tcp:80'])])).toBe('');
  });

  it('is the members that come and go, and sets that are missing', () => {
    expect(
      changeSets(before, [
        set('A', 'hash:ip,port', ['10.0.0.2,tcp:80', '10.0.0.3,tcp:80']),
        set('C', 'bitmap:port', ['1']),
      ]),
    ).toBe('del A 10.0.0.1,tcp:80\nadd A 10.0.0.3,tcp:80\ncreate C bitmap:port range 0-65535\nadd C 1\n');
  });

  it('swaps in a set of another kind, so that rules see it full all the time', () => {
    expect(changeSets(before, [set('A', 'hash:ip', ['10.0.0.2'])])).toBe(
      `create KUBE-BESIDE hash:ip family inet hashsize 1024 maxelem 65536
add KUBE-BESIDE 10.0.0.2
swap KUBE-BESIDE A
destroy KUBE-BESIDE
`,
    );
  });
});

describe('membership', () => {
  const packet: Packet = { from: '192.168.0.7', to: '10.0.0.1', protocol: 'tcp', port: 80 };
  it.each<[SetType, string, string, boolean]>([
    ['hash:ip', '10.0.0.1', 'dst', true],
    ['hash:ip', '10.0.0.1', 'src', false],
    ['hash:ip,port', '10.0.0.1,tcp:80', 'dst,dst', true],
    ['hash:ip,port', '10.0.0.1,udp:80', 'dst,dst', false],
    ['hash:ip,port', '192.168.0.7,tcp:80', 'src,dst', true],
    ['hash:ip,port,ip', '10.0.0.1,tcp:80,192.168.0.7', 'dst,dst,src', true],
    ['hash:ip,port,ip', '10.0.0.1,tcp:80,192.168.0.8', 'dst,dst,src', false],
    ['hash:ip,port,net', '10.0.0.1,tcp:80,192.168.0.0/24', 'dst,dst,src', true],
    ['hash:ip,port,net', '10.0.0.1,tcp:80,192.168.0.7', 'dst,dst,src', true],
    ['hash:ip,port,net', '10.0.0.1,tcp:80,192.168.1.0/24', 'dst,dst,src', false],
    ['hash:ip,port,net', '10.0.0.1,tcp:8080,192.168.0.0/24', 'dst,dst,src', false],
    ['bitmap:port', '80', 'dst', true],
    ['bitmap:port', '81', 'dst', false],
  ])('of %s with %s by %s is %s', (type, member, directions, is) => {
    expect(isMember(set('A', type, [member]), directions.split(',') as Direction[], packet)).toBe(is);
  });
});
