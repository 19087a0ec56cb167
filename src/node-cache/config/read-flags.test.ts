import { describe, expect, it } from 'vitest';
import type { NodeCacheSettings } from '../settings.ts';
import { NODE_CACHE_FLAGS, nodeCacheUsage } from './flags.ts';
import { type Environment, readNodeCacheFlags } from './read-flags.ts';

const ENV: Environment = { KUBE_DNS_SERVICE_HOST: '10.96.200.1' };
const LOCAL = ['-localip', '169.254.20.10,10.96.0.10'];

const read = (args: readonly string[], env = ENV): { settings: NodeCacheSettings; warnings: readonly string[] } => {
  const command = readNodeCacheFlags(args, env);
  if (!('settings' in command)) throw new Error(JSON.stringify(command));
  return command;
};
const settingsOf = (...args: string[]): NodeCacheSettings => read([...LOCAL, ...args]).settings;
const warningsOf = (args: readonly string[], env = ENV): readonly string[] => read(args, env).warnings;
const faultsOf = (args: readonly string[], env = ENV): readonly string[] => {
  const command = readNodeCacheFlags(args, env);
  return 'faults' in command ? command.faults : [];
};
/** Faults of these flags beside a good -localip. */
const faults = (...args: string[]): readonly string[] => faultsOf([...LOCAL, ...args]);

