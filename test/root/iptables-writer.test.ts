/** The writer of iptables mode: what it takes over, and what it does about faults, with both of the two iptables. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type CommandError, runCommand, runOrThrow } from '#netfilter/run.ts';
import { iptablesBackend } from '#proxy/backends/iptables/index.ts';
import type { ServicePorts } from '#proxy/model/service-port.ts';
import { changedKeys, clusters } from '#test/random-services.ts';
import { iptablesOptions } from '#test/service-ports.ts';
import { IptablesNode } from './iptables-node.ts';
import { missing, titled } from './needs.ts';

const NEEDS = ['root', 'ip', 'nft', 'ipset', 'setpriv', 'flock', 'iptables-legacy', 'iptables-nft'];
const reason = await missing('the writer of iptables rules', NEEDS);

const OPTIONS = iptablesOptions({ localTraffic: { by: 'cidr', cidr: '10.1.0.0/16' } });
/** Two clusters that have something of everything, and differ in most. */
const [FIRST, SECOND] = fc.sample(clusters('IPv4', 2, 8), { numRuns: 1, seed: 8 })[0] as [ServicePorts, ServicePorts];

/** What others have on a node. */
const FOREIGN = `*nat
:CNI-HOSTPORT-SETMARK - [0:0]
-A CNI-HOSTPORT-SETMARK -j MARK --set-xmark 0x2000/0x2000
-A PREROUTING -d 192.0.2.1/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.9.9.9:80
COMMIT
*mangle
:KUBE-KUBELET-CANARY - [0:0]
:KUBE-IPTABLES-HINT - [0:0]
COMMIT
*filter
:DOCKER - [0:0]
-A DOCKER -s 172.17.0.0/16 -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A FORWARD -j DOCKER
COMMIT
`;

/** What kube-proxy leaves in IPVS mode, what an older one left in this mode, and a nftables table. */
const LEFTOVERS = `*nat
:KUBE-SERVICES - [0:0]
:KUBE-LOAD-BALANCER - [0:0]
:KUBE-NODE-PORT - [0:0]
:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]
:KUBE-XLB-AAAAAAAAAAAAAAAA - [0:0]
-A KUBE-SERVICES -m set --match-set KUBE-LOAD-BALANCER dst,dst -j KUBE-LOAD-BALANCER
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT
-A KUBE-NODE-PORT -j KUBE-XLB-AAAAAAAAAAAAAAAA
-A KUBE-XLB-AAAAAAAAAAAAAAAA -j KUBE-SVC-AAAAAAAAAAAAAAAA
-I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
COMMIT
*filter
:KUBE-NODE-PORT - [0:0]
:KUBE-IPVS-FILTER - [0:0]
:KUBE-SERVICES - [0:0]
-A INPUT -m comment --comment "kubernetes health check rules" -j KUBE-NODE-PORT
-A INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER
-A INPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
COMMIT
`;

