/** The node-local cache's rules by iptables, with both of the two iptables, in network namespaces. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Run, runCommand } from '#netfilter/run.ts';
import type { Bypass } from '#node-cache/rules/bypass.ts';
import { openIptablesBypass } from '#node-cache/rules/iptables/index.ts';
import type { LocalAddress } from '#node-cache/settings.ts';
import { until } from '#test/until.ts';
import { missing, titled } from './needs.ts';
import { IptablesPlace, OTHER, type Variant } from './node-cache-iptables-place.ts';

const NEEDS = ['root', 'ip', 'nsenter', 'setpriv', 'iptables-legacy', 'iptables-nft', 'ip6tables-nft'];
const reason = await missing("the node-local cache's rules by iptables", NEEDS);
const GOLDEN = join(import.meta.dirname, '../../../shared/golden/spec/nodecache-rules.json');

const PORTS = { dnsPort: 53, healthPort: 8080 };
const LOCAL: LocalAddress = { address: '169.254.20.10', family: 4 };
const CLUSTER: LocalAddress = { address: '10.96.0.10', family: 4 };
const IPV6: LocalAddress = { address: 'fd00:90::a', family: 6 };
const ALL = [LOCAL, CLUSTER, IPV6];

const SKIP = '-m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK';
const ALLOW = '-m comment --comment "NodeLocal DNS Cache: allow DNS traffic" -j ACCEPT';
const dns = (end: 'd' | 's', protocol: string, port: number): string =>
  `-p ${protocol} -m ${protocol} --${end}port ${port}`;

/** The twelve rules of some addresses as the kernel has them: raw, then filter, of each chain the last address first. */
const listed = (...addresses: readonly LocalAddress[]): string[] => {
  const each = (make: (prefix: string) => string[]): string[] =>
    [...addresses].reverse().flatMap(({ address, family }) => make(`${address}/${family === 4 ? 32 : 128}`));
  return [
    ...each((to) => ['udp', 'tcp'].map((protocol) => `-A PREROUTING -d ${to} ${dns('d', protocol, 53)} ${SKIP}`)),
    ...each((to) => [
      `-A OUTPUT -s ${to} ${dns('s', 'tcp', 8080)} ${SKIP}`,
      `-A OUTPUT -d ${to} ${dns('d', 'tcp', 8080)} ${SKIP}`,
      ...['udp', 'tcp'].map((protocol) => `-A OUTPUT -d ${to} ${dns('d', protocol, 53)} ${SKIP}`),
      ...['udp', 'tcp'].map((protocol) => `-A OUTPUT -s ${to} ${dns('s', protocol, 53)} ${SKIP}`),
    ]),
    ...each((to) => ['udp', 'tcp'].map((protocol) => `-A INPUT -d ${to} ${dns('d', protocol, 53)} ${ALLOW}`)),
    ...each((to) => ['udp', 'tcp'].map((protocol) => `-A OUTPUT -s ${to} ${dns('s', protocol, 53)} ${ALLOW}`)),
  ];
};
const isAttracting = (rule: string): boolean => / -d .*--dport 53 .*-j NOTRACK$/.test(rule);
const isOwnQuery = (rule: string): boolean => rule.includes('--length 40');
const withoutComments = (rule: string): string => rule.replace(/ -m comment --comment "[^"]*"/, '');

/** A text for iptables-restore that has these rules, as lines of both tables. */
const restoreText = (rules: readonly string[]): string => {
  const raw = rules.filter((rule) => rule.includes('NOTRACK') || rule.includes('--notrack'));
  const filter = rules.filter((rule) => !raw.includes(rule));
  return `*raw\n${raw.join('\n')}\nCOMMIT\n*filter\n${filter.join('\n')}\nCOMMIT\n`;
};

