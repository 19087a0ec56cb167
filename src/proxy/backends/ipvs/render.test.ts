import { describe, expect, it } from 'vitest';
import { projectEndpointSlice } from '#kube/objects/endpoint-slice.ts';
import { projectService } from '#kube/objects/service.ts';
import { parseVirtualServers, renderVirtualServers } from '#netfilter/ipvs/restore-text.ts';
import { packetTable } from '#test/packet-table/packet-table.ts';
import { ClusterModel } from '../../model/cluster-model.ts';
import type { ServicePorts } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { diff } from './diff.ts';
import { PARTS, render } from './render.ts';
import { setName } from './sets.ts';

const OPTIONS: RuleOptions = {
  family: 'IPv4',
  localTraffic: { by: 'cidr', cidr: '10.0.0.0/8' },
  masqueradeAll: false,
  masqueradeMark: 0x4000,
  nodePortAddresses: 'all',
  localhostNodePorts: false,
  conntrackTcpBeLiberal: false,
  serviceCidrs: [],
  hasRandomFully: true,
  hasNfacct: false,
  ipvs: { nodeAddresses: ['192.168.0.2', '127.0.0.1'] },
};

const service = (name: string, spec: object, status: object = {}) =>
  projectService({ metadata: { namespace: 'shop', name }, spec, status });