const nodes: IptablesNode[] = [];
const directories: string[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

describe.skipIf(reason !== '').each([['legacy'], ['nft']] as const)(titled('iptables-%s', reason), (variant) => {
  const backend = iptablesBackend({ variant });
  const openNode = async (): Promise<IptablesNode> => {
    const node = await IptablesNode.open(variant);
    nodes.push(node);
    return node;
  };
  /** What is there after a text was loaded beside what others have. */
  const savedOf = async (services: ServicePorts, foreign = ''): Promise<string[]> => {
    const node = await openNode();
    await node.load(foreign);
    await node.load(backend.render(services, OPTIONS));
    return await node.saved();
  };
  const rejection = (promise: Promise<unknown>): Promise<CommandError> =>
    promise.then(
      () => expect.unreachable('it has to fail'),
      (error: CommandError) => error,
    );

  it('takes over at the first sync: other modes and old chains go, what others have stays', async () => {
    const node = await openNode();
    await node.load(FOREIGN);
    for (const set of ['KUBE-LOAD-BALANCER', 'OTHERS'])
      await runOrThrow(node.run, 'ipset', ['create', set, 'hash:ip,port']);
    await runOrThrow(node.run, `iptables-${variant}-restore`, ['--noflush'], LEFTOVERS);
    await runOrThrow(node.run, 'nft', ['-f', '-'], 'table ip kube-proxy { chain services { accept; }; }\n');
    const writer = await node.writer();
    expect((await writer.sync(FIRST, OPTIONS, new Set())).kind).toBe('full');
    expect(await node.saved()).toEqual(await savedOf(FIRST, FOREIGN));
    expect(await runOrThrow(node.run, 'nft', ['list', 'tables'])).not.toContain('kube-proxy');
    expect(await runOrThrow(node.run, 'ipset', ['list', '-name'])).toBe('OTHERS\n');
  });

  it('leaves what kubelet has in its own chain, and makes that chain where it is missing', async () => {
    const options = { ...OPTIONS, localhostNodePorts: false };
    const [kubelet, alone] = [await openNode(), await openNode()];
    await kubelet.load('*filter\n:KUBE-FIREWALL - [0:0]\n-A KUBE-FIREWALL -s 192.0.2.9 -j DROP\nCOMMIT\n');
    for (const node of [kubelet, alone]) await (await node.writer()).sync(FIRST, options, null);
    expect((await kubelet.saved()).filter((line) => line.includes('-A KUBE-FIREWALL'))).toEqual([
      'filter -A KUBE-FIREWALL -s 192.0.2.9/32 -j DROP',
    ]);
    const rendered = await openNode();
    await rendered.load(backend.render(FIRST, options));
    expect(await alone.saved()).toEqual(await rendered.saved());
  });

  it('leaves a chain that somebody else leads to', async () => {
    const node = await openNode();
    await node.load(
      `${FOREIGN}*nat\n:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]\n-A CNI-HOSTPORT-SETMARK -j KUBE-SVC-AAAAAAAAAAAAAAAA\nCOMMIT\n`,
    );
    await (await node.writer()).sync(FIRST, OPTIONS, null);
    expect((await node.saved()).filter((line) => line.includes('AAAAAAAA'))).toHaveLength(2);
  });

  it('adds no jump and removes none when another one follows it', async () => {
    const node = await openNode();
    await (await node.writer()).sync(FIRST, OPTIONS, null);
    await node.iptables('-I', 'FORWARD', '-j', 'ACCEPT');
    const before = await node.saved();
    await (await node.writer()).sync(FIRST, OPTIONS, null);
    expect(await node.saved()).toEqual(before);
  });

  it('keeps the last good rules of a table when iptables-restore fails midway, and writes all at the next sync', async () => {
    const node = await openNode();
    const writer = await node.writer();
    await writer.sync(FIRST, OPTIONS, null);
    const nat = (saved: readonly string[]) => saved.filter((line) => line.startsWith('nat '));
    const before = nat(await node.saved());
    const cutTo = (text: string): string => text.slice(0, text.lastIndexOf('-A ') + 5);
    node.fake = (name, text) =>
      name.endsWith('-restore') ? runCommand('ip', ['netns', 'exec', node.name, name, '--noflush'], cutTo(text)) : null;
    const error = await rejection(writer.sync(SECOND, OPTIONS, changedKeys(FIRST, SECOND)));
    expect(error.message).toMatch(/restore .* exit code [12]/);
    expect(nat(await node.saved())).toEqual(before);
    node.fake = () => null;
    expect((await writer.sync(SECOND, OPTIONS, changedKeys(FIRST, SECOND))).kind).toBe('full');
    expect(await node.saved()).toEqual(await savedOf(SECOND));
  });

  it('notices that somebody has flushed a table, and puts all back', async () => {
    const node = await openNode();
    const writer = await node.writer();
    await writer.sync(FIRST, OPTIONS, null);
    const before = await node.saved();
    expect(await writer.isIntact()).toBe(true);
    await node.flush();
    expect(await writer.isIntact()).toBe(false);
    await writer.sync(FIRST, OPTIONS, null);
    expect(await writer.isIntact()).toBe(true);
    expect(await node.saved()).toEqual(before);
  });

  it('ends with whole rules where two agents write at once', async () => {
    const node = await openNode();
    const writers = [await node.writer(), await node.writer()];
    const sides = await Promise.all(
      writers.map(async (writer) => {
        let failures = 0;
        for (const services of [FIRST, SECOND, FIRST, SECOND]) {
          await writer.sync(services, OPTIONS, null).catch(() => {
            failures += 1;
          });
        }
        return failures;
      }),
    );
    // One of them always wins.
    expect(sides.every((failures) => failures < 4)).toBe(true);
    await writers[0]?.sync(SECOND, OPTIONS, null);
    await writers[1]?.sync(SECOND, OPTIONS, null);
    expect(await node.saved()).toEqual(await savedOf(SECOND));
  });

  it('says so where it has no right to change rules', async () => {
    const node = await openNode();
    const writer = await node.writer();
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all'];
    node.fake = (name, text) => runCommand('ip', ['netns', 'exec', node.name, ...nobody, name], text);
    const { message } = await rejection(writer.sync(FIRST, OPTIONS, null));
    expect(message).toMatch(/[Pp]ermission denied|must be root/);
    expect(await writer.isIntact()).toBe(true);
  });

  it('removes all of its own when it is cleaned up, and nothing else', async () => {
    const node = await openNode();
    await node.load(FOREIGN);
    const before = await node.saved();
    await (await node.writer()).sync(FIRST, OPTIONS, null);
    await backend.cleanUp(node.run);
    // Kubelet's, whoever made it.
    const isKubelets = (line: string): boolean => line.includes('KUBE-FIREWALL');
    expect((await node.saved()).filter((line) => !isKubelets(line))).toEqual(before);
    const count = node.inputs.length;
    await backend.cleanUp(node.run);
    expect(node.inputs).toHaveLength(count);
  });

  it('leaves what marks packets for masquerading where others use it, when it is cleaned up', async () => {
    const node = await openNode();
    await (await node.writer()).sync(FIRST, OPTIONS, null);
    await node.load('*nat\n:CNI-HOSTPORT-SETMARK - [0:0]\n-A CNI-HOSTPORT-SETMARK -j KUBE-MARK-MASQ\nCOMMIT\n');
    await backend.cleanUp(node.run);
    const saved = await node.saved();
    expect(saved).toContain('nat -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000');
    expect(saved).toContain(
      'nat -A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    );
    expect(saved.filter((line) => line.includes('KUBE-SVC'))).toEqual([]);
  });
});

describe.skipIf(reason !== '')(titled('the writer of iptables rules', reason), () => {
  it('gives up after five seconds where somebody holds the lock of iptables-legacy', async () => {
    const node = await IptablesNode.open('legacy');
    nodes.push(node);
    const directory = mkdtempSync(join(tmpdir(), 'cluster-dns-lock-'));
    directories.push(directory);
    const lock = join(directory, 'lock');
    writeFileSync(lock, '');
    const writer = await node.writer();
    const args = (name: string, rest: readonly string[]) => [
      'netns',
      'exec',
      node.name,
      'env',
      `XTABLES_LOCKFILE=${lock}`,
      name,
      ...rest,
    ];
    node.fake = (name, text) =>
      name.endsWith('-restore') ? runCommand('ip', args(name, ['-w', '5', '--noflush', '--counters']), text) : null;
    const holder = spawn('flock', [lock, 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    holder.stdin.write('held\n');
    await once(holder.stdout, 'data');
    const error = await writer.sync(FIRST, OPTIONS, null).catch((fault: CommandError) => fault);
    expect(error).toMatchObject({ code: 'command', exitCode: 4 });
    holder.stdin.end();
    await once(holder, 'close');
    expect((await writer.sync(FIRST, OPTIONS, null)).kind).toBe('full');
  });

  it('names the package to install where iptables is not on the path', async () => {
    const path = process.env.PATH;
    process.env.PATH = '/nonexistent';
    try {
      const opened = iptablesBackend().open({
        family: 'IPv4',
        run: runCommand,
        log: console as never,
        now: () => 0,
      });
      await expect(opened).rejects.toThrow(/^iptables: not found on the path; .*apt-get install iptables/);
    } finally {
      process.env.PATH = path;
    }
  });
});
