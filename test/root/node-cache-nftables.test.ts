/** The nftables rules of a node's cache with real packets: who answers when the cache is alive, and who when it is not. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '#test/until.ts';
import { missing, titled } from './needs.ts';
import {
  addressesOf,
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
      const { bypass } = await scene.bypass();
      await bypass.setUp();
      await bypass.keepAlive(all);
      expect(await answers()).toEqual(byCache);
      expect(await scene.connections()).toEqual([]);
    });

    it('sends queries to the cluster before the cache is alive', async () => {
      const { bypass } = await scene.bypass();
      await bypass.setUp();
      expect(await answers()).toEqual(byCluster);
    });

    it('sends queries to the cluster as soon as the process is killed', async () => {
      const { bypass, kill } = await scene.bypass();
      await bypass.setUp();
      await bypass.keepAlive(all);
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

    it("always lets the process's own query through, from the loopback address", async () => {
      const { bypass } = await scene.bypass();
      await bypass.setUp();
      const source = family === 4 ? '127.0.0.1' : '::1';
      for (const to of addresses)
        for (const protocol of PROTOCOLS)
          expect(await scene.ask({ from: 'node', to, protocol, source })).toBe(`cache at ${to}`);
      expect(await scene.connections()).toEqual([]);
    });

    it('keeps TCP connections where they began when the cache comes back, and new ones go to it', async () => {
      const { bypass } = await scene.bypass();
      await bypass.setUp();
      const held = await Promise.all(
        askers.filter(({ protocol }) => protocol === 'tcp').map((asker) => scene.hold(asker)),
      );
      await bypass.keepAlive(all);
      for (const id of held) expect(await scene.held(id)).toBe(CLUSTER);
      expect(await answers()).toEqual(byCache);
    });

    it('keeps TCP connections on a cache that drains, and new ones go to the cluster', async () => {
      const { bypass } = await scene.bypass();
      await bypass.setUp();
      await bypass.keepAlive(all);
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
      await before.bypass.keepAlive(all);
      const held = await scene.hold({ from: 'pod', to: KUBE_DNS[family] });
      const after = await scene.bypass();
      await after.bypass.setUp();
      await after.bypass.keepAlive(all);
      await before.bypass.drain();
      expect(await answers()).toEqual(byCache);
      expect(await scene.held(held)).toBe(`cache at ${KUBE_DNS[family]}`);
      await before.bypass.tearDown();
      expect(await answers()).toEqual(byCache);
    });

    it('breaks a TCP connection at once whose cache was killed', async () => {
      const { bypass, kill } = await scene.bypass();
      await bypass.setUp();
      await bypass.keepAlive(all);
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

    it('works without conntrack zones, for one link-local address', async () => {
      const run: typeof scene.run = (command, args, input) =>
        typeof input === 'string' && input.includes('zone')
          ? Promise.resolve({
              exitCode: 1,
              stdout: '',
              stderr: 'Error: Could not process rule: Operation not supported',
            })
          : scene.run(command, args, input);
      const { bypass, lines } = await scene.bypass(settingsFor(), run);
      await bypass.setUp();
      expect(lines.join('\n')).toContain('no conntrack zones');
      const nowhere = SECOND_LOCAL_DNS[family];
      expect(await answers()).toEqual(byCluster.map((line, n) => (line.includes(nowhere) ? byCache[n] : line)));
      expect(await bypass.repair()).toEqual([]);
      await bypass.keepAlive(all);
      expect(await answers()).toEqual(byCache);
    });
  });
});
