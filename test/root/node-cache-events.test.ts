import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANSWERED_BY, KUBE_DNS, LOCAL_DNS, WHO } from '#test/node-lab/cluster.ts';
import { CacheEvents, type Seen } from '#test/node-lab/events.ts';
import { isOfCache, type NodeCacheOptions } from '#test/node-lab/node-cache.ts';
import { NodeLab } from '#test/node-lab/node-lab.ts';
import { eventTable } from '#test/node-lab/table.ts';
import { LAB_MODES, type LabMode } from '#test/packet-lab/modes.ts';
import { missing, titled } from './needs.ts';

const TITLE = "a node's cache under a steady load";
const reason = await missing(TITLE, ['root', 'nft', 'iptables-nft', 'conntrack']);

const MODE = LAB_MODES.find(({ name }) => name === 'iptables-nft') as LabMode;
const IPV4 = [LOCAL_DNS[4], KUBE_DNS[4]];
const IPV6 = [LOCAL_DNS[6], KUBE_DNS[6]];

/** A query that is under way when something happens was sent so long before. */
const UNDER_WAY_MS = 50;

const expectNoneLost = ({ fault, account, atMs }: Seen): void => {
  expect(fault).toBe('');
  expect(account.lostText(atMs)).toBe('');
};

const expectLostWithin = ({ fault, account, atMs }: Seen, ms: number): void => {
  expect(fault).toBe('');
  expect(account.sentBetween(0, atMs - UNDER_WAY_MS).lostText(atMs)).toBe('');
  expect(account.sentBetween(atMs + ms).lostText(atMs)).toBe('');
};

/** Entries of the node's conntrack for queries to these addresses. */
const tracked = async (lab: NodeLab, addresses: readonly string[]): Promise<readonly string[]> => {
  const listings = await Promise.all(
    (['ipv4', 'ipv6'] as const).map((family) => lab.run('conntrack', '-L', '-f', family)),
  );
  return listings
    .join('\n')
    .split('\n')
    .filter((line) => line.includes(' dport=53 ') && addresses.some((address) => line.includes(`dst=${address} `)));
};

