import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTROL, CONTROL_PORT, NODE, PacketLab, type Place, WORLD } from '#test/packet-lab/lab.ts';
import type { Answer, Outcome, Protocol, Tally } from '#test/packet-lab/traffic/orders.ts';
import { missing, titled } from './needs.ts';

const TITLE = 'the packet lab';
const reason = await missing(TITLE, ['root', 'ip', 'nft']);

/** Rules by hand, of each kind that a back end writes. */
const RULES = `
table ip by-hand {
  chain prerouting { type nat hook prerouting priority -100; goto services; }
  chain output { type nat hook output priority -100; goto services; }
  chain services {
    ip daddr 172.30.0.1 meta mark set 0x4000
    ip daddr { 172.30.0.1, 172.30.0.2 } meta l4proto { tcp, udp } dnat to numgen random mod 2 map { 0: 10.0.1.1, 1: 10.0.1.2 }
  }
  chain forward {
    type filter hook forward priority 0;
    ip daddr 172.30.0.3 reject
    ip daddr 172.30.0.4 drop
  }
  chain output-filter {
    type filter hook output priority 0;
    ip daddr 172.30.0.3 reject
    ip daddr 172.30.0.4 drop
  }
  chain postrouting {
    type nat hook postrouting priority 100;
    meta mark 0x4000 masquerade fully-random
    ip saddr 10.0.1.1 ip daddr 10.0.1.1 masquerade
  }
}`;

