/** The nftables rules of a node's cache with real packets: who answers when the cache is alive, and who when it is not. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NoLibc } from '#libc/libc.ts';
import type { Listing } from '#netfilter/nft/listing.ts';
import { cleanUpTables } from '#node-cache/rules/nftables/clean-up.ts';
import { createText } from '#node-cache/rules/nftables/instance-text.ts';
import { listTable } from '#node-cache/rules/nftables/list-tables.ts';
import { isSameTable } from '#node-cache/rules/nftables/same-table.ts';
import { until } from '#test/until.ts';
import { missing, titled } from './needs.ts';
import {
  addressesOf,
  type Instance,
  KUBE_DNS,
  LOCAL_DNS,
  NODE_ADDRESS,
  Scene,
  SECOND_LOCAL_DNS,
  settingsFor,
} from './node-cache/scene.ts';

const TITLE = "nftables rules of a node's cache";
const reason = await missing(TITLE, ['root', 'ip', 'nft', 'conntrack']);

const CLUSTER = "cluster's DNS";
const PROTOCOLS = ['udp', 'tcp'] as const;
const all = [...addressesOf(4), ...addressesOf(6)];

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open();
  });
  afterAll(() => scene?.close());
  beforeEach(() => scene.reset());

  describe.each([4, 6] as const)('over IPv%d', (family) => {
    const addresses = addressesOf(family).map(({ address }) => address);
    /** Pod and node, over both protocols, each address. */
    const askers = addresses.flatMap((to) =>
      PROTOCOLS.flatMap((protocol) => [
        { from: 'pod' as const, to, protocol },
        { from: 'node' as const, to, protocol },
        { from: 'node' as const, to, protocol, source: NODE_ADDRESS[family] },
      ]),
    );
    const answers = async (): Promise<readonly string[]> =>
      Promise.all(
        askers.map(async (asker) => `${asker.from} ${asker.protocol} ${asker.to}: ${await scene.ask(asker)}`),
      );
    const byCache = askers.map(({ from, protocol, to }) => `${from} ${protocol} ${to}: cache at ${to}`);
    const byCluster = askers.map(({ from, protocol, to }) => `${from} ${protocol} ${to}: ${CLUSTER}`);

    it('sends queries to the cache while it is alive, and none of them through conntrack', async () => {
      const { live, bypass } = await scene.bypass();
      await bypass.setUp();
      await live();
      expect(await answers()).toEqual(byCache);
      expect(await scene.connections(family)).toEqual([]);
    });

    it('sends queries to the cluster before the cache is alive', async () => {
      const { bypass } = await scene.bypass();
      await bypass.setUp();
      expect(await answers()).toEqual(byCluster);
    });

    it('sends queries to the cluster as soon as the process is killed', async () => {
      const { live, bypass, kill } = await scene.bypass();
      await bypass.setUp();
      await live();
      kill();
      expect(await answers()).toEqual(byCluster);
    });

    it('sends queries to the cluster when nobody has said for 3 s that the cache is alive', async () => {
      const { bypass } = await scene.bypass();
      await bypass.setUp();
      await bypass.keepAlive(all);
      const asker = { from: 'pod', to: LOCAL_DNS[family], protocol: 'udp' } as const;
      expect(await scene.ask(asker)).toBe(`cache at ${LOCAL_DNS[family]}`);
      await until(async () => (await scene.ask(asker)) === CLUSTER);
      expect(await answers()).toEqual(byCluster);
      await bypass.keepAlive(all);
      expect(await answers()).toEqual(byCache);
    });

    it("always lets the process's own query through, by its length", async () => {
      const { bypass } = await scene.bypass();
      await bypass.setUp();
      for (const to of addresses) expect(await scene.answersItself(to)).toBe(true);
      expect(await scene.connections(family)).toEqual([]);
    });

    it('keeps TCP connections where they began when the cache comes back, and new ones go to it', async () => {
      const { live, bypass } = await scene.bypass();
      await bypass.setUp();
      const held = await Promise.all(
        askers.filter(({ protocol }) => protocol === 'tcp').map((asker) => scene.hold(asker)),
      );
      await live();
      for (const id of held) expect(await scene.held(id)).toBe(CLUSTER);
      expect(await answers()).toEqual(byCache);
    });

    it('keeps TCP connections on a cache that drains, and new ones go to the cluster', async () => {
      const { live, bypass } = await scene.bypass();
      await bypass.setUp();
      await live();
      const asked = askers.filter(({ protocol }) => protocol === 'tcp');
      const held = await Promise.all(asked.map((asker) => scene.hold(asker)));
      await bypass.drain();
      expect(await answers()).toEqual(byCluster);
      expect(await Promise.all(held.map((id) => scene.held(id)))).toEqual(asked.map(({ to }) => `cache at ${to}`));
      await bypass.tearDown();
      expect(await answers()).toEqual(byCluster);
    });

    it('hands over from one instance to the next', async () => {
      const before = await scene.bypass();
      await before.bypass.setUp();
      await before.live();
      const held = await scene.hold({ from: 'pod', to: KUBE_DNS[family] });
      const after = await scene.bypass();
      await after.bypass.setUp();
      await after.live();
      await before.bypass.drain();
      expect(await answers()).toEqual(byCache);
      expect(await scene.held(held)).toBe(`cache at ${KUBE_DNS[family]}`);
      await before.bypass.tearDown();
      expect(await answers()).toEqual(byCache);
    });

    it('breaks a TCP connection at once whose cache was killed', async () => {
      const { live, bypass, kill } = await scene.bypass();
      await bypass.setUp();
      await live();
      const held = await Promise.all(addresses.map((to) => scene.hold({ from: 'pod', to })));
      kill();
      expect(await Promise.all(held.map((id) => scene.held(id)))).toEqual(addresses.map(() => 'ECONNRESET'));
    });

    it("does not mind NOTRACK rules that node-cache has left in iptables' raw table", async () => {
      const ip = family === 4 ? 'ip' : 'ip6';
      const rules = addresses.map((to) => `meta l4proto { tcp, udp } th dport 53 ${ip} daddr ${to} notrack\n`).join('');
      const chain = (hook: string): string => `chain ${hook} {\ntype filter hook ${hook} priority -300\n${rules}}\n`;
      await scene.load(`table ${ip} left {\n${chain('prerouting')}${chain('output')}}\n`);
      const { bypass } = await scene.bypass();
      await bypass.setUp();
      expect(await answers()).toEqual(byCluster);
    });

    it('does without a cluster IP to fall back on: what has nowhere to go goes to the cache', async () => {
      const { bypass, lines } = await scene.bypass(settingsFor({ fallback: { 4: null, 6: null } }));
      await bypass.setUp();
      expect(await scene.ask({ from: 'pod', to: KUBE_DNS[family], protocol: 'udp' })).toBe(CLUSTER);
      if (family === 6) return;
      expect(lines.join('\n')).toContain(`${LOCAL_DNS[4]}, ${SECOND_LOCAL_DNS[4]} have nowhere else to go`);
      expect(await scene.ask({ from: 'pod', to: LOCAL_DNS[4], protocol: 'udp' })).toBe(`cache at ${LOCAL_DNS[4]}`);
    });

    it('falls back on a cluster IP that is its own as well, where no other is known', async () => {
      const { live, bypass } = await scene.bypass(settingsFor({ fallback: KUBE_DNS }));
      await bypass.setUp();
      expect(await answers()).toEqual(byCluster);
      const held = await Promise.all(addresses.map((to) => scene.hold({ from: 'pod', to })));
      await live();
      expect(await answers()).toEqual(byCache);
      for (const id of held) expect(await scene.held(id)).toBe(CLUSTER);
    });

    it('works without conntrack zones, for one link-local address', async () => {
      const run: typeof scene.run = (command, args, input) =>
        typeof input === 'string' && input.includes('zone')
          ? Promise.resolve({
              exitCode: 1,
              stdout: '',
              stderr: 'Error: Could not process rule: Operation not supported',
            })
          : scene.run(command, args, input);
      const { live, bypass, lines } = await scene.bypass(settingsFor(), run);
      await bypass.setUp();
      expect(lines.join('\n')).toContain('no conntrack zones');
      const nowhere = SECOND_LOCAL_DNS[family];
      expect(await answers()).toEqual(byCluster.map((line, n) => (line.includes(nowhere) ? byCache[n] : line)));
      expect(await bypass.repair()).toEqual([]);
      await live();
      expect(await answers()).toEqual(byCache);
    });
  });

  it('has in the kernel what it says in words', async () => {
    const { bypass } = await scene.bypass();
    await bypass.setUp();
    const [name = ''] = (await scene.tables()).flatMap(
      (line) => /^table ip (cluster-dns-node-cache-\S+)/.exec(line)?.[1] ?? [],
    );
    for (const family of [4, 6] as const) {
      const listed = await listTable(scene.run, family, name);
      expect(listed?.listing.lines).toContain('flags owner');
      expect(isSameTable(listed?.listing as Listing, createText({ name, dnsPort: 53 }, family))).toBe(true);
    }
  });

  it('finds its table as it left it, and connections of the fallback in it', async () => {
    const before = await scene.bypass();
    await before.bypass.setUp();
    const held = await scene.hold({ from: 'pod', to: LOCAL_DNS[4] });
    const handle = async (): Promise<string> => scene.nft('-a', 'list', 'table', 'ip', 'cluster-dns-node-cache');
    const listed = await handle();
    expect(listed).toContain('elements = { 10.244.1.5 .');
    before.kill();

    const after = await scene.bypass();
    await after.bypass.setUp();
    expect((await handle()).split('\n', 1)).toEqual(listed.split('\n', 1));
    await after.live();
    expect(await scene.held(held)).toBe(CLUSTER);
    expect(await after.bypass.repair()).toEqual([]);
  });

  it('replaces a table with other addresses, and leaves one of a later layout', async () => {
    const few = settingsFor({ addresses: addressesOf(4).slice(0, 1) });
    const before = await scene.bypass(few);
    await before.bypass.setUp();
    const after = await scene.bypass();
    await after.bypass.setUp();
    await after.live();
    expect(await scene.ask({ from: 'pod', to: KUBE_DNS[4], protocol: 'udp' })).toBe(`cache at ${KUBE_DNS[4]}`);
    // The earlier one lets be what the later one wrote.
    expect(await before.bypass.repair()).toEqual([]);

    const later = (await scene.nft('list', 'table', 'ip', 'cluster-dns-node-cache')).replace(
      /layout \d+, rules \w+/,
      'layout 999, rules 123',
    );
    await scene.load(`delete table ip cluster-dns-node-cache\n${later}`);
    const next = await scene.bypass(few);
    await next.bypass.setUp();
    expect(await scene.nft('list', 'table', 'ip', 'cluster-dns-node-cache')).toContain('layout 999');
    expect(next.lines.join('\n')).toContain('is of a later version (layout 999');
  });

  it('hears of a flushed ruleset, and of a changed rule, and puts them right', async () => {
    const { live, bypass } = await scene.bypass();
    let changes = 0;
    bypass.onChange(() => changes++);
    await bypass.setUp();
    await live();
    const settled = changes;
    await scene.nft('flush', 'ruleset');
    await until(() => changes > settled);
    expect(await bypass.repair()).toEqual(
      ['ip', 'ip6'].map((ip) => `the nftables table ${ip} cluster-dns-node-cache was gone: made again`),
    );
    expect(await bypass.repair()).toEqual([]);
    expect(await scene.ask({ from: 'pod', to: LOCAL_DNS[4], protocol: 'udp' })).toBe(`cache at ${LOCAL_DNS[4]}`);
    expect(await scene.connections(4)).toEqual([]);

    await scene.nft('flush', 'chain', 'ip', 'cluster-dns-node-cache', 'fallback');
    expect(await bypass.repair()).toEqual([
      'the nftables table ip cluster-dns-node-cache had been changed: made again',
    ]);
    await scene.nft('delete', 'element', 'ip6', 'cluster-dns-node-cache', 'addresses', `{ ${KUBE_DNS[6]} }`);
    expect(await bypass.repair()).toEqual([
      'the nftables table ip6 cluster-dns-node-cache had been changed: made again',
    ]);
  });

  it('leaves no table of an instance behind a tear-down, nor anything behind an undone set-up', async () => {
    const first = await scene.bypass();
    await first.bypass.setUp();
    await first.bypass.undo();
    expect(await scene.tables()).toEqual([]);

    const few = await scene.bypass(settingsFor({ addresses: addressesOf(4).slice(0, 2) }));
    await few.bypass.setUp();
    await few.bypass.tearDown();
    expect(await scene.tables()).toEqual(['table ip cluster-dns-node-cache']);
    const before = await scene.nft('list', 'table', 'ip', 'cluster-dns-node-cache');
    const next = await scene.bypass();
    await next.bypass.setUp();
    await next.bypass.undo();
    expect(await scene.tables()).toEqual(['table ip cluster-dns-node-cache']);
    expect(await scene.nft('list', 'table', 'ip', 'cluster-dns-node-cache')).toBe(before);
  });

  it('is cleaned up, but for what a process still holds', async () => {
    const { bypass, kill } = await scene.bypass();
    await bypass.setUp();
    const { held, removed } = await cleanUpTables(scene.run);
    expect(held.map(({ table }) => table)).toEqual([
      expect.stringMatching(/^ip cluster-dns-node-cache-/),
      expect.stringMatching(/^ip6 cluster-dns-node-cache-/),
    ]);
    expect(removed).toEqual([]);
    kill();
    expect(await cleanUpTables(scene.run)).toEqual({
      removed: ['ip cluster-dns-node-cache', 'ip6 cluster-dns-node-cache'],
      addresses: expect.arrayContaining(all.map(({ address }) => address)),
      held: [],
    });
    expect(await scene.tables()).toEqual([]);
  });

  describe('where this process cannot speak to the kernel', () => {
    const withoutSocket = (): Promise<Instance> =>
      scene.bypass(settingsFor(), scene.run, () => Promise.reject(new NoLibc('the package koffi does not load')));

    it('has nft do it', async () => {
      const { bypass, lines } = await withoutSocket();
      await bypass.setUp();
      expect(lines.join('\n')).toContain('nft is started each second');
      expect(await scene.ask({ from: 'pod', to: LOCAL_DNS[4], protocol: 'udp' })).toBe(CLUSTER);
      await bypass.keepAlive(all);
      await bypass.keepAlive(all);
      const held = await scene.hold({ from: 'pod', to: LOCAL_DNS[6] });
      expect(await scene.ask({ from: 'pod', to: LOCAL_DNS[4], protocol: 'udp' })).toBe(`cache at ${LOCAL_DNS[4]}`);
      await scene.nft('flush', 'ruleset');
      await bypass.keepAlive(all);
      expect(lines.join('\n')).toMatch(/table cluster-dns-node-cache-\S+ was gone: made again/);
      expect(await bypass.repair()).toHaveLength(2);
      await bypass.drain();
      expect(await scene.held(held)).toBe(`cache at ${LOCAL_DNS[6]}`);
      await bypass.tearDown();
      expect(await scene.tables()).toEqual(['table ip cluster-dns-node-cache', 'table ip6 cluster-dns-node-cache']);
    });

    it('is cleared away by the next one after a kill, once it is not alive any more', async () => {
      const killed = await withoutSocket();
      await killed.bypass.setUp();
      const dead = (await scene.tables()).filter((line) => /node-cache-\d/.test(line));
      expect(dead).toHaveLength(2);
      await killed.bypass.keepAlive(all);
      const beside = await scene.bypass();
      await beside.bypass.setUp();
      expect(await scene.tables()).toEqual(expect.arrayContaining(dead));
      await beside.bypass.tearDown();

      await until(async () => (await scene.ask({ from: 'pod', to: LOCAL_DNS[4], protocol: 'udp' })) === CLUSTER);
      const next = await scene.bypass();
      await next.bypass.setUp();
      for (const table of dead) expect(await scene.tables()).not.toContain(table);
    });
  });
});