/** Twelve rules of a node-cache that was killed, by iptables as it makes them. */
const leaveRules = async (lab: NodeLab, address: string): Promise<void> => {
  const insert = (table: string, chain: string, match: string, target: string, comment: string): Promise<string> =>
    lab.run(
      'iptables-nft',
      ...['-w', '-t', table, '-I', chain, ...match.split(' '), '-j', target],
      ...['-m', 'comment', '--comment', `NodeLocal DNS Cache: ${comment}`],
    );
  for (const protocol of ['tcp', 'udp']) {
    const to = `-p ${protocol} -d ${address} --dport 53`;
    const from = `-p ${protocol} -s ${address} --sport 53`;
    await insert('raw', 'PREROUTING', to, 'NOTRACK', 'skip conntrack');
    await insert('filter', 'INPUT', to, 'ACCEPT', 'allow DNS traffic');
    await insert('raw', 'OUTPUT', from, 'NOTRACK', 'skip conntrack');
    await insert('filter', 'OUTPUT', from, 'ACCEPT', 'allow DNS traffic');
    await insert('raw', 'OUTPUT', to, 'NOTRACK', 'skip conntrack');
  }
  await insert('raw', 'OUTPUT', `-p tcp -d ${address} --dport 8080`, 'NOTRACK', 'skip conntrack');
  await insert('raw', 'OUTPUT', `-p tcp -s ${address} --sport 8080`, 'NOTRACK', 'skip conntrack');
};

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let lab: NodeLab;
  let events: CacheEvents;
  const seen: Seen[] = [];
  const noted = (one: Seen): Seen => {
    seen.push(one);
    return one;
  };

  beforeAll(async () => {
    lab = await NodeLab.open(MODE);
    events = new CacheEvents(lab);
  });
  afterAll(async () => {
    console.log(`lost of sent over UDP, TCP and kept TCP\n${eventTable(seen)}`);
    await events?.close();
    await lab?.close();
  });

  it('starts on what a killed node-cache has left, and takes its rules out', async () => {
    await lab.run('ip', 'link', 'add', 'nodelocaldns', 'type', 'bridge');
    for (const address of IPV4) {
      await lab.run('ip', 'address', 'add', `${address}/32`, 'dev', 'nodelocaldns');
      await leaveRules(lab, address);
    }
    const { fault } = await events.firstStart();
    expect(fault).toBe('');
    expect(await lab.run('iptables-nft-save')).not.toContain('NodeLocal');
  });

  it('answers what it keeps past conntrack, over UDP and TCP, to the Pod and to the node', async () => {
    await lab.run('conntrack', '-F');
    const load = lab.load({ perSecond: 120, names: [WHO, 'a.kept.cluster.local'] });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const account = await load.stop();
    expect(account.queries.length).toBeGreaterThan(100);
    expect(account.lostText()).toBe('');
    expect(await tracked(lab, IPV4)).toEqual([]);
  });

  it('has addresses that somebody removes back within a second', async () => {
    expectLostWithin(noted(await events.removeAddresses()), 1000);
  });

  it('has a link that somebody deletes back within a second', async () => {
    expectLostWithin(noted(await events.removeLink()), 1000);
  });

  it('has rules that somebody flushes back within a second', async () => {
    expectLostWithin(noted(await events.flushRules()), 1000);
    await lab.run('conntrack', '-F');
    await lab.answered(isOfCache, 'answered by the cache', 5000, { addresses: IPV4 });
    expect(await tracked(lab, IPV4)).toEqual([]);
  });

  it('takes over a stub domain of the kube-dns ConfigMap within two seconds, and loses nothing', async () => {
    const one = noted(await events.addStubDomain());
    expectNoneLost(one);
    const late = one.account.sentBetween(one.atMs + 2000).only(({ outcome }) => outcome !== ANSWERED_BY.stub);
    expect(late.text()).toBe('');
  });

  it.each([
    'SIGSTOP',
    'SIGKILL',
  ] as const)("answers while the cluster's DNS is away (%s): what it has from the cache, what has ended as stale, else SERVFAIL within 2 s", async (how) => {
    const all = await events.clusterAway(8, how);
    seen.push(...all);
    for (const { account, atMs } of all) expect(account.lostText(atMs)).toBe('');
    const [cached, expiring, neverAsked] = all.map(({ account }) => account);
    expect(Object.keys(cached?.outcomes ?? {})).toEqual(['192.0.2.3']);
    expect(Object.keys(expiring?.outcomes ?? {})).toEqual(['10.96.77.44']);
    expect(Object.keys(neverAsked?.outcomes ?? {}).sort()).toEqual(['192.0.2.3', 'SERVFAIL']);
    expect(neverAsked?.slowestMs).toBeLessThan(2300);
  });
});

describe.skipIf(reason !== '')(titled(`${TITLE}, on other addresses`, reason), () => {
  it.each([
    ['IPv6 alone', IPV6, []],
    ['IPv4 and IPv6 in one process', [...IPV4, ...IPV6], ['-fallback', '10.96.0.11,fd00:10:96::b']],
    // As IPVS mode has it: the cluster IP belongs to the Service proxy.
    ['the link-local address alone', [LOCAL_DNS[4]], []],
  ] as const)('with %s: answers, and fails open at a kill', async (title, localIp, args) => {
    const lab = await NodeLab.open(MODE);
    const options: NodeCacheOptions = { localIp, args };
    const events = new CacheEvents(lab, options);
    try {
      const start = await events.firstStart();
      expect(start.fault).toBe('');
      await lab.run('conntrack', '-F');
      await lab.answered(isOfCache, 'answered by the cache', 5000, { addresses: localIp });
      expect(await tracked(lab, localIp)).toEqual([]);
      const kill = await events.kill();
      const restart = await events.restart();
      console.log(`${title}\n${eventTable([start, kill, restart])}`);
      expectLostWithin(kill, 3700);
      expectNoneLost(restart);
    } finally {
      await events.close();
      await lab.close();
    }
  });
});