const slice = (name: string, port: object, addresses: readonly string[]) =>
  projectEndpointSlice({
    metadata: { namespace: 'shop', name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [port],
    endpoints: addresses.map((address, i) => ({ addresses: [address], nodeName: i === 0 ? 'here' : 'there' })),
  });

const ports = (...objects: (ReturnType<typeof service> | ReturnType<typeof slice>)[]): ServicePorts => {
  const model = new ClusterModel({ nodeName: 'here', families: ['IPv4'] });
  for (const object of objects) if (object !== null) model.apply({ type: 'set', object });
  return model.take('IPv4').ports;
};

const DNS = [
  service('dns', {
    clusterIP: '172.30.0.10',
    ports: [{ port: 53, protocol: 'UDP' }],
    sessionAffinity: 'ClientIP',
  }),
  slice('dns', { port: 5353, protocol: 'UDP' }, ['10.1.0.1', '10.1.0.2']),
];
const WEB = [
  service(
    'web',
    {
      type: 'LoadBalancer',
      clusterIP: '172.30.0.7',
      ports: [{ port: 80, nodePort: 30080 }],
      externalIPs: ['198.51.100.9'],
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 32000,
      loadBalancerSourceRanges: ['203.0.113.0/25', '203.0.113.200/32'],
    },
    { loadBalancer: { ingress: [{ ip: '198.51.100.11' }] } },
  ),
  slice('web', { port: 8080 }, ['10.1.0.1', '10.1.0.2']),
];

const all = ports(...DNS, ...WEB);

describe('the text of IPVS mode', () => {
  it('has real servers by policy, and clients that stay with theirs', () => {
    expect(render(all, OPTIONS, { part: 'ipvsadm' })).toBe(`-C
-A -u 172.30.0.10:53 -s rr -p 10800
-a -u 172.30.0.10:53 -r 10.1.0.1:5353 -m -w 1
-a -u 172.30.0.10:53 -r 10.1.0.2:5353 -m -w 1
-A -t 172.30.0.7:80 -s rr
-a -t 172.30.0.7:80 -r 10.1.0.1:8080 -m -w 1
-a -t 172.30.0.7:80 -r 10.1.0.2:8080 -m -w 1
-A -t 198.51.100.9:80 -s rr
-a -t 198.51.100.9:80 -r 10.1.0.1:8080 -m -w 1
-A -t 198.51.100.11:80 -s rr
-a -t 198.51.100.11:80 -r 10.1.0.1:8080 -m -w 1
-A -t 192.168.0.2:30080 -s rr
-a -t 192.168.0.2:30080 -r 10.1.0.1:8080 -m -w 1
`);
  });

  it('has every set, with the members that belong there', () => {
    const text = render(all, OPTIONS, { part: 'ipset' });
    expect(text.match(/^create /gm)).toHaveLength(17);
    expect(text.match(/^add .*$/gm)).toEqual([
      'add KUBE-LOOP-BACK 10.1.0.1,udp:5353,10.1.0.1',
      'add KUBE-LOOP-BACK 10.1.0.1,tcp:8080,10.1.0.1',
      'add KUBE-CLUSTER-IP 172.30.0.10,udp:53',
      'add KUBE-CLUSTER-IP 172.30.0.7,tcp:80',
      'add KUBE-EXTERNAL-IP-LOCAL 198.51.100.9,tcp:80',
      'add KUBE-LOAD-BALANCER 198.51.100.11,tcp:80',
      'add KUBE-LOAD-BALANCER-FW 198.51.100.11,tcp:80',
      'add KUBE-LOAD-BALANCER-LOCAL 198.51.100.11,tcp:80',
      'add KUBE-LOAD-BALANCER-SOURCE-CIDR 198.51.100.11,tcp:80,203.0.113.0/25',
      'add KUBE-LOAD-BALANCER-SOURCE-CIDR 198.51.100.11,tcp:80,203.0.113.200',
      'add KUBE-NODE-PORT-TCP 30080',
      'add KUBE-NODE-PORT-LOCAL-TCP 30080',
      'add KUBE-HEALTH-CHECK-NODE-PORT 32000',
      'add KUBE-IPVS-IPS 172.30.0.10',
      'add KUBE-IPVS-IPS 172.30.0.7',
      'add KUBE-IPVS-IPS 198.51.100.9',
      'add KUBE-IPVS-IPS 198.51.100.11',
    ]);
  });

  it('blocks the node from a load balancer whose ranges it is not in', () => {
    expect(render(all, OPTIONS, { part: 'iptables' })).toContain(
      '-A KUBE-IPVS-OUT-FILTER -s 198.51.100.11 -m ipvs --vaddr 198.51.100.11 --vproto tcp --vport 80 -j DROP\n',
    );
  });

  it('puts no address of the node on the link', () => {
    const options = { ...OPTIONS, ipvs: { nodeAddresses: ['198.51.100.9'] } };
    expect(render(all, options, { part: 'addresses' })).toBe(`link add kube-ipvs0 type dummy
address flush dev kube-ipvs0
address replace 172.30.0.10/32 dev kube-ipvs0
address replace 172.30.0.7/32 dev kube-ipvs0
address replace 198.51.100.11/32 dev kube-ipvs0
`);
  });

  it('follows its options', () => {
    const ipvs = { scheduler: 'mh', excludeCidrs: ['192.0.2.0/24'], strictArp: true, udpTimeout: 30 };
    const text = render(ports(...DNS), { ...OPTIONS, ipvs });
    expect(text).toContain('-A -u 172.30.0.10:53 -s mh -p 10800 -b mh-port\n');
    expect(text).toContain('\n--set 0 0 30\n');
    expect(text).toContain('arp_ignore = 1\n');
    expect(text).not.toContain('\n-C\n');
  });

  it('says what loads each part', () => {
    const text = render(all, OPTIONS, { isExplained: true });
    expect(text.match(/^# part .*$/gm)).toEqual([
      '# part sysctl, loaded by: sysctl -p -',
      '# part ipset, loaded by: ipset restore',
      '# part iptables, loaded by: iptables-restore --noflush',
      '# part ipvsadm, loaded by: ipvsadm --restore',
      '# part addresses, loaded by: ip -force -batch -',
    ]);
    expect(text).toContain('# KUBE-CLUSTER-IP: cluster IPs, 2\n');
    expect(
      PARTS.map((part) => render(all, OPTIONS, { part, isExplained: true })).every((part) => text.includes(part)),
    ).toBe(true);
  });

  it('has names that ipset takes, in both families', () => {
    expect(setName('KUBE-LOAD-BALANCER-SOURCE-CIDR', 'IPv6')).toBe('KUBE-6-LOAD-BALANCER-SOURCE-CID');
    expect(setName('KUBE-CLUSTER-IP', 'IPv6')).toBe('KUBE-6-CLUSTER-IP');
  });

  it('is read back as it was written, for every case of the packet table', () => {
    for (const { ports: services, options } of packetTable('ipvs')) {
      const text = render(services, options, { part: 'ipvsadm' });
      expect(`-C\n${renderVirtualServers(parseVirtualServers(text))}`).toBe(text);
    }
  });
});

describe('a difference', () => {
  it('is nothing where nothing changes', () => {
    expect(diff(all, ports(...WEB, ...DNS), OPTIONS)).toBe('');
  });

  it('is what each tool has to be told, in order', () => {
    const fewer = [
      service('web', { clusterIP: '172.30.0.7', ports: [{ port: 80 }] }),
      slice('web', { port: 8080 }, ['10.1.0.1']),
    ];
    const more = [
      service('web', { clusterIP: '172.30.0.7', ports: [{ port: 80 }] }),
      slice('web', { port: 8080 }, ['10.1.0.1', '10.1.0.3']),
    ];
    expect(diff(ports(...more, ...DNS), ports(...fewer, ...DNS), OPTIONS)).toBe(
      '# loaded by: ipvsadm --restore\n-e -t 172.30.0.7:80 -r 10.1.0.3:8080 -m -w 0\n',
    );
    expect(diff(ports(...fewer, ...DNS), ports(...fewer), OPTIONS)).toBe(`# loaded by: ipset restore
del KUBE-LOOP-BACK 10.1.0.1,udp:5353,10.1.0.1
del KUBE-CLUSTER-IP 172.30.0.10,udp:53
del KUBE-IPVS-IPS 172.30.0.10

# loaded by: ipvsadm --restore
-D -u 172.30.0.10:53

# loaded by: ip -force -batch -
address delete 172.30.0.10/32 dev kube-ipvs0
`);
  });
});
