import { describe, expect, it } from 'vitest';
import { readTarget } from './target.ts';

const address = (text: string, port: number | null = null, protocol: string | null = null) => ({
  kind: 'address',
  address: text,
  port,
  protocol,
});
const service = (
  namespace: string | null,
  name: string,
  port: string | null = null,
  protocol: string | null = null,
) => ({
  kind: 'service',
  namespace,
  name,
  port,
  protocol,
});

describe('what somebody asks the Service proxy about', () => {
  it.each([
    ['10.96.0.10', address('10.96.0.10')],
    ['10.96.0.10:53', address('10.96.0.10', 53)],
    ['10.96.0.10:53/UDP', address('10.96.0.10', 53, 'udp')],
    ['10.96.0.10/tcp', address('10.96.0.10', null, 'tcp')],
    ['fd00::1', address('fd00::1')],
    ['[FD00:0:0::1]:80', address('fd00::1', 80)],
    ['[fd00::1]:80/sctp', address('fd00::1', 80, 'sctp')],
    ['[fd00::1]', address('fd00::1')],
    ['::ffff:10.0.0.1', address('10.0.0.1')],
  ])('%s is an address', (text, expected) => {
    expect(readTarget(text)).toEqual(expected);
  });

  it.each([
    ['hello-world', service(null, 'hello-world')],
    ['hello-world:80', service(null, 'hello-world', '80')],
    ['kube-system/kube-dns', service('kube-system', 'kube-dns')],
    ['kube-system/kube-dns:dns', service('kube-system', 'kube-dns', 'dns')],
    ['kube-system/kube-dns:53/udp', service('kube-system', 'kube-dns', '53', 'udp')],
    ['default/tcp', service('default', 'tcp')],
  ])('%s is a Service', (text, expected) => {
    expect(readTarget(text)).toEqual(expected);
  });

  it.each([
    ['', 'neither IP:PORT'],
    ['10.96.0.010:80', '"10.96.0.010" is not an IP address'],
    ['10.96.0:80', '"10.96.0" is not an IP address'],
    ['[10.96.0.1.2]:80', '"10.96.0.1.2" is not an IP address'],
    ['10.96.0.10:0', '"0" is not a port'],
    ['10.96.0.10:70000', '"70000" is not a port'],
    ['10.96.0.10:dns', '"dns" is not a port'],
    ['10.96.0.10:', '"" is not a port'],
    ['10.96.0.10:53/icmp', 'one of tcp, udp and sctp'],
    ['a/b/c', 'neither IP:PORT'],
    ['Kube_DNS', 'neither IP:PORT'],
    ['a:b:c', 'neither IP:PORT'],
  ])('"%s" is refused in words', (text, message) => {
    expect(readTarget(text)).toContain(message);
  });
});