const PLACES: readonly Place[] = [
  { name: 'client', addresses: ['203.0.113.2', '2600:5200::1'], behind: 'node' },
  { name: 'pod', addresses: ['10.0.1.1', 'fd00:10::1'], behind: 'node' },
  { name: 'far-pod', addresses: ['10.0.1.2', 'fd00:10::2'], behind: 'second-node' },
];
const routes = (names: readonly string[]): ReadonlyMap<string, string> =>
  new Map(
    PLACES.filter(({ name }) => names.includes(name)).flatMap(({ name, addresses }) =>
      addresses.map((address) => [address, name] as const),
    ),
  );

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let lab: PacketLab;

  beforeAll(async () => {
    lab = await PacketLab.open();
    await lab.add(PLACES);
    await lab.setNode({
      addresses: new Set(['192.168.0.2', '127.0.0.1', '2001:db8::1']),
      routes: routes(['client', 'pod', 'far-pod']),
    });
    await lab.setWorld(
      new Set([
        '172.30.0.1',
        '172.30.0.2',
        '172.30.0.3',
        '172.30.0.4',
        '172.30.0.5',
        'fd00:172::1',
        CONTROL[4],
        CONTROL[6],
      ]),
    );
    const listeners = (place: string, addresses: readonly string[]) =>
      addresses.flatMap((address) =>
        (['tcp', 'udp'] as const).map((protocol) => ({ namespace: lab.namespace(place), address, port: 80, protocol })),
      );
    await lab.traffic.call('listen', [
      ...listeners('pod', ['10.0.1.1', 'fd00:10::1']),
      ...listeners('far-pod', ['10.0.1.2', 'fd00:10::2']),
      ...listeners(NODE, ['192.168.0.2', '2001:db8::1']),
      ...(['tcp', 'udp'] as const).map((protocol) => ({
        namespace: lab.namespace(WORLD),
        address: CONTROL[4],
        port: CONTROL_PORT,
        protocol,
      })),
      ...listeners(WORLD, ['172.30.0.3', '172.30.0.4', '172.30.0.5', 'fd00:172::1']),
    ]);
    const { exitCode, stderr } = await lab.runOnNode('nft', ['-f', '-'], RULES);
    expect([exitCode, stderr]).toEqual([0, '']);
  });
  afterAll(() => lab?.close());

  const DROPPED = '172.30.0.4';
  const controlled = { control: { address: CONTROL[4], port: CONTROL_PORT } };
  const attempt = async (
    place: string,
    from: string,
    to: string,
    protocol: Protocol,
    count = 1,
    isControlled = false,
  ) => {
    const flow = { namespace: lab.namespace(place), from, to, port: 80, protocol };
    const control = isControlled || to === DROPPED ? controlled : {};
    const [tallies = []] = await lab.traffic.call('try', [{ flow, count, silenceMs: 10_000, ...control }]);
    return tallies.map(shown).sort();
  };
  const shown = ({ outcome }: Tally): string => (outcome.kind === 'answered' ? byWhom(outcome.by) : wording(outcome));
  const wording = (outcome: Outcome): string => (outcome.kind === 'failed' ? outcome.code : outcome.kind);
  const byWhom = ({ namespace, address, peer }: Answer): string => `${lab.placeOf(namespace)} ${address} < ${peer}`;

  describe.each(['tcp', 'udp'] as const)('over %s', (protocol) => {
    it('reaches endpoints here and on the second node, with the source address kept', async () => {
      expect(await attempt('client', '203.0.113.2', '172.30.0.2', protocol, 60)).toEqual([
        'far-pod 10.0.1.2 < 203.0.113.2',
        'pod 10.0.1.1 < 203.0.113.2',
      ]);
    });
    it('sees what is masqueraded, from outside and from the node itself', async () => {
      const expected = ['far-pod 10.0.1.2 < 169.254.1.1', 'pod 10.0.1.1 < 169.254.1.1'];
      expect(await attempt('client', '203.0.113.2', '172.30.0.1', protocol, 60)).toEqual(expected);
      expect(await attempt(NODE, '192.168.0.2', '172.30.0.1', protocol, 60)).toEqual(expected);
    });
    it('sees that a node address was kept', async () => {
      expect(await attempt(NODE, '192.168.0.2', '10.0.1.1', protocol)).toEqual(['pod 10.0.1.1 < 192.168.0.2']);
    });
    it('lets a pod reach itself', async () => {
      expect(await attempt('pod', '10.0.1.1', '172.30.0.2', protocol, 60)).toEqual([
        'far-pod 10.0.1.2 < 10.0.1.1',
        'pod 10.0.1.1 < 169.254.1.1',
      ]);
    });
    it('tells refused, silent and untouched from one another', async () => {
      for (const [place, from] of [
        ['client', '203.0.113.2'],
        [NODE, '192.168.0.2'],
      ] as const) {
        expect(await attempt(place, from, '172.30.0.3', protocol)).toEqual(['refused']);
        expect(await attempt(place, from, DROPPED, protocol)).toEqual(['silent']);
        expect(await attempt(place, from, '172.30.0.5', protocol)).toEqual([`world 172.30.0.5 < ${from}`]);
        expect(await attempt(place, from, '192.168.0.2', protocol)).toEqual([`node 192.168.0.2 < ${from}`]);
      }
    });
    it('calls nothing silent that is answered, though flows sent later are waited for and no clock', async () => {
      expect(await attempt('client', '203.0.113.2', '172.30.0.1', protocol, 500, true)).toEqual([
        'far-pod 10.0.1.2 < 169.254.1.1',
        'pod 10.0.1.1 < 169.254.1.1',
      ]);
      expect(await attempt('client', '203.0.113.2', '172.30.0.3', protocol, 100, true)).toEqual(['refused']);
    });
    it('does so over IPv6', async () => {
      expect(await attempt('client', '2600:5200::1', 'fd00:172::1', protocol)).toEqual([
        'world fd00:172::1 < 2600:5200::1',
      ]);
      expect(await attempt('client', '2600:5200::1', 'fd00:10::2', protocol)).toEqual([
        'far-pod fd00:10::2 < 2600:5200::1',
      ]);
      expect(await attempt('pod', 'fd00:10::1', '2001:db8::1', protocol)).toEqual(['node 2001:db8::1 < fd00:10::1']);
    });
  });

  it('holds connections and tells of those that break', async () => {
    const flow = { namespace: lab.namespace('client'), from: '203.0.113.2', to: '172.30.0.2', port: 80 } as const;
    const id = await lab.traffic.call('hold', { flow: { ...flow, protocol: 'tcp' }, count: 20 });
    const before = await lab.traffic.call('held', id, 5000);
    expect(before.map(({ brokenBy }) => brokenBy)).toEqual(Array(20).fill(''));
    await lab.setNode({ routes: routes(['client', 'pod']) });
    const after = await lab.traffic.call('held', id, 300);
    await lab.setNode({ routes: routes(['client', 'pod', 'far-pod']) });
    for (const { by, brokenBy } of after)
      expect([by?.address, brokenBy]).toEqual([by?.address, by?.address === '10.0.1.2' ? 'no echo in 300 ms' : '']);
    await lab.traffic.call('release', id);
  });
});
