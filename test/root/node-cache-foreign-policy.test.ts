/** What iptables on a node has to do with rules that are nftables': ACCEPTs, and what a node-cache has left. */
import { afterEach, describe, expect, it } from 'vitest';
import { ForeignPolicy } from '#node-cache/rules/foreign-policy.ts';
import type { LocalAddress } from '#node-cache/settings.ts';
import { missing, titled } from './needs.ts';
import { IptablesPlace, OTHER, type Variant } from './node-cache-iptables-place.ts';

const NEEDS = ['root', 'ip', 'nft', 'nsenter', 'iptables-legacy', 'iptables-nft', 'ip6tables-nft'];
const reason = await missing('ACCEPTs in a foreign iptables', NEEDS);

const LOCAL: LocalAddress = { address: '169.254.20.10', family: 4 };
const IPV6: LocalAddress = { address: 'fd00:90::a', family: 6 };
const DROPS = '*filter\n:INPUT DROP [0:0]\n:OUTPUT DROP [0:0]\nCOMMIT\n';
/** What a node-cache that was killed has left, of an older and of a newer version. */
const LEFT = `*raw
-A PREROUTING -d 169.254.20.10/32 -p udp -m udp --dport 53 -j NOTRACK
-A PREROUTING -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK
-A PREROUTING -d 192.0.2.1/32 -p udp -m udp --dport 53 -j NOTRACK
COMMIT
*filter
-A INPUT -d 169.254.20.10/32 -p udp -m udp --dport 53 -j ACCEPT
COMMIT
`;

const places: IptablesPlace[] = [];
afterEach(() => {
  for (const place of places.splice(0)) place.remove();
});

describe.skipIf(reason !== '').each([['legacy'], ['nft']] as const)(
  titled('iptables-%s', reason),
  (variant: Variant) => {
    const open = async () => {
      const place = await IptablesPlace.make(variant);
      places.push(place);
      const others = { isShared: false };
      const policy = new ForeignPolicy(
        { addresses: [LOCAL, IPV6], dnsPort: 53, healthPort: 8080 },
        { run: place.run, log: place.log, servedByOthers: () => Promise.resolve(others.isShared) },
      );
      return { place, policy, others };
    };

    it('lets queries in where it drops by default, as real packets show', async () => {
      const { place, policy } = await open();
      await place.load(DROPS);
      await place.load(DROPS, variant, 6);
      expect(await place.askFromPod(LOCAL.address)).toBeNull();
      place.commands.length = 0;
      await policy.setUp();
      expect(await place.askFromPod(LOCAL.address)).toBe(LOCAL.address);
      expect(await place.rules()).toHaveLength(4);
      expect(await place.rules(6)).toHaveLength(4);
      expect(place.commands.filter((line) => line.includes('-restore'))).toHaveLength(2);
      expect(await place.rules(4, OTHER[variant])).toEqual([]);
      expect(place.lines).toHaveLength(2);
      await place.load('*filter\n-F INPUT\nCOMMIT\n');
      const lines = await policy.repair();
      expect(lines).toEqual([expect.stringContaining('Added back'), expect.stringContaining('Added back')]);
      expect(await place.rules()).toHaveLength(4);
      await policy.tearDown();
      expect([...(await place.rules()), ...(await place.rules(6))]).toEqual([]);
    });

    it('has no rules of ours where it does not', async () => {
      const { place, policy } = await open();
      await policy.setUp();
      expect(await policy.repair()).toEqual([]);
      expect(place.commands.filter((line) => line.includes('-restore'))).toEqual([]);
      expect(place.lines).toEqual([]);
    });

    it('keeps its ACCEPTs while another instance serves the addresses', async () => {
      const { place, policy, others } = await open();
      await place.load(DROPS);
      await policy.setUp();
      others.isShared = true;
      await policy.tearDown();
      expect(await place.rules()).toHaveLength(4);
    });

    it('has nothing of a node-cache that was killed any more, and all that is of others', async () => {
      const { place, policy } = await open();
      await place.load(LEFT);
      await policy.setUp();
      expect(await place.rules()).toEqual(['-A PREROUTING -d 192.0.2.1/32 -p udp -m udp --dport 53 -j NOTRACK']);
      expect(place.commands.filter((line) => line.includes('-restore'))).toHaveLength(1);
    });
  },
);

describe.skipIf(reason !== '')(titled('nftables', reason), () => {
  it('is warned of a chain of others that drops by default', async () => {
    const place = await IptablesPlace.make('nft');
    places.push(place);
    await place.tool(
      'nft',
      '-f -',
      'table inet fw {\nchain entry {\ntype filter hook input priority 0; policy drop;\n}\n}\n',
    );
    const settings = { addresses: [LOCAL], dnsPort: 53, healthPort: 8080 };
    await new ForeignPolicy(settings, place).setUp();
    expect(place.lines).toEqual([
      'warning chain entry of table inet fw drops what none of its own rules accepts, and rules elsewhere do not count: it has to accept port 53 of 169.254.20.10',
    ]);
  });
});
