import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parseCorefile } from '#corefile/parser.ts';
import { type Directive, Faults } from '#corefile/tree.ts';
import { setupPlugin } from '#plugin/testing.ts';
import bind from './index.ts';
import { readListenHosts } from './listen-hosts.ts';

const of = (address: string, family: 'IPv4' | 'IPv6'): NetworkInterfaceInfo =>
  ({ address, family, netmask: '', mac: '', internal: false, cidr: null, scopeid: 0 }) as NetworkInterfaceInfo;

const INTERFACES = {
  lo: [of('127.0.0.1', 'IPv4'), of('::1', 'IPv6')],
  eth0: [of('192.0.2.1', 'IPv4'), of('fe80::1', 'IPv6')],
};

const read = (stanza: string): { hosts: string[]; messages: string[] } => {
  const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${stanza}\n}\n` });
  const faults = new Faults();
  const hosts = readListenHosts(corefile.blocks[0]?.directives[0] as Directive, INTERFACES, faults);
  return { hosts, messages: faults.list.map(({ message }) => message) };
};

describe('bind', () => {
  it.each([
    ['bind 1.2.3.4 ::5', ['1.2.3.4', '::5']],
    ['bind lo', ['127.0.0.1', '::1']],
    ['bind eth0', ['192.0.2.1', 'fe80::1%eth0']],
    ['bind 1.2.3.4\nbind lo {\n except ::1\n}', ['1.2.3.4', '127.0.0.1']],
    ['bind 1.2.3.4 FD00:0::5 1.2.3.4\nbind fd00::5 127.0.0.1 lo', ['1.2.3.4', 'FD00:0::5', '127.0.0.1', '::1']],
  ])('reads %j', (stanza, hosts) => {
    expect(read(stanza)).toEqual({ hosts, messages: [] });
  });

  it.each([
    ['bind', 'at least one address or interface name is expected'],
    ['bind wlan9', 'not a valid IP address or interface name: "wlan9"'],
    ['bind lo {\n except\n}', 'at least one address or interface must be given to except subdirective'],
    ['bind lo {\n except lo\n}', 'no address is left to listen on'],
    ['bind lo {\n expect ::1\n}', 'invalid option "expect"'],
  ])('refuses %j', (stanza, message) => {
    expect(read(stanza).messages).toEqual([message]);
  });

  it('sets the hosts of its server block', () => {
    expect(setupPlugin(bind, 'bind 127.0.0.1').block.settings.listenHosts).toEqual(['127.0.0.1']);
  });
});