describe('the flags of node-cache', () => {
  it('have its defaults', () => {
    expect(read(LOCAL)).toEqual({
      settings: {
        addresses: [
          { address: '169.254.20.10', family: 4 },
          { address: '10.96.0.10', family: 4 },
        ],
        dnsPort: 53,
        healthPort: 8080,
        interfaceName: 'nodelocaldns',
        rules: 'nftables',
        fallback: { 4: '10.96.200.1', 6: null },
        markBit: 0x2000,
        syncMs: 60_000,
        skipTeardown: false,
        metricsAddress: '0.0.0.0:9353',
        baseCorefile: '/etc/coredns/Corefile.base',
        corefile: '/etc/Corefile',
        kubeDnsDirectory: '/etc/kube-dns',
        clusterDns: '10.96.200.1',
        upstreamService: 'kube-dns',
        pidfile: '',
        logFormat: 'text',
        udpListener: 'auto',
        quiet: false,
      },
      warnings: [],
    });
  });

  it('are those of the manifest in use', () => {
    const args = '-localip 169.254.20.10,10.96.0.10 -conf /etc/Corefile -upstreamsvc kube-dns-upstream';
    const { settings, warnings } = read([...args.split(' '), '-pidfile', '/tmp/node-cache.pid'], {
      KUBE_DNS_UPSTREAM_SERVICE_HOST: '10.96.44.7',
    });
    expect(settings).toMatchObject({
      corefile: '/etc/Corefile',
      clusterDns: '10.96.44.7',
      pidfile: '/tmp/node-cache.pid',
    });
    expect(warnings).toEqual([]);
  });

  it.each([
    ['one dash and a blank', ['-interfacename', 'dns0']],
    ['two dashes', ['--interfacename', 'dns0']],
    ['an equals sign', ['--interfacename=dns0']],
    ['the last of two', ['-interfacename=dns1', '-interfacename=dns0']],
    ['a terminator behind them', ['-interfacename', 'dns0', '--']],
  ])("are written in Go's syntax: %s", (_, args) => {
    expect(settingsOf(...args).interfaceName).toBe('dns0');
  });

  it('take booleans by name and with a value', () => {
    expect(settingsOf('-skipteardown').skipTeardown).toBe(true);
    expect(settingsOf('-skipteardown=T').skipTeardown).toBe(true);
    expect(settingsOf('--skipteardown=false').skipTeardown).toBe(false);
    expect(settingsOf('-setupinterface=0').interfaceName).toBe('');
    expect(settingsOf('-setupiptables=false').rules).toBe('none');
    expect(settingsOf('-setupiptables=false', '-rules', 'none').rules).toBe('none');
    expect(settingsOf('-rules=iptables').rules).toBe('iptables');
    expect(settingsOf('-reloadwithsignal=true')).toEqual(settingsOf());
  });

  it.each([
    ['60', 60_000],
    ['60ns', 60_000],
    ['90s', 90_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['60000000000ns', 60_000],
  ])('read -syncinterval=%s as people mean it', (text, ms) => {
    expect(settingsOf(`-syncinterval=${text}`).syncMs).toBe(ms);
  });

  it.each([
    ['13', 0x2000],
    ['0', 1],
    ['31', 0x8000_0000],
    ['0x10000', 0x1_0000],
    ['0x1', 1],
    ['8192', 0x2000],
  ])('read -fallback-mark-bit=%s as a number or a mask', (text, mask) => {
    expect(settingsOf(`-fallback-mark-bit=${text}`).markBit).toBe(mask);
  });

  it('take both address families at once, each address in one spelling and once', () => {
    const { settings, warnings } = read(['-localip', '169.254.20.10, FD00:0::A,169.254.20.10,fd00::169:254,fd00::a']);
    expect(settings.addresses).toEqual([
      { address: '169.254.20.10', family: 4 },
      { address: 'fd00::a', family: 6 },
      { address: 'fd00::169:254', family: 6 },
    ]);
    expect(settings.fallback).toEqual({ 4: '10.96.200.1', 6: null });
    expect(warnings).toHaveLength(1);
  });

  it('let -p stand for -dns.port', () => {
    expect(settingsOf('-p', '1053').dnsPort).toBe(1053);
    expect(settingsOf('-dns.port=1053').dnsPort).toBe(1053);
  });

  it('serve what -conf names, and what -corefile names where it is not given', () => {
    expect(settingsOf('-conf', '/run/Corefile').corefile).toBe('/run/Corefile');
    expect(settingsOf('-corefile', '/run/other').corefile).toBe('/run/other');
    const both = read([...LOCAL, '-corefile', '/run/other', '-conf', '/run/Corefile']);
    expect(both.settings.corefile).toBe('/run/Corefile');
    expect(both.warnings).toEqual([
      '-corefile /run/other has no effect: -conf /run/Corefile is the file that is written and served',
    ]);
  });

  it('ask for help, the version or the plugins whatever else is wrong', () => {
    expect(readNodeCacheFlags(['-h'], {})).toEqual({ ask: 'help' });
    expect(readNodeCacheFlags(['-version', '-nonsense'], {})).toEqual({ ask: 'version' });
    expect(readNodeCacheFlags(['-plugins'], {})).toEqual({ ask: 'plugins' });
  });

  it('are all in the help', () => {
    for (const { name } of NODE_CACHE_FLAGS) expect(nodeCacheUsage).toMatch(new RegExp(`^ {2}-${name}\\b`, 'm'));
    expect(nodeCacheUsage).toMatch(/^ {2}-setupiptables {2,}keep .* \(default true\)$/m);
    expect(nodeCacheUsage).toMatch(/^ {2}-interfacename NAME {2,}name of the link \(default nodelocaldns\)$/m);
  });
});

describe('the fallback', () => {
  it('is that of -fallback for its family', () => {
    const { fallback } = read(['-localip', '169.254.20.10,fd00::a', '-fallback', 'fd00::1']).settings;
    expect(fallback).toEqual({ 4: '10.96.200.1', 6: 'fd00::1' });
    expect(settingsOf('-fallback', '10.0.0.1,fd00::1').fallback).toEqual({ 4: '10.0.0.1', 6: 'fd00::1' });
  });

  it('is the first address that is not link-local where the environment has no Service', () => {
    expect(read(LOCAL, {}).settings.fallback).toEqual({ 4: '10.96.0.10', 6: null });
  });

  it('is the address that has Services beside it where several could be', () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.96.0.1', OTHER_SERVICE_HOST: 'fd00:10:96::77' };
    const { settings, warnings } = read(['-localip', '192.168.255.53,10.96.0.10,fd00:254::53,fd00:10:96::a'], env);
    expect(settings.fallback).toEqual({ 4: '10.96.0.10', 6: 'fd00:10:96::a' });
    expect(warnings).toHaveLength(1);
  });

  it('is missed where there is none', () => {
    const text = (address: string): string =>
      `there is no fallback for ${address}, but for what is a cluster IP: queries are lost while no cache answers; -fallback names the cluster's DNS`;
    expect(warningsOf(['-localip', '169.254.20.10'], {})).toContain(text('169.254.20.10'));
    const ofIPv6 = { KUBE_DNS_SERVICE_HOST: 'fd00::1' };
    expect(warningsOf(['-localip', '169.254.20.10'], ofIPv6)).toEqual([text('169.254.20.10')]);
    expect(warningsOf(['-localip', '169.254.20.10', '-rules', 'iptables'], ofIPv6)).toEqual([]);
    expect(warningsOf(['-localip', '169.254.20.10', '-rules', 'none'], ofIPv6)).toEqual([]);
    const made = read(['-localip', 'fd00:254::53,fd00:10:96::a']);
    expect(made.settings.fallback[6]).toBeNull();
    expect(made.warnings).toEqual([text('fd00:254::53 and fd00:10:96::a')]);
    expect(warningsOf(['-localip', 'fd00:10:96::a'])).toEqual([]);
  });
});

