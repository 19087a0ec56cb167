import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIELDS } from './fields.ts';
import { type ReadSettings, readSettings } from './read-settings.ts';
import { configurationText } from './write-config.ts';

const KUBEADM = join(import.meta.dirname, 'testing/kubeadm.yaml');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'proxy-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Reads a file with this text, after the two lines that each needs. */
const readText = (text: string, ...args: string[]): ReadSettings => {
  const file = join(folder, 'config.yaml');
  const header = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
  writeFileSync(file, text.startsWith('apiVersion') ? text : header + text);
  const read = readSettings(['--config', file, ...args]);
  const short = (line: string): string => line.replaceAll(`${file}:`, '').replaceAll(file, 'FILE');
  return { ...read, faults: read.faults.map(short), warnings: read.warnings.map(short) };
};

describe('flags', () => {
  it('give the defaults of kube-proxy, save the mode, where there are none', () => {
    const { settings, faults, warnings } = readSettings([]);
    expect({ faults, warnings }).toEqual({ faults: [], warnings: [] });
    expect(settings).toMatchObject({
      mode: 'nftables',
      isDefaultMode: true,
      nodeAddress: '',
      healthzAddress: ':10256',
      metricsAddress: '127.0.0.1:10249',
      syncPeriodMs: 30_000,
      minSyncPeriodMs: 1000,
      masqueradeBit: 14,
      localhostNodePorts: false,
      oomScoreAdj: -999,
      detectLocal: { mode: 'ClusterCIDR', clusterCidrs: [] },
      conntrack: {
        maxPerCore: 32_768,
        min: 131_072,
        tcpEstablishedTimeoutMs: 86_400_000,
        tcpCloseWaitTimeoutMs: 3_600_000,
      },
    });
  });

  it.each([
    ['two dashes and =', ['--cluster-cidr=10.0.0.0/8']],
    ['two dashes and a word', ['--cluster-cidr', '10.0.0.0/8']],
    ['one dash', ['-cluster-cidr=10.0.0.0/8']],
    ['underscores', ['--cluster_cidr=10.0.0.0/8']],
  ])('take %s', (_, args) => {
    expect(readSettings(args).settings.detectLocal.clusterCidrs).toEqual(['10.0.0.0/8']);
  });

  it('read durations, lists, booleans and a letter with its value as Go does', () => {
    const { settings, faults } = readSettings([
      '--iptables-sync-period=1m30s',
      '--nodeport-addresses=10.0.0.0/8, 192.168.0.0/16',
      '--nodeport-addresses=fd00::/8',
      '--masquerade-all',
      '--bind-address-hard-fail=T',
      '-v4',
    ]);
    expect(faults).toEqual([]);
    expect(settings).toMatchObject({
      syncPeriodMs: 90_000,
      nodePortAddresses: ['10.0.0.0/8', '192.168.0.0/16', 'fd00::/8'],
      masqueradeAll: true,
      isBindHardFail: true,
      verbosity: 4,
    });
  });

  it('of iptables count in nftables mode, too, and not in ipvs mode where that has its own', () => {
    const args = ['--iptables-masquerade-bit=15', '--iptables-min-sync-period=2s', '--iptables-localhost-nodeports'];
    const common = { masqueradeBit: 15, localhostNodePorts: true };
    expect(readSettings([...args, '--proxy-mode=nftables']).settings).toMatchObject({
      ...common,
      minSyncPeriodMs: 2000,
    });
    expect(readSettings([...args, '--proxy-mode=ipvs']).settings).toMatchObject({ ...common, minSyncPeriodMs: 0 });
  });

  it('answer on 127.0.0.1 by default in iptables mode alone', () => {
    const isOn = (mode: string): boolean => readSettings([`--proxy-mode=${mode}`]).settings.localhostNodePorts;
    expect([isOn('iptables'), isOn('ipvs'), isOn('nftables')]).toEqual([true, true, false]);
  });

  it('that are wrong are told all at once, each by its name', () => {
    const args = [
      '--nonsense',
      'value',
      '--proxy-mode=userspace',
      '--iptables-masquerade-bit=32',
      '--conntrack-min=many',
      '--iptables-sync-period=30',
      '--healthz-bind-address=localhost:10256',
      '--cluster-cidr=10.0.0.0/8,10.1.0.0/16',
      '--detect-local-mode=BridgeInterface',
      '--enable-dsr',
    ];
    expect(readSettings(args).faults).toEqual([
      '--nonsense: there is no such flag',
      '--conntrack-min: "many" is no whole number',
      '--iptables-sync-period: "30" is no duration such as 30s or 1m0s',
      '--healthz-bind-address: "localhost" is no IP address',
      '--proxy-mode: userspace is gone since Kubernetes 1.26: use nftables or iptables',
      '--iptables-masquerade-bit: must be from 0 to 31, not 32',
      '--enable-dsr: is for Windows nodes only: remove it',
      '--cluster-cidr: has two ranges of one family: give one for IPv4 and one for IPv6',
      '--detect-local-mode: BridgeInterface needs --pod-bridge-interface',
    ]);
  });

  it('without a use are taken, and a warning says so', () => {
    const { faults, warnings } = readSettings(['--profiling', '--kube-api-qps=50', '--feature-gates=A=true,B=false']);
    expect(faults).toEqual([]);
    expect(warnings).toEqual([
      '--feature-gates: there are no feature gates here: A, B',
      '--kube-api-qps: a few watches make no queue of requests: this changes nothing',
      '--profiling: there is no /debug/pprof here: node --cpu-prof profiles the process',
    ]);
  });

  it('with an empty address serve nothing there', () => {
    expect(readSettings(['--healthz-bind-address=', '--metrics-bind-address', '']).settings).toMatchObject({
      healthzAddress: '',
      metricsAddress: '',
    });
  });

  it('with an address alone serve the usual port', () => {
    expect(readSettings(['--healthz-bind-address=::1', '--metrics-bind-address=10.0.0.1']).settings).toMatchObject({
      healthzAddress: '[::1]:10256',
      metricsAddress: '10.0.0.1:10249',
    });
  });

  it('of the command itself are told apart from settings, with what is no flag', () => {
    const { flags, faults } = readSettings(
      ['--manifests', 'a', '-n=x', '--manifests=b', '--dry', 'from', '--', '-to'],
      [
        { name: 'node', short: 'n', type: 'text', help: '' },
        { name: 'dry', type: 'boolean', help: '' },
      ],
    );
    expect(faults).toEqual([]);
    expect([...flags.command]).toEqual([
      ['manifests', ['a', 'b']],
      ['node', ['x']],
      ['dry', ['true']],
    ]);
    expect(flags.positionals).toEqual(['from', '-to']);
  });
});

