/** Rules of iptables mode in the kernel, with both of the two iptables. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { iptablesBackend } from '#proxy/backends/iptables/index.ts';
import type { ServicePorts } from '#proxy/model/service-port.ts';
import type { IpFamily, RuleOptions } from '#proxy/rule-options.ts';
import { runs } from '#test/property-runs.ts';
import { changedKeys, clusters } from '#test/random-services.ts';
import { IptablesNode } from './iptables-node.ts';
import { missing, titled } from './needs.ts';

const NEEDS = ['root', 'ip', 'nft', 'iptables-legacy', 'iptables-nft', 'ip6tables-legacy', 'ip6tables-nft'];
const reason = await missing('iptables rules in the kernel', NEEDS);

const options = (family: IpFamily): RuleOptions => ({
  family,
  localTraffic: { by: 'cidr', cidr: family === 'IPv6' ? 'fd00:1::/64' : '10.1.0.0/16' },
  masqueradeAll: false,
  masqueradeMark: 0x4000,
  nodePortAddresses: 'all',
  localhostNodePorts: family === 'IPv4',
  conntrackTcpBeLiberal: false,
  serviceCidrs: [],
  hasRandomFully: true,
  hasNfacct: false,
});

/** Two clusters that have something of everything, and differ in most. */
const [FIRST, SECOND] = fc.sample(clusters('IPv4', 2, 8), { numRuns: 1, seed: 8 })[0] as [ServicePorts, ServicePorts];
const NOBODY: ServicePorts = new Map();

const nodes: IptablesNode[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close();
});

describe.skipIf(reason !== '').each([['legacy'], ['nft']] as const)(titled('iptables-%s', reason), (variant) => {
  const backend = iptablesBackend({ variant });
  const openNode = async (): Promise<IptablesNode> => {
    const node = await IptablesNode.open(variant);
    nodes.push(node);
    return node;
  };
  /** What is there after a text was loaded where nothing was. */
  const savedOf = async (services: ServicePorts, family: IpFamily = 'IPv4'): Promise<string[]> => {
    const node = await openNode();
    expect(await node.load(backend.render(services, options(family)), family)).toMatchObject({
      exitCode: 0,
      stderr: '',
    });
    return await node.saved(family);
  };

  it('keeps one jump of each kind when a text is loaded twice, and says so', async () => {
    const node = await openNode();
    const text = backend.render(FIRST, options('IPv4'));
    await node.load(text);
    const once = await node.saved();
    const { exitCode, stderr } = await node.load(text);
    expect(exitCode).toBe(1);
    const line = Number(/line (\d+) failed/.exec(stderr)?.[1]);
    expect(text.split('\n')[line - 1]).toBe('-N KUBE-PROXY-CANARY');
    expect(await node.saved()).toEqual(once);
  });

  it('leads nowhere but to the chains of the text that was loaded last', async () => {
    const node = await openNode();
    await node.load(backend.render(FIRST, options('IPv4')));
    await node.load(backend.render(SECOND, options('IPv4')));
    const wanted = await savedOf(SECOND);
    expect(reachable(await node.saved())).toEqual(reachable(wanted));
  });

  it('leaves exactly its rules, as often as it is loaded, where a text was made for what the node has', async () => {
    const node = await openNode();
    await node.load(backend.render(FIRST, options('IPv4')));
    const live = await node.iptablesSave();
    const text = backend.render(SECOND, options('IPv4'), { live });
    const wanted = await savedOf(SECOND);
    for (const _ of ['once', 'twice']) {
      expect(await node.load(text)).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await node.saved()).toEqual(wanted);
    }
  });

  it('has the jumps that node ports on 127.0.0.1 need even where an earlier text had none of these', async () => {
    const node = await openNode();
    await node.load(backend.render(FIRST, { ...options('IPv4'), localhostNodePorts: false }));
    await node.load(backend.render(FIRST, options('IPv4')));
    expect(await node.saved()).toEqual(await savedOf(FIRST));
  });

  it('loads a text for IPv6', async () => {
    const [cluster = NOBODY] = fc.sample(clusters('IPv6', 1, 8), { numRuns: 1, seed: 8 })[0] ?? [];
    expect((await savedOf(cluster, 'IPv6')).join('\n')).toContain('--to-destination [fd00:1::');
  });

  it('has after any changes, through the writer and by loading differences, what a whole text leaves', async () => {
    const [synced, patched, whole] = [await openNode(), await openNode(), await openNode()];
    await fc.assert(
      fc.asyncProperty(clusters('IPv4', 4), async (list) => {
        for (const node of [synced, patched, whole]) await node.flush();
        const writer = await synced.writer();
        await writer.sync(NOBODY, options('IPv4'), null);
        await patched.load(backend.render(NOBODY, options('IPv4')));
        let before = NOBODY;
        for (const after of list) {
          const { kind } = await writer.sync(after, options('IPv4'), changedKeys(before, after));
          expect(kind).toBe('partial');
          const difference = backend.diff(before, after, options('IPv4'));
          expect(await patched.load(difference)).toMatchObject({ exitCode: 0, stderr: '' });
          await whole.flush();
          await whole.load(backend.render(after, options('IPv4')));
          const wanted = await whole.saved();
          expect(await synced.saved()).toEqual(wanted);
          expect(await patched.saved()).toEqual(wanted);
          before = after;
        }
      }),
      { ...runs(5), endOnFailure: true },
    );
  });
});

/** Jumps of built-in chains, and all rules that they lead to. */
const reachable = (saved: readonly string[]): string[] => {
  const rules = saved.filter((line) => line.includes(' -A '));
  const chainOf = (line: string): string => line.split(' -A ').join(' ').split(' ', 2).join(' ');
  const seen = new Set(rules.map(chainOf).filter((chain) => !chain.includes('KUBE-')));
  for (const chain of seen) {
    for (const line of rules.filter((rule) => chainOf(rule) === chain)) {
      const [, target] = / -j (\S+)/.exec(line) ?? [];
      if (target?.startsWith('KUBE-')) seen.add(`${chain.split(' ')[0]} ${target}`);
    }
  }
  return rules.filter((line) => seen.has(chainOf(line)));
};