describe('the upstream Service', () => {
  it('is missed with a warning that says what it needs', () => {
    expect(read([...LOCAL, '-upstreamsvc', 'kube-dns-upstream']).settings.clusterDns).toBeNull();
    expect(warningsOf([...LOCAL, '-upstreamsvc', 'kube-dns-upstream'])).toEqual([
      'KUBE_DNS_UPSTREAM_SERVICE_HOST is not in the environment: the Service "kube-dns-upstream" (-upstreamsvc) must be in the namespace of this Pod, with a cluster IP, before the Pod starts',
    ]);
  });

  it('must have an address', () => {
    expect(faultsOf(LOCAL, { KUBE_DNS_SERVICE_HOST: 'None' })).toEqual([
      'KUBE_DNS_SERVICE_HOST in the environment (-upstreamsvc kube-dns): "None" is not an IP address',
    ]);
  });
});

describe('a command line with faults', () => {
  it('has all of them told, each with its flag', () => {
    expect(
      faultsOf([
        '-localip=169.254.20.10,10.96.0.300,,fe80::1%eth0,10.0.0.1:53',
        '-dns.port=dns',
        '-health-port=0',
        '-syncinterval=soon',
        '-metrics-listen-address=9353',
        '-interfacename=much-too-long-a-name',
        '-rules=ebtables',
        '-fallback-mark-bit=0x4000',
        '-setupinterface=maybe',
        '-locallip=1',
        'more',
      ]),
    ).toEqual([
      'invalid boolean value "maybe" for -setupinterface: parse error',
      'flag provided but not defined: -locallip (did you mean "-localip"?)',
      'extra command line arguments: [more]',
      '-localip: "10.96.0.300" is not an IP address',
      '-localip: an address is missing: a comma too many, or nothing at all',
      '-localip: "fe80::1%eth0" is not an IP address: write it without "%" and what follows',
      '-localip: "10.0.0.1:53" is not an IP address: no port, brackets or prefix length belong here',
      '-rules: "ebtables" is none of nftables, iptables and none',
      '-metrics-listen-address: address 9353: missing port in address: write HOST:PORT',
      '-dns.port: "dns" is not a port (1 to 65535)',
      '-health-port: "0" is not a port (1 to 65535)',
      '-interfacename: "much-too-long-a-name" is not a name of a link: 1 to 15 characters without blanks, "/", ":" and "%"',
      "-fallback-mark-bit: bit 0x4000 is kube-proxy's, for masquerading: take another one",
      '-syncinterval: "soon" is not a time: write seconds (60) or a duration (60s, 2m)',
    ]);
  });

  it('has no address', () => {
    expect(faultsOf([])).toEqual(['-localip: no address is given: name those that the cache is to answer on']);
    expect(faultsOf(['-localip'])).toContain('flag needs an argument: -localip');
  });

  it.each([
    ['::ffff:10.0.0.1', '"::ffff:10.0.0.1" is an IPv4 address in the form of IPv6: write 10.0.0.1'],
    ['0.0.0.0', '"0.0.0.0" stands for all addresses, not for one'],
    ['::', '"::" stands for all addresses, not for one'],
    ['fe80::1', 'fe80::1 is link-local, which in IPv6 no client can ask: take one of fd00::/8'],
    ['224.0.0.1', '"224.0.0.1" is not the address of one host'],
    ['ff02::1', '"ff02::1" is not the address of one host'],
    ['010.0.0.1', '"010.0.0.1" is not an IP address'],
    ['10.0.0.1/32', '"10.0.0.1/32" is not an IP address: no port, brackets or prefix length belong here'],
    ['[::1]', '"[::1]" is not an IP address: no port, brackets or prefix length belong here'],
  ])('has %s for an address', (text, fault) => {
    expect(faultsOf(['-localip', text])).toEqual([`-localip: ${fault}`]);
  });

  it.each([
    ['0', '"0" is not between 100ms and a day; a number without a unit is seconds'],
    ['-5s', '"-5s" is not between 100ms and a day; a number without a unit is seconds'],
    ['90000', '"90000" is not between 100ms and a day; a number without a unit is seconds'],
    ['', '"" is not a time: write seconds (60) or a duration (60s, 2m)'],
  ])('has -syncinterval=%s', (text, fault) => {
    expect(faults(`-syncinterval=${text}`)).toEqual([`-syncinterval: ${fault}`]);
  });

  it.each([
    ['0x8000', "bit 0x8000 is kubelet's, for dropping: take another one"],
    ['14', "bit 0x4000 is kube-proxy's, for masquerading: take another one"],
    ['0x3000', '"0x3000" is not exactly one of the 32 bits of a packet mark'],
    ['0x0', '"0x0" is not exactly one of the 32 bits of a packet mark'],
    ['0x100000000', '"0x100000000" is not exactly one of the 32 bits of a packet mark'],
    ['33', '"33" is not exactly one of the 32 bits of a packet mark'],
    ['-1', `"-1" is neither a bit's number (13) nor its mask (0x2000)`],
  ])('has -fallback-mark-bit=%s', (text, fault) => {
    expect(faults(`-fallback-mark-bit=${text}`)).toEqual([`-fallback-mark-bit: ${fault}`]);
  });

  it.each([
    [['-fallback', '10.0.0.1,10.0.0.2'], '-fallback: 10.0.0.1 and 10.0.0.2 are both IPv4: one for each family'],
    [
      ['-fallback', '169.254.20.10'],
      "-fallback: 169.254.20.10 is an address of this node alone: the cluster's DNS is not there",
    ],
    [['-fallback', 'dns'], '-fallback: "dns" is not an IP address'],
    [
      ['-rules', 'iptables', '-setupiptables=false'],
      '-rules: iptables, and -setupiptables=false, which means none: leave one of them out',
    ],
    [['-setupiptables', 'false'], '-setupiptables false: a boolean takes its value behind "=": -setupiptables=false'],
    [['-conf', 'stdin'], '-conf: this file is written from the template, so it cannot be standard input'],
    [
      ['-conf', '/etc/coredns/../coredns/Corefile.base'],
      '-conf: /etc/coredns/../coredns/Corefile.base is the template (-basecorefile) and would be written over',
    ],
    [['-corefile', ''], '-conf: no file is given'],
    [['-basecorefile', ''], '-basecorefile: needs a value that is not empty'],
    [['-upstreamsvc='], '-upstreamsvc: needs a value that is not empty'],
    [['-log-format', 'xml'], '-log-format: "xml" is none of text and json'],
    [['-udp-listener', 'fast'], '-udp-listener: "fast" is none of auto, batch and dgram'],
    [['-metrics-listen-address', ':99999'], '-metrics-listen-address: "99999" is not a port (1 to 65535)'],
    [
      ['-interfacename', 'a/b'],
      '-interfacename: "a/b" is not a name of a link: 1 to 15 characters without blanks, "/", ":" and "%"',
    ],
    [['-x'], 'flag provided but not defined: -x'],
    [['-syncintervall', '60'], 'flag provided but not defined: -syncintervall (did you mean "-syncinterval"?)'],
  ])('has %j', (args, fault) => {
    expect(faults(...args)).toEqual([fault]);
  });
});
