import { describe, expect, it } from 'vitest';
import type { ServicePort } from '../../model/service-port.ts';
import { endpointChain, isServiceChain, serviceHash } from './chain-names.ts';

const service = (label: string, protocol: ServicePort['protocol']): ServicePort =>
  ({ label, protocol }) as Partial<ServicePort> as ServicePort;
const endpoint = (address: string, port: number) => ({ address, port, isLocal: false });

describe('names of chains', () => {
  // Names that people have seen on their nodes, with kube-proxy.
  it.each([
    ['kube-system/kube-dns:dns', 'udp', 'TCOU7JCQXEZGVUNU'],
    ['kube-system/kube-dns:dns-tcp', 'tcp', 'ERIFXISQEP7F7OF4'],
    ['kube-system/kube-dns:metrics', 'tcp', 'JD5MR3NA4I4DYORP'],
    ['default/hello-world', 'tcp', 'DZ6LTOHRG6HQWHYE'],
    ['default/kubernetes:https', 'tcp', 'NPX46M4PTMTKRN6Y'],
    ['default/hostnames:http', 'tcp', 'AC2ON6IKLZPGXVMV'],
    ['ns1/svc1:p80', 'tcp', 'XPGD46QRK7WJZT7O'],
  ] as const)('of %s over %s end in %s', (label, protocol, expected) => {
    expect(serviceHash(service(label, protocol))).toBe(expected);
  });

  it.each([
    ['default/hostnames:http', '10.168.0.10', 9376, 'KUBE-SEP-UCPOTBP5J6CFWVH3'],
    ['default/hostnames:http', '10.168.1.12', 9376, 'KUBE-SEP-G7HB53TC4RAEG2Q6'],
    ['default/hostnames:http', '10.168.2.21', 9376, 'KUBE-SEP-3J5IS7CK5D2CCCRY'],
    ['default/hello-world', '10.244.2.106', 8080, 'KUBE-SEP-IKXDPMZZPVXN3KBM'],
    ['default/hello-world', '10.244.2.107', 8080, 'KUBE-SEP-EFITTPEGYQM3635G'],
  ] as const)('of an endpoint of %s, %s:%i, are %s', (label, address, port, expected) => {
    expect(endpointChain(service(label, 'tcp'), endpoint(address, port))).toBe(expected);
  });

  it('tell Services and endpoints apart from what all share', () => {
    expect(
      ['KUBE-SVC-A', 'KUBE-SVL-A', 'KUBE-EXT-A', 'KUBE-FW-A', 'KUBE-SEP-A', 'KUBE-XLB-A'].every(isServiceChain),
    ).toBe(true);
    expect(['KUBE-SERVICES', 'KUBE-FORWARD', 'KUBE-FIREWALL', 'KUBE-KUBELET-CANARY'].some(isServiceChain)).toBe(false);
  });
});
