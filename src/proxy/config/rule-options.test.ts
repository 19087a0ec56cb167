import { describe, expect, it } from 'vitest';
import { projectNode } from '#kube/objects/node.ts';
import type { IpFamily, RuleOptions } from '../rule-options.ts';
import { nodeAddresses } from './node-addresses.ts';
import { readSettings } from './read-settings.ts';
import { localTrafficProblem, ruleOptions, USUAL_PROBES } from './rule-options.ts';

const node = projectNode({
  metadata: { name: 'node-1' },
  spec: { podCIDRs: ['10.244.1.0/24', 'fd00:1::/64'] },
  status: {
    addresses: [
      { type: 'Hostname', address: 'node-1' },
      { type: 'ExternalIP', address: '1.2.3.4' },
      { type: 'InternalIP', address: '192.168.0.2' },
      { type: 'InternalIP', address: 'fd00::2' },
      { type: 'InternalIP', address: '192.168.0.3' },
    ],
  },
});
const localAddresses = ['127.0.0.1', '::1', '192.168.0.2', '10.0.0.1', 'fd00::2', 'fe80::1'];

const optionsOf = (args: readonly string[], family: IpFamily = 'IPv4', withNode = node): RuleOptions => {
  const { settings, faults } = readSettings(args);
  expect(faults).toEqual([]);
  const serviceCidrs = ['10.96.0.0/12', 'fd00:10::/108'];
  return ruleOptions(settings, { family, node: withNode, localAddresses, serviceCidrs, probes: USUAL_PROBES });
};

describe('traffic of own Pods', () => {
  it.each<readonly [string, readonly string[], IpFamily, RuleOptions['localTraffic']]>([
    ['the cluster CIDR', ['--cluster-cidr=10.0.0.0/8'], 'IPv4', { by: 'cidr', cidr: '10.0.0.0/8' }],
    ['none where it is of another family', ['--cluster-cidr=10.0.0.0/8'], 'IPv6', { by: 'none' }],
    ['that of the family of two', ['--cluster-cidr=10.0.0.0/8,fd00::/48'], 'IPv6', { by: 'cidr', cidr: 'fd00::/48' }],
    ['the podCIDR of the Node', ['--detect-local-mode=NodeCIDR'], 'IPv6', { by: 'cidr', cidr: 'fd00:1::/64' }],
    [
      'the bridge',
      ['--detect-local-mode=BridgeInterface', '--pod-bridge-interface=cni0'],
      'IPv4',
      { by: 'interface', name: 'cni0' },
    ],
    [
      'names of interfaces',
      ['--detect-local-mode=InterfaceNamePrefix', '--pod-interface-name-prefix=veth'],
      'IPv4',
      { by: 'interface-prefix', prefix: 'veth' },
    ],
  ])('is known by %s', (_, args, family, expected) => {
    expect(optionsOf(args, family).localTraffic).toEqual(expected);
  });

  it('is not known by a Node without podCIDR, and the log says so', () => {
    const { settings } = readSettings(['--detect-local-mode=NodeCIDR']);
    expect(optionsOf(['--detect-local-mode=NodeCIDR'], 'IPv4', null).localTraffic).toEqual({ by: 'none' });
    expect(localTrafficProblem(settings, { family: 'IPv4', node: null })).toContain('no podCIDR of IPv4');
    expect(localTrafficProblem(settings, { family: 'IPv4', node })).toBe('');
  });
});

describe('what only IPVS asks for', () => {
  it('comes from its flags, and from the addresses of the machine that others can reach', () => {
    const flags = [
      '--ipvs-scheduler=lc',
      '--ipvs-strict-arp',
      '--ipvs-udp-timeout=5m',
      '--ipvs-exclude-cidrs=10.1.0.0/16',
    ];
    expect(optionsOf(['--proxy-mode=ipvs', ...flags]).ipvs).toEqual({
      scheduler: 'lc',
      excludeCidrs: ['10.1.0.0/16'],
      strictArp: true,
      tcpTimeout: 0,
      tcpFinTimeout: 0,
      udpTimeout: 300,
      nodeAddresses: ['10.0.0.1', '192.168.0.2'],
    });
    expect(optionsOf(['--proxy-mode=ipvs'], 'IPv6').ipvs).toMatchObject({
      scheduler: 'rr',
      nodeAddresses: ['fd00::2'],
    });
  });

  it('is left out in other modes', () => {
    expect(optionsOf(['--proxy-mode=iptables', '--ipvs-scheduler=lc']).ipvs).toBeUndefined();
  });
});

