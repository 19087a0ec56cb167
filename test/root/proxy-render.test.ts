/** What `proxy render` prints, loaded by the real tools: twice, and after another one, it leaves exactly its own rules. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcome, run } from '#test/command.ts';
import { PROGRAM } from '#test/process.ts';
import { runCommand } from '../../src/cli/commands.ts';
import { missing, titled } from './needs.ts';

const EXAMPLES = ['--manifests', 'examples', '--node', 'n1', '--cluster-cidr', '10.244.0.0/16,fd00:10:244::/64'];

let directory: string;
const namespaces: string[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-render-'));
});
afterEach(async () => {
  for (const name of namespaces.splice(0)) await run('ip', ['netns', 'delete', name]);
  rmSync(directory, { recursive: true });
});

const newNamespace = async (): Promise<string> => {
  const name = `render-${process.pid}-${namespaces.length}`;
  await run('ip', ['netns', 'add', name]);
  namespaces.push(name);
  return name;
};
const render = async (...args: string[]): Promise<string> => {
  let text = '';
  let complaints = '';
  const io = {
    stdout: (part: string) => {
      text += part;
    },
    stderr: (part: string) => {
      complaints += part;
    },
  };
  expect([await runCommand(['proxy', 'render', ...args], io), complaints]).toEqual([0, '']);
  return text;
};
/** Another cluster, with Services that the examples have not, and one of theirs with other endpoints. */
const otherCluster = (): string[] => {
  const service = (name: string, ip: string, more = '') =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {clusterIP: ${ip}, ports: [{port: 80}]${more}}\n---\n`;
  const endpoints = (name: string, ips: readonly string[]) =>
    `apiVersion: v1\nkind: Endpoints\nmetadata: {name: ${name}}\nsubsets: [{addresses: [${ips.map((ip) => `{ip: ${ip}}`).join(', ')}], ports: [{port: 8080}]}]\n---\n`;
  const node =
    'apiVersion: v1\nkind: Node\nmetadata: {name: node-1}\nstatus: {addresses: [{type: InternalIP, address: 172.18.0.9}]}\n';
  writeFileSync(
    join(directory, 'all.yaml'),
    service('hello-world', '10.96.77.44') +
      endpoints('hello-world', ['10.244.9.1', '10.244.9.2', '10.244.9.3', '10.244.9.4', '10.244.9.5', '10.244.9.6']) +
      service('other', '10.96.1.2', ', sessionAffinity: ClientIP, type: NodePort, externalIPs: [192.0.2.7]') +
      endpoints('other', ['10.244.9.9']) +
      node,
  );
  return ['--manifests', directory, '--node', 'node-1'];
};

const load = async (namespace: string, command: readonly string[], text: string): Promise<void> => {
  const { code, stderr } = await outcome('ip', ['netns', 'exec', namespace, ...command], { stdin: text });
  expect([code, stderr]).toEqual([0, '']);
};

const nftReason = await missing('rendered nftables rules in the kernel', ['root', 'ip', 'nft']);
describe.skipIf(nftReason !== '')(titled('a rendered nftables text', nftReason), () => {
  const list = (namespace: string): Promise<string> =>
    run('ip', ['netns', 'exec', namespace, 'nft', '-s', 'list', 'ruleset']);
  /** The order of elements is that of the kernel's hash. */
  const sorted = (listing: string): string[] =>
    listing
      .replaceAll(/,\s+/g, ',\n')
      .split('\n')
      .map((line) => line.trim().replace(/[,}]$/, ''))
      .sort();

  it.each([['ipv4'], ['ipv6']])('of %s is what nft checks and loads', async (family) => {
    const namespace = await newNamespace();
    const text = await render(...EXAMPLES, '--ip-family', family);
    await load(namespace, ['nft', '-c', '-f', '-'], text);
    await load(namespace, ['nft', '-f', '-'], text);
    expect(await list(namespace)).toContain(`table ${family === 'ipv4' ? 'ip' : 'ip6'} kube-proxy`);
  });

  it('with comments leaves the same rules as without', async () => {
    const [plain, explained] = [await newNamespace(), await newNamespace()];
    await load(plain, ['nft', '-f', '-'], await render(...EXAMPLES));
    await load(explained, ['nft', '-f', '-'], await render(...EXAMPLES, '--explain'));
    expect(sorted(await list(explained))).toEqual(sorted(await list(plain)));
  });

  it('loaded twice, or after another one, leaves exactly its own rules', async () => {
    const [fresh, used] = [await newNamespace(), await newNamespace()];
    const text = await render(...EXAMPLES);
    await load(fresh, ['nft', '-f', '-'], text);
    await load(used, ['nft', '-f', '-'], text);
    await load(used, ['nft', '-f', '-'], text);
    expect(sorted(await list(used))).toEqual(sorted(await list(fresh)));
    await load(used, ['nft', '-f', '-'], await render(...otherCluster()));
    expect(await list(used)).not.toContain('10.96.0.10');
    await load(used, ['nft', '-f', '-'], text);
    expect(sorted(await list(used))).toEqual(sorted(await list(fresh)));
  });
});

const TOOLS = ['iptables-legacy', 'iptables-nft', 'ip6tables-legacy', 'ip6tables-nft'];
const iptablesReason = await missing('rendered iptables rules in the kernel', ['root', 'ip', ...TOOLS]);
describe.skipIf(iptablesReason !== '')(titled('a rendered iptables text', iptablesReason), () => {
  /** Rules without counters, and the chains that they are in. */
  const save = async (namespace: string, tool: string): Promise<string[]> =>
    (await run('ip', ['netns', 'exec', namespace, `${tool}-save`]))
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .map((line) => line.replace(/ \[\d+:\d+\]$/, ''));

  /** Chains that a rule leads to, from the built-in ones on: what another text has left beside them does nothing. */
  const reachable = (rules: readonly string[]): string[] => {
    const found = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING']);
    const leadsOn = (): string[] =>
      rules.flatMap((line) => {
        const [, chain = '', target = ''] = /^-A (\S+).* -j (KUBE-\S+)/.exec(line) ?? [];
        return found.has(chain) && !found.has(target) ? [target] : [];
      });
    for (let next = leadsOn(); next.length > 0; next = leadsOn()) for (const chain of next) found.add(chain);
    return rules.filter((line) => found.has(line.split(' ')[1] ?? '')).sort();
  };
  /** The jumps come last, behind a line that fails where they are there. */
  const loadAgain = async (namespace: string, tool: string, text: string): Promise<void> => {
    const command = ['netns', 'exec', namespace, `${tool}-restore`, '--noflush'];
    const { stderr } = await outcome('ip', command, { stdin: text });
    expect(stderr).toMatch(/line \d+ failed/);
  };

  it.each(TOOLS)('is what %s-restore loads, twice the same, and after another one', async (tool) => {
    const iptables = [...EXAMPLES, '--mode', 'iptables', '--ip-family', tool.startsWith('ip6') ? 'ipv6' : 'ipv4'];
    const [fresh, used] = [await newNamespace(), await newNamespace()];
    const text = await render(...iptables);
    await load(fresh, [`${tool}-restore`, '--noflush'], text);
    const rules = await save(fresh, tool);
    expect(rules.filter((line) => line.startsWith(':KUBE-SVC-')).length).toBeGreaterThan(0);
    await loadAgain(fresh, tool, text);
    expect(await save(fresh, tool)).toEqual(rules);

    await load(used, [`${tool}-restore`, '--noflush'], await render(...otherCluster(), ...iptables.slice(-4)));
    await loadAgain(used, tool, text);
    expect(reachable(await save(used, tool))).toEqual(reachable(rules));

    const now = join(directory, 'now');
    writeFileSync(now, await run('ip', ['netns', 'exec', used, `${tool}-save`]));
    await load(used, [`${tool}-restore`, '--noflush'], await render(...iptables, '--over', now));
    expect((await save(used, tool)).sort()).toEqual([...rules].sort());
  });
});

const toolsReason = await missing('diff against the kernel, and cleanup', ['root', 'ip', 'nft', ...TOOLS]);
describe.skipIf(toolsReason !== '')(titled('on a node', toolsReason), () => {
  /** The program in a namespace. */
  const proxy = (namespace: string, ...args: string[]) =>
    outcome('ip', ['netns', 'exec', namespace, process.execPath, PROGRAM, 'proxy', ...args]);

  it.each([
    'nftables',
    'iptables',
  ])('diff tells what the kernel lacks in %s mode, and then that nothing does', async (mode) => {
    const namespace = await newNamespace();
    const flags = [...EXAMPLES, '--mode', mode];
    const before = await proxy(namespace, 'diff', ...flags);
    expect([before.code, before.stderr]).toEqual([1, '']);
    expect(before.stdout).toContain(mode === 'nftables' ? 'table ip kube-proxy is not there' : '+ the chain');

    const restore = mode === 'nftables' ? ['nft', '-f', '-'] : ['iptables-restore', '--noflush'];
    await load(namespace, restore, await render(...flags));
    const restore6 = mode === 'nftables' ? restore : ['ip6tables-restore', '--noflush'];
    await load(namespace, restore6, await render(...flags, '--ip-family', 'ipv6'));
    const after = await proxy(namespace, 'diff', ...flags);
    expect([after.code, after.stdout, after.stderr]).toEqual([0, 'Nothing differs.\n', '']);

    const change =
      mode === 'nftables'
        ? ['nft', 'delete', 'element', 'ip', 'kube-proxy', 'service-ips', '{ 10.96.77.44 . tcp . 80 }']
        : ['iptables', '-t', 'nat', '-D', 'KUBE-SEP-IKXDPMZZPVXN3KBM', '1'];
    await run('ip', ['netns', 'exec', namespace, ...change]);
    const changed = await proxy(namespace, 'diff', ...flags);
    expect(changed.code).toBe(1);
    expect(changed.stdout.split('\n').filter((line) => line.startsWith(' '))).toEqual([
      mode === 'nftables'
        ? '    + 10.96.77.44 . tcp . 80 : goto cluster-2'
        : '    + -m comment --comment default/hello-world -s 10.244.2.106 -j KUBE-MARK-MASQ',
    ]);
  });

  it('cleanup removes what every mode has left, tells what, and then that there is nothing', async () => {
    const namespace = await newNamespace();
    await load(namespace, ['nft', '-f', '-'], await render(...EXAMPLES));
    await load(namespace, ['iptables-nft-restore', '--noflush'], await render(...EXAMPLES, '--mode', 'iptables'));
    await load(namespace, ['iptables-legacy-restore', '--noflush'], await render(...EXAMPLES, '--mode', 'iptables'));
    const { code, stdout, stderr } = await proxy(namespace, 'cleanup');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('removed table ip kube-proxy (nft)\n');
    expect(stdout).toContain('removed chain KUBE-SVC-DZ6LTOHRG6HQWHYE of table nat (iptables-nft)\n');
    expect(stdout).toContain('removed chain KUBE-SVC-DZ6LTOHRG6HQWHYE of table nat (iptables-legacy)\n');
    const again = await proxy(namespace, 'cleanup');
    expect([again.code, again.stdout]).toEqual([0, 'There was nothing to remove.\n']);
    expect(await run('ip', ['netns', 'exec', namespace, 'iptables-nft-save'])).not.toContain('KUBE-SVC');
  });

  it('cleanup is for root', async () => {
    const namespace = await newNamespace();
    const args = ['netns', 'exec', namespace, 'setpriv', '--bounding-set', '-all', '--inh-caps', '-all'];
    const { code, stderr } = await outcome('ip', [
      ...args,
      '--reuid',
      '65534',
      process.execPath,
      PROGRAM,
      'proxy',
      'cleanup',
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('cluster-dns proxy cleanup: rules may only be changed by root');
  });
});

const ipvsReason = await missing('the sets of a rendered IPVS text', ['root', 'ip', 'ipset']);
describe.skipIf(ipvsReason !== '')(titled('a rendered IPVS text', ipvsReason), () => {
  it('has an ipset part that loads, twice', async () => {
    const namespace = await newNamespace();
    const ipset = await render(...EXAMPLES, '--mode', 'ipvs', '--part', 'ipset');
    await load(namespace, ['ipset', 'restore'], ipset);
    await load(namespace, ['ipset', 'restore'], ipset);
    expect(await run('ip', ['netns', 'exec', namespace, 'ipset', 'list', '-n'])).toContain('KUBE-CLUSTER-IP');
  });
});
