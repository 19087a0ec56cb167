import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeIpvsKernel } from '#test/fake-ipvs-kernel.ts';
import { packetTable } from '#test/packet-table/packet-table.ts';
import { runs } from '#test/property-runs.ts';
import type { ServicePort, ServicePorts } from '../../model/service-port.ts';
import type { RuleWriter } from '../../rule-backend.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { openWriter } from './apply.ts';
import { cleanUp } from './clean-up.ts';

const OPTIONS: RuleOptions = {
  family: 'IPv4',
  localTraffic: { by: 'cidr', cidr: '10.0.0.0/8' },
  masqueradeAll: false,
  masqueradeMark: 0x4000,
  nodePortAddresses: ['192.168.0.2'],
  localhostNodePorts: false,
  conntrackTcpBeLiberal: false,
  serviceCidrs: [],
  hasRandomFully: true,
  hasNfacct: false,
};

const quiet = { debug: () => undefined, info: () => undefined, warning: () => undefined, error: () => undefined };
const open = (kernel: FakeIpvsKernel, now = () => 0): Promise<RuleWriter> =>
  openWriter({ family: 'IPv4', run: kernel.run, log: quiet, now });

/** Every ServicePort of the packet table. */
const POOL: readonly ServicePort[] = packetTable('ipvs')
  .filter(({ options }) => options.family === 'IPv4')
  .flatMap(({ ports }) => [...ports.values()]);

/** Those, without what they claim twice: the later has it. */
const services = (...chosen: readonly ServicePort[]): ServicePorts => {
  const byClaim = new Map(chosen.map((each) => [`${each.clusterIP} ${each.port} ${each.protocol}`, each]));
  return new Map([...byClaim.values()].map((each) => [each.key, each]));
};
const service = (changed: Partial<ServicePort>): ServicePort => ({
  ...(POOL.find(({ protocol, nodePort }) => protocol === 'tcp' && nodePort === 0) as ServicePort),
  key: 'shop/web/tcp',
  clusterIP: '172.30.0.7',
  port: 80,
  externalIPs: [],
  loadBalancerIPs: [],
  affinitySeconds: 0,
  internal: 'balance',
  internalPolicy: 'Cluster',
  clusterEndpoints: [],
  localEndpoints: [],
  ...changed,
});
const endpoints = (...addresses: readonly string[]) =>
  addresses.map((address) => ({ address, port: 8080, isLocal: false }));

/** What a kernel has, in an order of its own. */
const state = (kernel: FakeIpvsKernel) => ({
  sets: [...kernel.sets].map(([name, { members }]) => [name, ...[...members].sort()].join(' ')).sort(),
  services: [...kernel.services]
    .map(([name, { scheduling, real }]) => `${name} ${scheduling} ${[...real].sort().join(' ')}`)
    .sort(),
  addresses: [...(kernel.addresses ?? [])].sort(),
  chains: [...kernel.chains].map(([name, rules]) => `${name}\n${rules.join('\n')}`).sort(),
});

const fresh = async (wanted: ServicePorts) => {
  const kernel = new FakeIpvsKernel();
  await (await open(kernel)).sync(wanted, OPTIONS, null);
  return state(kernel);
};