const places: IptablesPlace[] = [];
const bypasses: Bypass[] = [];
const directories: string[] = [];
afterEach(async () => {
  for (const bypass of bypasses.splice(0)) await bypass.undo().catch(() => undefined);
  for (const place of places.splice(0)) place.remove();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

describe.skipIf(reason !== '').each([['legacy'], ['nft']] as const)(
  titled('iptables-%s', reason),
  (variant: Variant) => {
    /** `isShared`: somebody else serves the addresses. */
    const open = async (addresses: readonly LocalAddress[] = ALL) => {
      const place = await IptablesPlace.make(variant);
      places.push(place);
      const others = { isShared: false };
      const another = (run: Run = place.run): Bypass => {
        const bypass = openIptablesBypass(
          { addresses, ...PORTS },
          { ...place, run, log: place.log, servedByOthers: () => Promise.resolve(others.isShared) },
        );
        bypasses.push(bypass);
        return bypass;
      };
      return { place, bypass: another(), another, others };
    };
    const count = (place: IptablesPlace, command: string): number =>
      place.commands.filter((line) => line.startsWith(command)).length;

    it('has the twelve rules of each address once it has answered, in one process each way', async () => {
      const { place, bypass } = await open();
      await bypass.setUp();
      expect((await place.rules()).filter(isAttracting)).toEqual([
        expect.stringMatching(/^-A OUTPUT -d 10.96.0.10.* --length 40 /),
        expect.stringMatching(/^-A OUTPUT -d 169.254.20.10.* --length 40 /),
      ]);
      place.commands.length = 0;
      await bypass.keepAlive(ALL);
      expect(await place.rules()).toEqual(listed(LOCAL, CLUSTER));
      expect(await place.rules(6)).toEqual(listed(IPV6));
      for (const family of ['', '6']) expect(count(place, `ip${family}tables-restore`)).toBe(1);
      await bypass.keepAlive(ALL);
      expect(await bypass.repair()).toEqual([]);
      for (const family of ['', '6']) expect(count(place, `ip${family}tables-restore`)).toBe(1);
      await bypass.drain();
      expect((await place.rules()).filter(isAttracting)).toEqual([]);
      expect(await place.rules()).toHaveLength(16);
      place.commands.length = 0;
      await bypass.tearDown();
      expect([...(await place.rules()), ...(await place.rules(6))]).toEqual([]);
      for (const family of ['', '6']) expect(count(place, `ip${family}tables-restore`)).toBe(1);
    });

    it('brings queries only to the addresses that answer', async () => {
      const { place, bypass } = await open([LOCAL, CLUSTER]);
      await bypass.setUp();
      await bypass.keepAlive([CLUSTER]);
      const attracting = (await place.rules()).filter(isAttracting).filter((rule) => !isOwnQuery(rule));
      expect(attracting).toEqual(listed(CLUSTER).filter(isAttracting));
    });

    it('sends queries elsewhere where the cache has not answered for 3 s, and back', async () => {
      const { place, bypass } = await open([LOCAL]);
      await bypass.setUp();
      await bypass.keepAlive([LOCAL]);
      await until(async () => (await place.rules()).some(isOwnQuery));
      expect((await place.rules()).filter(isAttracting)).toHaveLength(1);
      await bypass.keepAlive([LOCAL]);
      expect(await place.rules()).toEqual(listed(LOCAL));
    });

    it('makes exactly its rules of what others have left', async () => {
      const rules = listed(LOCAL, CLUSTER);
      const left = [
        ...rules,
        ...rules.map(withoutComments),
        ...rules.slice(0, 9),
        ...rules.map((rule) => withoutComments(rule).replace('-j NOTRACK', '-j CT --notrack')),
      ];
      const foreign = [
        '-A PREROUTING -d 169.254.20.10/32 -p udp -m udp --dport 53 -m comment --comment mine -j NOTRACK',
        '-A PREROUTING -d 169.254.20.11/32 -p udp -m udp --dport 53 -j NOTRACK',
        '-A PREROUTING -d 10.96.0.10/32 -i eth0 -p udp -m udp --dport 53 -j NOTRACK',
        '-A INPUT -d 10.96.0.10/32 -p udp -m udp --dport 5353 -j ACCEPT',
      ];
      const { place, bypass } = await open([LOCAL, CLUSTER]);
      await place.load(restoreText([...foreign, ...left]));
      await place.load(restoreText(rules), OTHER[variant]);
      await bypass.setUp();
      expect((await place.rules()).filter((rule) => isAttracting(rule) && !isOwnQuery(rule))).toHaveLength(3);
      await bypass.keepAlive(ALL);
      const now = await place.rules();
      const others = now.filter((rule) => !rules.includes(rule));
      expect(now.filter((rule) => rules.includes(rule))).toEqual(rules);
      expect(others.map((rule) => rule.replace('-i eth0 -p', '-p'))).toEqual(
        foreign.map((rule) => rule.replace('-i eth0 -p', '-p')),
      );
      expect(await place.rules(4, OTHER[variant])).toEqual([]);
    });

    it('leaves rules in effect that another instance serves with, until that one goes', async () => {
      const { place, bypass, another, others } = await open([LOCAL]);
      await bypass.setUp();
      await bypass.keepAlive([LOCAL]);
      others.isShared = true;
      const second = another();
      await second.setUp();
      expect(await place.rules()).toEqual(listed(LOCAL));
      await second.keepAlive([LOCAL]);
      await bypass.drain();
      await bypass.tearDown();
      expect(await place.rules()).toEqual(listed(LOCAL));
      others.isShared = false;
      await second.drain();
      await second.tearDown();
      expect(await place.rules()).toEqual([]);
    });

    it.each([
      ['flushed', '*raw\n-F\nCOMMIT\n', 8],
      ['deleted one by one', `*raw\n${listed(LOCAL)[0]?.replace('-A', '-D')}\nCOMMIT\n`, 1],
      ['put in twice', `*raw\n${listed(LOCAL)[0]}\nCOMMIT\n`, 1],
    ])('puts right what somebody has %s, and says each rule', async (_, text, expected) => {
      const { place, bypass } = await open([LOCAL]);
      let changes = 0;
      bypass.onChange(() => {
        changes += 1;
      });
      await bypass.setUp();
      await bypass.keepAlive([LOCAL]);
      const before = changes;
      await place.load(text);
      await until(() => changes > before);
      const lines = await bypass.repair();
      expect(lines).toHaveLength(expected);
      for (const line of lines)
        expect(line).toMatch(/^(Added back nodelocaldns rule|removed a rule that is there too much) - iptables /);
      expect(await place.rules()).toEqual(listed(LOCAL));
      expect(await bypass.repair()).toEqual([]);
    });

    it('does not take its own changes for those of others', async () => {
      const { place, bypass } = await open([LOCAL]);
      const heard: string[] = [];
      bypass.onChange(() => heard.push('changed'));
      await bypass.setUp();
      await bypass.keepAlive([LOCAL]);
      await bypass.drain();
      await bypass.repair();
      // What somebody else does is heard behind all of that.
      await place.load('*raw\n-A PREROUTING -p udp -j ACCEPT\nCOMMIT\n');
      await until(() => heard.length > 0);
      expect(heard).toHaveLength(1);
    });

    it('is refused without CAP_NET_ADMIN, in words, and leaves nothing', async () => {
      const { place, another } = await open([LOCAL]);
      const run: Run = (command, args, input) => {
        const name = command.replace(/^(ip6?tables)(?=-save|-restore)/, `$1-${variant}`);
        return place.run('setpriv', ['--bounding-set=-net_admin', '--inh-caps=-net_admin', name, ...args], input);
      };
      await expect(another(run).setUp()).rejects.toThrow(
        /iptables-.*: exit code \d+: .*(Permission denied|not permitted|must be root)/,
      );
      expect(await place.rules()).toEqual([]);
    });

    it('says which command is not there', async () => {
      const { another } = await open([LOCAL]);
      const empty = mkdtempSync(join(tmpdir(), 'cluster-dns-no-iptables-'));
      directories.push(empty);
      await expect(another((command) => runCommand(join(empty, command), [])).setUp()).rejects.toThrow(
        'iptables-save: not found on the path',
      );
    });

    it.skipIf(!existsSync(GOLDEN))('has the rules of node-cache as they were listed', async () => {
      const { cases } = JSON.parse(readFileSync(GOLDEN, 'utf8')) as {
        readonly cases: readonly { readonly family: string; readonly localip: string; readonly list_after: string[] }[];
      };
      expect(cases.length).toBeGreaterThan(2);
      for (const { family, localip, list_after } of cases) {
        const version = family === 'ip6tables' ? 6 : 4;
        const addresses = localip.split(',').map((address): LocalAddress => ({ address, family: version }));
        const { place, bypass } = await open(addresses);
        await bypass.setUp();
        await bypass.keepAlive(addresses);
        expect(await place.rules(version)).toEqual(list_after);
        expect(listed(...addresses)).toEqual(list_after);
      }
    });
  },
);
