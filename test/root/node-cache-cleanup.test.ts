/** `cluster-dns node-cache cleanup`, in network namespaces. */
import { afterEach, describe, expect, it } from 'vitest';
import { runNodeCacheCleanup } from '#cli/node-cache/cleanup.ts';
import { CapturedIo } from '#test/captured-io.ts';
import { missing, titled } from './needs.ts';
import { IptablesPlace } from './node-cache-iptables-place.ts';

const NEEDS = ['root', 'ip', 'nft', 'nsenter', 'iptables-legacy', 'iptables-nft', 'ip6tables-nft'];
const reason = await missing('cluster-dns node-cache cleanup', NEEDS);

const RULES = `*raw
-A PREROUTING -d 10.96.0.10/32 -p udp -m udp --dport 53 -m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK
-A OUTPUT -s 169.254.20.10/32 -p udp -m udp --sport 53 -j NOTRACK
-A PREROUTING -d 192.0.2.1/32 -p udp -m udp --dport 53 -j NOTRACK
COMMIT
*filter
-A INPUT -d 169.254.20.10/32 -p tcp -m tcp --dport 53 -m comment --comment "NodeLocal DNS Cache: allow DNS traffic" -j ACCEPT
COMMIT
`;
const IPV6_RULES = `*raw
-A PREROUTING -d fd00:90::a/128 -p udp -m udp --dport 53 -m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK
COMMIT
`;

const places: IptablesPlace[] = [];
afterEach(() => {
  for (const place of places.splice(0)) place.remove();
});

describe.skipIf(reason !== '')(titled('node-cache cleanup', reason), () => {
  const open = async () => {
    const place = await IptablesPlace.make('nft');
    places.push(place);
    const cleanUp = async (...args: string[]) => {
      const io = new CapturedIo();
      const exitCode = await runNodeCacheCleanup(args, io, place.run, '');
      return { exitCode, stdout: io.out, stderr: io.err };
    };
    return { place, cleanUp };
  };
  const NOTHING = { exitCode: 0, stdout: 'There was nothing to remove.\n', stderr: '' };

  it('removes what a node-cache has left, says what, and the second time that there was nothing', async () => {
    const { place, cleanUp } = await open();
    await place.tool(
      'ip',
      '-batch -',
      'link add nodelocaldns type bridge\naddress add 169.254.20.10/32 dev nodelocaldns\n',
    );
    for (const variant of ['legacy', 'nft'] as const) {
      await place.load(RULES, variant);
      await place.load(IPV6_RULES, variant, 6);
    }
    const { exitCode, stdout, stderr } = await cleanUp();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(10);
    expect(lines).toContain('removed link nodelocaldns');
    expect(lines).toContain('removed address 169.254.20.10/32 on nodelocaldns');
    expect(lines.filter((line) => line.startsWith('removed iptables-legacy -t '))).toHaveLength(3);
    expect(lines.filter((line) => line.startsWith('removed ip6tables-nft -t raw '))).toHaveLength(1);
    const kept = ['-A PREROUTING -d 192.0.2.1/32 -p udp -m udp --dport 53 -j NOTRACK'];
    for (const variant of ['legacy', 'nft'] as const) {
      expect(await place.rules(4, variant)).toEqual(kept);
      expect(await place.rules(6, variant)).toEqual([]);
    }
    expect(await place.tool('ip', '-br link show')).not.toContain('nodelocaldns');
    expect(await cleanUp()).toEqual(NOTHING);
  });

  it('removes addresses from lo that are named, and no others', async () => {
    const { place, cleanUp } = await open();
    await place.tool('ip', '-batch -', 'address add 169.254.20.10/32 dev lo\naddress add 192.0.2.1/32 dev lo\n');
    expect(await cleanUp()).toEqual(NOTHING);
    expect((await cleanUp('-localip', '169.254.20.10,10.96.0.10')).stdout).toBe(
      'removed address 169.254.20.10/32 on lo\n',
    );
    expect(await place.tool('ip', '-br address show dev lo')).toContain('192.0.2.1/32');
  });

  it('leaves a device of that name that is of another kind, and a link with something else on it', async () => {
    const { place, cleanUp } = await open();
    await place.tool(
      'ip',
      '-batch -',
      'link add mine type veth peer name other\naddress add 169.254.20.10/32 dev mine\n',
    );
    expect(await cleanUp('--interfacename=mine')).toEqual(NOTHING);
    const lines = ['link add nodelocaldns type bridge', 'address add 169.254.20.10/32 dev nodelocaldns'];
    await place.tool('ip', '-batch -', `${[...lines, 'address add 192.0.2.1/24 dev nodelocaldns'].join('\n')}\n`);
    expect((await cleanUp()).stdout).toBe('removed address 169.254.20.10/32 on nodelocaldns\n');
    expect(await place.tool('ip', '-br address show dev nodelocaldns')).toContain('192.0.2.1/24');
  });

  it('refuses what it does not know, and who has no rights, in words', async () => {
    const { place, cleanUp } = await open();
    expect(await cleanUp('-localip', 'x')).toMatchObject({
      exitCode: 1,
      stderr: 'node-cache cleanup: -localip: x is not an IP address\n',
    });
    expect((await cleanUp('-nonsense')).stderr).toContain("Unknown option '--nonsense'");
    const said: string[] = [];
    const io = { stdout: () => expect.unreachable('nothing'), stderr: (text: string) => void said.push(text) };
    expect(await runNodeCacheCleanup([], io, place.run, 'run it as root')).toBe(1);
    expect(said).toEqual(['node-cache cleanup: run it as root\n']);
    expect(place.commands).toEqual([]);
  });
});