describe('node port addresses', () => {
  it.each<readonly [string, readonly string[], IpFamily, RuleOptions['nodePortAddresses']]>([
    ['the primary address in nftables mode', [], 'IPv4', ['192.168.0.2']],
    ['the primary address of IPv6', [], 'IPv6', ['fd00::2']],
    ['that of --bind-address', ['--bind-address=10.0.0.1'], 'IPv4', ['10.0.0.1']],
    ['all in iptables mode', ['--proxy-mode=iptables'], 'IPv4', 'all'],
    [
      'the primary one in iptables mode on demand',
      ['--proxy-mode=iptables', '--nodeport-addresses=primary'],
      'IPv4',
      ['192.168.0.2'],
    ],
    ['those in a range', ['--nodeport-addresses=10.0.0.0/8,192.168.0.0/16'], 'IPv4', ['10.0.0.1', '192.168.0.2']],
    ['all of a family without a range', ['--nodeport-addresses=10.0.0.0/8'], 'IPv6', 'all'],
    ['all where a range has all', ['--nodeport-addresses=10.0.0.0/8,0.0.0.0/0'], 'IPv4', 'all'],
    [
      '127.0.0.1 where a range has it, in iptables mode',
      ['--proxy-mode=iptables', '--nodeport-addresses=127.0.0.0/8'],
      'IPv4',
      ['127.0.0.1'],
    ],
    ['no 127.0.0.1 in nftables mode', ['--nodeport-addresses=127.0.0.0/8'], 'IPv4', []],
    ['no ::1', ['--proxy-mode=iptables', '--nodeport-addresses=::/1,10.0.0.0/8'], 'IPv6', []],
  ])('are %s', (_, args, family, expected) => {
    expect(optionsOf(args, family).nodePortAddresses).toEqual(expected);
  });

  it('are none where the Node is not known', () => {
    expect(optionsOf([], 'IPv4', null).nodePortAddresses).toEqual([]);
  });
});

describe('node ports on 127.0.0.1', () => {
  it.each<readonly [readonly string[], IpFamily, boolean]>([
    [[], 'IPv4', false],
    [['--iptables-localhost-nodeports'], 'IPv4', true],
    [['--iptables-localhost-nodeports'], 'IPv6', false],
    [['--proxy-mode=iptables'], 'IPv4', true],
    [['--proxy-mode=iptables'], 'IPv6', false],
    [['--proxy-mode=iptables', '--iptables-localhost-nodeports=false'], 'IPv4', false],
    [['--proxy-mode=ipvs', '--iptables-localhost-nodeports'], 'IPv4', false],
    [['--proxy-mode=iptables', '--nodeport-addresses=10.0.0.0/8'], 'IPv4', false],
    [['--proxy-mode=iptables', '--nodeport-addresses=primary'], 'IPv4', false],
    [['--proxy-mode=iptables', '--nodeport-addresses=127.0.0.0/8'], 'IPv4', true],
  ])('with %j and %s: %s', (args, family, expected) => {
    expect(optionsOf(args, family).localhostNodePorts).toBe(expected);
  });
});

describe('other options of rules', () => {
  it('come from the settings', () => {
    const args = ['--iptables-masquerade-bit=31', '--masquerade-all', '--conntrack-tcp-be-liberal'];
    expect(optionsOf(args, 'IPv6')).toMatchObject({
      family: 'IPv6',
      masqueradeAll: true,
      masqueradeMark: 0x80000000,
      conntrackTcpBeLiberal: true,
      serviceCidrs: ['fd00:10::/108'],
    });
  });
});

describe("the node's addresses", () => {
  it('are the first InternalIP of each family', () => {
    expect(nodeAddresses('', node)).toEqual({ IPv4: '192.168.0.2', IPv6: 'fd00::2' });
  });

  it('are what --bind-address says in its family', () => {
    expect(nodeAddresses('10.9.9.9', node)).toEqual({ IPv4: '10.9.9.9', IPv6: 'fd00::2' });
    expect(nodeAddresses('', null)).toEqual({ IPv4: '', IPv6: '' });
  });
});