describe('a configuration file', () => {
  it('as kubeadm writes it means the defaults where it has null, 0 or nothing', () => {
    const { settings, faults, warnings } = readSettings(['--config', KUBEADM]);
    const fromFlags = ['--kubeconfig=/var/lib/kube-proxy/kubeconfig.conf', '--cluster-cidr=10.244.0.0/16'];
    expect({ faults, warnings }).toEqual({ faults: [], warnings: [] });
    expect(settings).toEqual(readSettings(fromFlags).settings);
  });

  it('makes most flags count no more, and says so', () => {
    const args = ['--cluster-cidr=10.0.0.0/8', '--proxy-mode', 'ipvs', '--hostname-override=Node-1', '-v=5'];
    const { settings, warnings } = readText('mode: iptables\n', ...args);
    expect(settings).toMatchObject({ mode: 'iptables', hostnameOverride: 'node-1', verbosity: 5 });
    expect(settings.detectLocal.clusterCidrs).toEqual([]);
    expect(warnings).toEqual(['with --config these flags do not count: --proxy-mode, --cluster-cidr']);
  });

  it('may hold a 0 where that is not the default', () => {
    const { settings } = readText('conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s}\noomScoreAdj: 0\n');
    expect(settings).toMatchObject({
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeoutMs: 0, tcpCloseWaitTimeoutMs: 3_600_000 },
      oomScoreAdj: 0,
    });
  });

  it('with faults has all of them told, with line, column and field', () => {
    const { faults } = readText(`clusterCidr: 10.0.0.0/8
mode: userspace
iptables:
  masqueradeBit: "14"
  syncPeriod: 30
  tcpBeLiberal: true
ipvs: rr
winkernel:
  enableDSR: true
featureGates: {A: 1}
nodePortAddresses: [10.0.0.0/8, nonsense]
`);
    expect(faults).toEqual([
      '3:14: clusterCidr: there is no such field: it is called clusterCIDR',
      '6:18: iptables.masqueradeBit: must be a whole number, not "14"',
      '7:15: iptables.syncPeriod: must be a duration such as 30s, not 30',
      '8:17: iptables.tcpBeLiberal: there is no such field: it is called conntrack.tcpBeLiberal',
      '9:7: ipvs: must be a mapping, not "rr"',
      '12:1: featureGates: must be a mapping of names to true or false',
      '4:7: mode: userspace is gone since Kubernetes 1.26: use nftables or iptables',
      '11:14: winkernel.enableDSR: is for Windows nodes only: remove it',
      '13:1: nodePortAddresses: "nonsense" is no range of addresses such as 10.244.0.0/16',
    ]);
  });

  it.each([
    ['nothing in it', '', 'FILE: it is empty'],
    [
      'another kind',
      'apiVersion: v1\nkind: ConfigMap\n',
      '1:13: apiVersion: must be kubeproxy.config.k8s.io/v1alpha1, not "v1"',
    ],
    ['a list', 'apiVersion\n', '1:1: must be a mapping, not "apiVersion"'],
    ['no YAML', 'mode: [\n', '3:'],
    ['two documents', 'mode: nftables\n---\nmode: iptables\n', '5:1: a second document'],
  ])('with %s is refused', (title, text, beginning) => {
    const file = join(folder, 'empty.yaml');
    writeFileSync(file, '');
    const faults = title === 'nothing in it' ? readSettings(['--config', file]).faults : readText(text).faults;
    expect(faults[0]?.replace(`${file}:`, 'FILE:')).toMatch(beginning);
  });

  it('that is not there is a fault', () => {
    expect(readSettings(['--config=/nowhere']).faults).toEqual(['/nowhere: there is no such file']);
  });

  it('that was written from flags configures the same', () => {
    const args = [
      '--cluster-cidr=10.0.0.0/8,fd00::/64',
      '--proxy-mode=ipvs',
      '--ipvs-sync-period=45s',
      '--feature-gates=A=true',
    ];
    const { settings, values } = readSettings(args);
    expect(readText(configurationText(values)).settings).toEqual(settings);
  });
});

describe('the table of fields', () => {
  it('has a flag or a place in a file once', () => {
    expect(new Set(FIELDS.map(({ path }) => path)).size).toBe(FIELDS.length);
  });

  it('holds every field that kubeadm writes', () => {
    const known = new Set(FIELDS.map(({ path }) => path.split('.').at(-1)));
    const names = [...readFileSync(KUBEADM, 'utf8').matchAll(/^ {0,2}(\w+): \S/gm)].map((match) => match[1] as string);
    expect(names.filter((name) => !known.has(name) && name !== 'apiVersion' && name !== 'kind')).toEqual([]);
  });
});
