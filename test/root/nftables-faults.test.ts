import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandError, type Run } from '#netfilter/run.ts';
import { NftablesWriter } from '#proxy/backends/nftables/apply.ts';
import { nftables } from '#proxy/backends/nftables/index.ts';
import type { ServicePort } from '#proxy/model/service-port.ts';
import type { RuleWriter, WriterEnvironment } from '#proxy/rule-backend.ts';
import { until } from '#test/until.ts';
import { missing, titled } from './needs.ts';
import { kernelTable } from './nftables/kernel-table.ts';
import { Place } from './nftables/place.ts';
import { ruleOptions, type ServiceShape, servicePort } from './nftables/random-services.ts';

const TITLE = 'nftables rules stay good, whatever happens';
const reason = await missing(TITLE, ['root', 'nft', 'nsenter', 'ip']);
const hasIptables = (await missing('leaving iptables mode', ['iptables-nft', 'iptables-nft-restore'])) === '';

const options = ruleOptions('IPv4');
const shape = (index: number, endpoints: number, more: Partial<ServiceShape> = {}): ServiceShape => ({
  index,
  endpoints,
  affinitySeconds: 0,
  internalPolicy: 'Cluster',
  externalPolicy: 'Cluster',
  hasNodePort: true,
  externalIPs: 0,
  loadBalancerIPs: 0,
  sourceRanges: 0,
  isElsewhere: false,
  ...more,
});

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let place: Place;
  let writer: RuleWriter;
  let warnings: string[];
  const services = new Map<string, ServicePort>();
  beforeEach(async () => {
    place = await Place.make();
    warnings = [];
    services.clear();
    writer = await nftables.open(environment());
  });
  afterEach(async () => {
    await writer.close();
    place.remove();
  });

  const environment = (run: Run = place.run): WriterEnvironment => ({
    family: 'IPv4',
    run,
    openEvents: place.openEvents,
    log: {
      debug: () => undefined,
      info: () => undefined,
      warning: (line) => void warnings.push(line),
      error: (line) => void warnings.push(line),
    },
    now: () => performance.now(),
  });
  /** Notes the Service; gives its key. */
  const put = (index: number, endpoints: number, more: Partial<ServiceShape> = {}): Set<string> => {
    const port = servicePort(shape(index, endpoints, more), 'IPv4');
    services.set(port.key, port);
    return new Set([port.key]);
  };
  const mapText = (name: string): Promise<string> => place.nft(`list map ip kube-proxy ${name}`);
  /** A Run whose next transaction comes to this end. */
  const failing = (end: (input: string) => ReturnType<Run>): { readonly run: Run; arm(): void } => {
    let isArmed = false;
    return {
      arm: () => {
        isArmed = true;
      },
      run: (command, args, input) => {
        if (!isArmed || command !== 'nft' || args[0] !== '-f') return place.run(command, args, input);
        isArmed = false;
        return end(typeof input === 'string' ? input : [...(input ?? [])].join(''));
      },
    };
  };

  it('a restart writes nothing where nothing has changed, and keeps slots and clients', async () => {
    put(0, 0b111);
    put(1, 0b11, { affinitySeconds: 600 });
    await writer.sync(services, options, null);
    await writer.sync(services, options, put(0, 0b1110));
    const slots = await mapText('endpoints-tcp');
    const [affinity = ''] = /affinity-\S+/.exec(await place.nft('list table ip kube-proxy')) ?? [];
    await place.nft(`add element ip kube-proxy ${affinity} { 192.0.2.77 }`);
    await writer.close();

    writer = await nftables.open(environment());
    expect(await writer.sync(services, options, null)).toMatchObject({ kind: 'full', size: 0 });
    expect(await mapText('endpoints-tcp')).toBe(slots);
    // Other options make other rules, and leave the sets as they are.
    await writer.sync(services, { ...options, masqueradeAll: true }, null);
    expect(await mapText('endpoints-tcp')).toBe(slots);
    expect(await place.nft(`list set ip kube-proxy ${affinity}`)).toContain('192.0.2.77');
  });

  it('a change moves one endpoint at most, however many there are', async () => {
    put(0, 0b1111111111);
    await writer.sync(services, options, null);
    // Two entries: verdict, the place of the first endpoint, the last place; a chain more, and its three rules and the chain that marks.
    const { kind, size } = await writer.sync(services, options, put(0, 0b1111111110));
    expect(kind).toBe('partial');
    expect(size).toBeLessThan(25);
    expect((await mapText('endpoints-tcp')).match(/ : 10\.1\.0\.\d+ \. 8080/g)).toHaveLength(9);
  });

  it('chains for a number of endpoints go some time after their last Service', async () => {
    writer = new NftablesWriter(environment(), 'map-only', 1000);
    put(0, 0b111);
    await writer.sync(services, options, null);
    await writer.sync(services, options, put(0, 0b11));
    expect(await place.nft('list table ip kube-proxy')).toContain('chain cluster-3 ');
    await until(async () => !(await place.nft('list table ip kube-proxy')).includes('chain cluster-3 '));
    expect(await writer.sync(services, options, put(0, 0b111))).toMatchObject({ cleanUpFailures: 0 });
  });

  it('a chain for a number of endpoints that is soon wanted again is not made again', async () => {
    put(0, 0b111);
    await writer.sync(services, options, null);
    await writer.sync(services, options, put(0, 0b11));
    const before = chainsWithHandles(await place.nft('-a list table ip kube-proxy'));
    const { size } = await writer.sync(services, options, put(0, 0b111));
    expect(chainsWithHandles(await place.nft('-a list table ip kube-proxy'))).toEqual(before);
    // Two entries: the verdict taken out and put in, and the place of the third endpoint; and that one's own hairpin.
    expect(size).toBe(7);
  });

  it('a chain that somebody else holds is counted, and the others go', async () => {
    writer = new NftablesWriter(environment(), 'map-only', 1000);
    put(0, 0b111);
    put(1, 0b1111);
    await writer.sync(services, options, null);
    await place.nft('add rule ip kube-proxy reject-chain goto nodeport-cluster-3');
    put(0, 0b1);
    await writer.sync(services, options, new Set([...services.keys()].slice(0, 1)));
    await until(async () => !(await place.nft('list table ip kube-proxy')).includes('chain cluster-3 '));
    await until(() => warnings.length > 0);
    expect(warnings.join()).toContain('unused chains are still there');
    expect((await writer.sync(services, options, put(2, 0b1))).cleanUpFailures).toBe(1);
  });

  it('rules that nft refuses midway leave the last good ones, and the next sync repairs', async () => {
    const fault = failing((input) => place.run('nft', ['-f', '-'], `${input}add rule ip kube-proxy nowhere drop\n`));
    writer = await nftables.open(environment(fault.run));
    put(0, 0b11);
    await writer.sync(services, options, null);
    const before = await kernelTable(place, 'IPv4');
    fault.arm();
    await expect(writer.sync(services, options, put(0, 0b1111))).rejects.toThrow(CommandError);
    expect(await kernelTable(place, 'IPv4')).toEqual(before);
    await writer.sync(services, options, null);
    expect((await mapText('endpoints-tcp')).match(/ : 10\.1\.0\.\d+ \. 8080/g)).toHaveLength(4);
  });

  it('a table that can not be repaired is made anew', async () => {
    const fault = failing(async () => ({
      exitCode: 1,
      stdout: '',
      stderr: 'Error: Could not process rule: File exists',
    }));
    writer = await nftables.open(environment(fault.run));
    put(0, 0b11);
    await writer.sync(services, options, null);
    await place.nft('add chain ip kube-proxy foreign');
    put(0, 0b111);
    fault.arm();
    await expect(writer.sync(services, options, null)).rejects.toThrow('File exists');
    await writer.sync(services, options, null);
    expect(await place.nft('list table ip kube-proxy')).not.toContain('foreign');
    expect((await mapText('endpoints-tcp')).match(/ : 10\.1\.0\.\d+ \. 8080/g)).toHaveLength(3);
  });

  it('a program that is killed after its transaction is no trouble for the next one', async () => {
    const fault = failing(async (input) => {
      await place.run('nft', ['-f', '-'], input);
      throw new CommandError('nft', null, 'nft: ended by SIGKILL');
    });
    writer = await nftables.open(environment(fault.run));
    put(0, 0b11);
    await writer.sync(services, options, null);
    fault.arm();
    const changed = put(1, 0b111);
    await expect(writer.sync(services, options, changed)).rejects.toThrow('SIGKILL');
    const next = await nftables.open(environment());
    expect(await next.sync(services, options, null)).toMatchObject({ size: 0 });
    await next.close();
  });

  it.each([
    'delete table ip kube-proxy',
    'flush table ip kube-proxy',
    'flush set ip kube-proxy cluster-ips',
  ])('sees that the rules are not there after `%s`', async (command) => {
    put(0, 0b11);
    await writer.sync(services, options, null);
    expect(await writer.isIntact()).toBe(true);
    await place.nft(command);
    expect(await writer.isIntact()).toBe(false);
  });

  describe('changes of others', () => {
    let told: string[];
    const watch = (): void => {
      told = [];
      writer.watchForeign?.((what) => told.push(what));
    };
    /** A change of a table that is not ours: it is told as little as our own. */
    const elsewhere = (): Promise<string> => place.nft('add table ip other');
    const clash = (): Promise<string> =>
      place.nft('add element ip kube-proxy short-cut-ips { 192.0.2.1 . tcp . 1 : drop }');

    it('are told, whenever they come, and those of its own are not', async () => {
      put(0, 0b11);
      watch();
      await writer.sync(services, options, null);
      for (const endpoints of [0b1, 0b111, 0b1010]) {
        await writer.sync(services, options, put(0, endpoints));
        await elsewhere();
      }
      expect(told).toEqual([]);
      await clash();
      await until(() => told.length > 0);
      expect(told[0]).toMatch(/^process \d+, \S+: adds elements to short-cut-ips$/);
      await writer.sync(services, options, put(0, 0b1));
      await place.nft('flush map ip kube-proxy short-cut-ips');
      // What comes before a transaction of ours ends is told when it ends.
      await writer.sync(services, options, put(0, 0b11));
      expect(told[1]).toMatch(/^process \d+, \S+: deletes elements of short-cut-ips$/);
    });

    it('are told where they come while it writes', async () => {
      const fault = failing(async (input) => {
        await clash();
        const result = await place.run('nft', ['-f', '-'], input);
        await place.nft('flush map ip kube-proxy short-cut-ips');
        return result;
      });
      put(0, 0b11);
      writer = await nftables.open(environment(fault.run));
      watch();
      await writer.sync(services, options, null);
      fault.arm();
      await writer.sync(services, options, put(0, 0b1));
      expect(told.map((what) => what.replace(/.*: /, ''))).toEqual([
        'adds elements to short-cut-ips',
        'deletes elements of short-cut-ips',
      ]);
    });

    it('are told before and behind a load that is too large to be listened to', async () => {
      put(0, 0b11);
      watch();
      await writer.sync(services, options, null);
      const [key = ''] = services.keys();
      const port = services.get(key) as ServicePort;
      const endpoints = Array.from({ length: 5000 }, (_, n) => ({
        address: `10.2.${n >> 8}.${n & 255}`,
        port: 80,
        isLocal: false,
      }));
      services.set(key, { ...port, clusterEndpoints: endpoints });
      await clash();
      const { size } = await writer.sync(services, options, new Set([key]));
      expect(size).toBeGreaterThan(5000);
      expect(told).toHaveLength(1);
      await writer.sync(services, options, put(1, 0b1));
      expect(told).toHaveLength(1);
      await clash();
      await place.nft('flush map ip kube-proxy short-cut-ips');
      await until(() => told.length > 1);
    });

    it('may be among those that there was no room for', async () => {
      place.receiveBufferOctets = 64 * 1024;
      put(0, 0b11);
      watch();
      await writer.sync(services, options, null);
      expect(told).toEqual([]);
      await elsewhere();
      const elements = Array.from({ length: 5000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`).join(', ');
      await place.nft('-f -', `add set ip other s { type ipv4_addr; }\nadd element ip other s { ${elements} }\n`);
      await until(() => told.length > 0);
      expect(told[0]).toBe('changes were too many to be told one by one');
      const lost = told.length;
      await clash();
      await until(() => told.length > lost);
      expect(told[lost]).toContain('adds elements to short-cut-ips');
    });
  });

  it('two programs that keep the same rules do not harm them', async () => {
    const other = await nftables.open(environment());
    put(0, 0b11);
    put(1, 0b111, { affinitySeconds: 60 });
    await Promise.all([writer.sync(services, options, null), other.sync(services, options, null)]);
    const changed = put(0, 0b1110);
    const results = await Promise.allSettled([
      writer.sync(services, options, changed),
      other.sync(services, options, changed),
    ]);
    // One of them finds that what it wants to take away is gone.
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(CommandError);
    }
    await writer.sync(services, options, null);
    expect(await other.sync(services, options, null)).toMatchObject({ size: 0 });
    await other.close();
  });

  it('takes the place of other tables of this name', async () => {
    await place.nft(
      '-f -',
      'table ip kube-proxy {\nmap firewall-ips { type ipv4_addr : verdict; }\nchain services {\n}\nchain nat-prerouting { type nat hook prerouting priority 5; jump services; }\n}\n',
    );
    put(0, 0b11);
    await writer.sync(services, options, null);
    expect(await writer.isIntact()).toBe(true);
    await nftables.cleanUp(place.run);
    await nftables.cleanUp(place.run);
    expect(await place.nft('list tables')).toBe('');
  });

  it.skipIf(!hasIptables)('removes the rules of iptables mode, and leaves those of kubelet', async () => {
    const kubelet = '*filter\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j KUBE-FIREWALL\nCOMMIT\n';
    const proxy =
      '*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-SVC-TCOU7JCQXEZGVUNU - [0:0]\n-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\n-A KUBE-SERVICES -j KUBE-SVC-TCOU7JCQXEZGVUNU\nCOMMIT\n';
    await place.run('iptables-nft-restore', ['--noflush'], kubelet + proxy);
    await writer.sync(services, options, null);
    const { stdout } = await place.run('iptables-nft-save', []);
    expect(stdout).toContain('KUBE-FIREWALL');
    expect(stdout).not.toContain('KUBE-SERVICES');
    expect(stdout).not.toContain('KUBE-SVC-');
    expect(warnings).toEqual([]);
  });

  it('holds a Service of ten thousand endpoints', async () => {
    const port = servicePort(shape(0, 0b1), 'IPv4');
    const endpoints = Array.from({ length: 10_000 }, (_, n) => ({
      address: `10.2.${n >> 8}.${n & 255}`,
      port: 80,
      isLocal: false,
    }));
    services.set(port.key, { ...port, clusterEndpoints: endpoints });
    await writer.sync(services, options, null);
    services.set(port.key, { ...port, clusterEndpoints: endpoints.slice(1) });
    expect((await writer.sync(services, options, new Set([port.key]))).size).toBeLessThan(25);
    await writer.close();
    writer = await nftables.open(environment());
    expect(await writer.sync(services, options, null)).toMatchObject({ size: 0 });
  });
});

/** Rules with the handles that the kernel gave them: one that was made again has another. */
const chainsWithHandles = (listing: string): string[] =>
  listing.split('\n').filter((line) => /dnat .*# handle/.test(line));