describe('a writer of IPVS mode', () => {
  it('leaves after any changes what it would have written at once', async () => {
    const clusters = fc.array(fc.subarray([...POOL], { maxLength: 12 }), { minLength: 2, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(clusters, async (steps) => {
        const kernel = new FakeIpvsKernel();
        const writer = await open(kernel);
        for (const [i, chosen] of steps.entries()) {
          await writer.sync(services(...chosen), OPTIONS, i === 0 ? null : new Set());
          expect(state(kernel)).toEqual(await fresh(services(...chosen)));
        }
      }),
      runs(30),
    );
  });

  it('takes over what is there, whoever wrote it, and runs nothing twice', async () => {
    const kernel = new FakeIpvsKernel();
    await (await open(kernel)).sync(services(...POOL), OPTIONS, null);
    const before = state(kernel);
    kernel.commands.length = 0;
    await (await open(kernel)).sync(services(...POOL), OPTIONS, null);
    expect(state(kernel)).toEqual(before);
    expect(
      kernel.commands.filter((command) => command.startsWith('ipset restore') || command.startsWith('ip -batch')),
    ).toEqual([]);
  });

  it('leaves virtual servers of excluded ranges, and those of the other family', async () => {
    const kernel = new FakeIpvsKernel();
    for (const name of ['-t 192.0.2.1:80', '-t [fd00::1]:80', '-t 172.30.9.9:80'])
      kernel.services.set(name, { scheduling: '-s rr', real: new Map() });
    await (await open(kernel)).sync(new Map(), { ...OPTIONS, ipvs: { excludeCidrs: ['192.0.2.0/24'] } }, null);
    expect([...kernel.services.keys()]).toEqual(['-t 192.0.2.1:80', '-t [fd00::1]:80']);
  });

  it('keeps a real server with connections until they have ended, and looks once a minute', async () => {
    const kernel = new FakeIpvsKernel();
    let now = 0;
    const writer = await open(kernel, () => now);
    await writer.sync(
      services(service({ clusterEndpoints: endpoints('10.1.0.1', '10.1.0.2', '10.1.0.3') })),
      OPTIONS,
      null,
    );
    kernel.connections.set('-t 172.30.0.7:80 10.1.0.1:8080', 1);
    await writer.sync(services(service({ clusterEndpoints: endpoints('10.1.0.3') })), OPTIONS, new Set());
    const real = kernel.services.get('-t 172.30.0.7:80')?.real;
    expect([...(real ?? [])]).toEqual([
      ['10.1.0.1:8080', 0],
      ['10.1.0.3:8080', 1],
    ]);
    kernel.connections.clear();
    now = 59_999;
    await writer.isIntact();
    expect(real?.has('10.1.0.1:8080')).toBe(true);
    now = 60_000;
    await writer.isIntact();
    expect(real?.has('10.1.0.1:8080')).toBe(false);
  });

  it('gives a real server that drains its weight back when it is wanted again', async () => {
    const kernel = new FakeIpvsKernel();
    const writer = await open(kernel);
    const both = services(service({ clusterEndpoints: endpoints('10.1.0.1', '10.1.0.2') }));
    await writer.sync(both, OPTIONS, null);
    kernel.connections.set('-t 172.30.0.7:80 10.1.0.1:8080', 1);
    await writer.sync(services(service({ clusterEndpoints: endpoints('10.1.0.2') })), OPTIONS, new Set());
    await writer.sync(both, OPTIONS, new Set());
    expect(kernel.services.get('-t 172.30.0.7:80')?.real.get('10.1.0.1:8080')).toBe(1);
  });

  it('sees that a table was flushed, and mends it', async () => {
    const kernel = new FakeIpvsKernel();
    const writer = await open(kernel);
    await writer.sync(services(...POOL), OPTIONS, null);
    expect(await writer.isIntact()).toBe(true);
    const before = state(kernel);
    for (const [name, rules] of kernel.chains)
      if (name.includes('KUBE-')) kernel.chains.delete(name);
      else rules.length = 0;
    expect(await writer.isIntact()).toBe(false);
    await writer.sync(services(...POOL), OPTIONS, null);
    expect(state(kernel)).toEqual(before);
  });

  it('asks the kernel again after a failure', async () => {
    const kernel = new FakeIpvsKernel();
    const writer = await open(kernel);
    await writer.sync(services(service({})), OPTIONS, null);
    kernel.failNext = 'ipvsadm --restore';
    await expect(writer.sync(services(service({ affinitySeconds: 60 })), OPTIONS, new Set())).rejects.toThrow(
      'made to fail',
    );
    await writer.sync(services(...POOL), OPTIONS, new Set());
    expect(state(kernel)).toEqual(await fresh(services(...POOL)));
  });

  it('takes the rules of iptables mode away in the step that loads its own', async () => {
    const kernel = new FakeIpvsKernel();
    kernel.chains.set('nat/KUBE-SERVICES', ['-A KUBE-SERVICES -d 172.30.0.1/32 -j KUBE-SVC-ABC']);
    kernel.chains.set('nat/KUBE-SVC-ABC', []);
    kernel.chains.set('filter/KUBE-SERVICES', []);
    kernel.chains.set('filter/KUBE-FIREWALL', ['-A KUBE-FIREWALL -j DROP']);
    kernel.chains
      .get('filter/FORWARD')
      ?.push(
        '-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      );
    kernel.chains.get('filter/INPUT')?.push('-A INPUT -j KUBE-FIREWALL', '-A INPUT -j ACCEPT');
    await (await open(kernel)).sync(new Map(), OPTIONS, null);
    const { chains } = await fresh(new Map());
    const own = state(kernel).chains.filter((text) => !/KUBE-FIREWALL|INPUT/.test(text));
    expect(own).toEqual(chains.filter((text) => !text.includes('INPUT')));
    expect(kernel.chains.get('filter/INPUT')?.slice(-2)).toEqual(['-A INPUT -j KUBE-FIREWALL', '-A INPUT -j ACCEPT']);
  });

  it('says what is missing', async () => {
    const kernel = new FakeIpvsKernel();
    kernel.missing.add('ipvsadm').add('ipset');
    await expect(open(kernel)).rejects.toThrow(
      'ipvs mode needs ipset (package ipset), ipvsadm (package ipvsadm): not found on the path',
    );
    kernel.missing.clear();
    kernel.failNext = 'ipvsadm --list -n';
    await expect(open(kernel)).rejects.toThrow('ipvs mode needs a kernel with ip_vs');
  });
});

describe('cleaning up', () => {
  it('leaves nothing, and is nothing where nothing is', async () => {
    const kernel = new FakeIpvsKernel();
    const empty = state(kernel);
    await cleanUp(kernel.run);
    expect(state(kernel)).toEqual(empty);
    await (await open(kernel)).sync(services(...POOL), OPTIONS, null);
    await cleanUp(kernel.run);
    expect(state(kernel)).toEqual(empty);
    expect(kernel.addresses).toBeNull();
  });

  it('leaves iptables mode, and kubelet’s chains', async () => {
    const kernel = new FakeIpvsKernel();
    await (await open(kernel)).sync(services(...POOL), OPTIONS, null);
    kernel.chains.set('nat/KUBE-SERVICES', ['-A KUBE-SERVICES -d 172.30.0.1/32 -j KUBE-SVC-ABC']);
    kernel.chains.set('nat/KUBE-SVC-ABC', []);
    kernel.chains.set('nat/KUBE-KUBELET-CANARY', []);
    await cleanUp(kernel.run);
    expect([...kernel.chains.keys()].filter((name) => name.includes('/KUBE'))).toEqual([
      'nat/KUBE-SERVICES',
      'nat/KUBE-POSTROUTING',
      'nat/KUBE-MARK-MASQ',
      'nat/KUBE-SVC-ABC',
      'nat/KUBE-KUBELET-CANARY',
    ]);
  });

  it('is nothing to fail for where no tool is installed', async () => {
    const kernel = new FakeIpvsKernel();
    for (const tool of ['ip', 'ipset', 'ipvsadm', 'iptables-save', 'ip6tables-save']) kernel.missing.add(tool);
    await expect(cleanUp(kernel.run)).resolves.toBeUndefined();
  });
});
