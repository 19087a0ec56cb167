/** Starts of `cluster-dns node-cache` that can't succeed: a clear message each, exit code 1, and nothing left behind. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ipBatch, Namespaces } from '#test/packet-lab/namespaces.ts';
import { type ProcessOptions, ServerProcess } from '#test/process.ts';
import { missing, titled } from './needs.ts';

const TITLE = 'starts of the node-local cache that fail';
const reason = await missing(TITLE, ['root', 'nft', 'iptables-nft', 'iptables-legacy', 'setpriv']);

const LOCAL = '169.254.20.10';
const CLUSTER_IP = '10.96.0.10';
const TEMPLATE = `.:53 {
    cache 30
    bind __PILLAR__LOCAL__DNS__
    forward . __PILLAR__CLUSTER__DNS__
    health __PILLAR__LOCAL__DNS__:8080
}
`;

const namespaces = new Namespaces();
const node = namespaces.nameOf('node');
let directory: string;

const inside = (command: string, ...args: readonly string[]): string =>
  spawnSync('ip', ['netns', 'exec', node, command, ...args], { encoding: 'utf8' }).stdout;

/** Everything that a start may change. Tables and chains that iptables makes for itself are nobody's, and it keeps them when they are empty. */
const traces = () => ({
  links: inside('ip', '-o', 'link', 'show').replaceAll(/ (state|qdisc|qlen) \S+/g, ''),
  addresses: inside('ip', '-o', 'address', 'show'),
  nftables: inside('nft', 'list', 'tables')
    .split('\n')
    .filter((line) => line.includes('cluster-dns'))
    .map((line) => inside('nft', 'list', ...line.split(' '))),
  iptables: ['iptables-legacy-save', 'iptables-nft-save'].map((save) => inside(save).match(/^-A .*$/gm)),
  files: readdirSync(directory).sort(),
});

interface Attempt extends ProcessOptions {
  readonly args?: readonly string[];
  /** null: there is none. */
  readonly template?: string | null;
}

/** Starts it in the node's namespace with the flags of the usual manifest, and waits for its end. */
const attempt = async ({ args = [], template = TEMPLATE, ...options }: Attempt) => {
  if (template !== null) writeFileSync(join(directory, 'Corefile.base'), template);
  const before = traces();
  const flags = ['-localip', `${LOCAL},${CLUSTER_IP}`, '-upstreamsvc', 'kube-dns-upstream'];
  const files = ['-conf', join(directory, 'Corefile'), '-basecorefile', join(directory, 'Corefile.base')];
  const program = new ServerProcess(
    ['node-cache', ...flags, ...files, '-kubednscm', join(directory, 'none'), ...args],
    { netns: node, ...options, env: { KUBE_DNS_UPSTREAM_SERVICE_HOST: '10.96.0.11', ...options.env } },
  );
  const limit = setTimeout(() => program.signal('SIGKILL'), 15_000);
  const exitCode = await program.exited;
  clearTimeout(limit);
  // The Corefile that was written from the template says what would have been served.
  rmSync(join(directory, 'Corefile'), { force: true });
  return { exitCode, stderr: program.stderr, stdout: program.stdout, before, after: traces() };
};

/** Holds a port of the node without sharing it, until the test is over. */
const holders: { kill(): void }[] = [];
const hold = async (kind: 'udp' | 'tcp', address: string, port: number): Promise<void> => {
  const script =
    kind === 'udp'
      ? `require('dgram').createSocket('udp4').bind(${port}, '${address}', () => console.log('ready'))`
      : `require('net').createServer().listen(${port}, '${address}', () => console.log('ready'))`;
  const child = spawn('ip', ['netns', 'exec', node, process.execPath, '-e', script]);
  holders.push({ kill: () => child.kill('SIGKILL') });
  await once(child.stdout, 'data');
};

/** A folder with tools that do what is given. */
const toolFolder = (tools: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), 'node-cache-tools-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
};

/** For the program alone: what starts it is found all the same. */
const withPath = (path: string): readonly string[] => ['env', `PATH=${path}`];
const withTools = (folder: string): readonly string[] => withPath(`${folder}:${process.env.PATH}`);

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  beforeAll(async () => {
    await namespaces.add(['node']);
    await ipBatch(['link set lo up'], node);
  });
  afterAll(() => namespaces.remove());
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-cache-start-'));
  });
  afterEach(() => {
    for (const holder of holders.splice(0)) holder.kill();
    rmSync(directory, { recursive: true });
  });

  const FAILURES: readonly (readonly [title: string, attempt: Attempt, message: RegExp])[] = [
    ['a flag that there is not', { args: ['-no-such-flag', '1'] }, /^node-cache: .*-no-such-flag/m],
    ['words that are left over', { args: ['serve'] }, /^node-cache: .*serve/m],
    ['no address', { args: ['-localip', ''] }, /^node-cache: -localip: no address is given/m],
    ['an address that is none', { args: ['-localip', '169.254.20'] }, /^node-cache: -localip: "169\.254\.20" is not/m],
    [
      'an address of a family in the form of the other',
      { args: ['-localip', '::ffff:169.254.20.10'] },
      /^node-cache: -localip: .* is an IPv4 address in the form of IPv6: write 169\.254\.20\.10$/m,
    ],
    [
      'a fallback of this node alone',
      { args: ['-fallback', LOCAL] },
      /^node-cache: -fallback: .* is an address of this node alone/m,
    ],
    ['no template', { template: null }, /^node-cache: .*Corefile\.base/m],
    ['an empty template', { template: '\n' }, /^node-cache: .*the template is empty$/m],
    [
      'a template with a directive that is not built',
      { template: TEMPLATE.replace('cache 30', 'dns64') },
      /Corefile\.base:2:5: directive 'dns64' is known but not built/,
    ],
    [
      'a template that wants the upstream Service, which is not in the environment',
      { env: { KUBE_DNS_UPSTREAM_SERVICE_HOST: '' } },
      /Corefile\.base:4:\d+: .*KUBE_DNS_UPSTREAM_SERVICE_HOST is not in the environment/,
    ],
    ['a Corefile that can not be written', { args: ['-conf', '/proc/none/Corefile'] }, /^node-cache: .*\/proc\/none/m],
    ['a file for the process id that can not be written', { args: ['-pidfile', '/proc/none/pid'] }, /\/proc\/none/],
    [
      'no right to change rules',
      { prefix: ['setpriv', '--inh-caps=-net_admin', '--bounding-set=-net_admin'] },
      /^node-cache: .*CAP_NET_ADMIN/m,
    ],
    [
      'no nft and no ip on the path',
      { prefix: withPath('/proc/none') },
      /^node-cache: node-cache needs nft, ip, which are not on the path: .*nftables iproute2/m,
    ],
    [
      'no iptables on the path',
      { args: ['-rules', 'iptables', '-setupinterface=false'], prefix: withPath('/proc/none') },
      /^node-cache: node-cache needs iptables-save, iptables-restore, which are not on the path/m,
    ],
    [
      'an nft that refuses everything',
      { prefix: withTools(toolFolder({ nft: 'echo "Error: no, thanks" >&2; exit 1' })) },
      /^node-cache: nft .*: exit code 1: Error: no, thanks$/m,
    ],
    [
      'an iptables-restore that refuses everything',
      {
        args: ['-rules', 'iptables'],
        prefix: withTools(toolFolder({ 'iptables-restore': 'echo "no, thanks" >&2; exit 1' })),
      },
      /^node-cache: iptables-restore .*: exit code 1: no, thanks$/m,
    ],
    [
      'an ip that can make no link',
      {
        prefix: withTools(toolFolder({ ip: 'case "$*" in *show*) echo "[]";; *) echo "no" >&2; exit 2;; esac' })),
      },
      /^node-cache: ip .*: exit code 2: no$/m,
    ],
  ];

  it.each(FAILURES)('%s: says so, ends with 1, and leaves nothing', async (_, what, message) => {
    const { exitCode, stderr, before, after } = await attempt(what);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(exitCode).toBe(1);
    expect(after).toEqual(before);
  });

  it.each([
    ['the port of DNS over UDP', 'udp', 53, /^node-cache: .*listen udp .*:53: bind: address already in use$/m],
    ['the port of DNS over TCP', 'tcp', 53, /^node-cache: .*listen tcp .*:53: bind: address already in use$/m],
    ['the port of health', 'tcp', 8080, /^node-cache: .*:8080.*address already in use/m],
  ] as const)('%s is taken: says so, ends with 1, and takes link and rules back', async (_, kind, port, message) => {
    await hold(kind, '0.0.0.0', port);
    for (const rules of ['nftables', 'iptables']) {
      const { exitCode, stderr, before, after } = await attempt({ args: ['-rules', rules] });
      expect(stderr).toMatch(message);
      expect(exitCode).toBe(1);
      expect(after).toEqual(before);
    }
  });

  it('says all that is wrong at once', async () => {
    const { exitCode, stderr } = await attempt({ args: ['-localip', 'x', '-syncinterval', 'y', '-dns.port', 'z'] });
    expect(stderr.match(/^node-cache: -[a-z.]+/gm)).toEqual([
      'node-cache: -localip',
      'node-cache: -dns.port',
      'node-cache: -syncinterval',
    ]);
    expect(exitCode).toBe(1);
  });

  it('lacks rights and tools: says both', async () => {
    const prefix = ['setpriv', '--inh-caps=-net_admin', '--bounding-set=-net_admin'];
    const { stderr } = await attempt({ prefix: [...prefix, ...withPath('/proc/none')] });
    expect(stderr).toMatch(/CAP_NET_ADMIN/);
    expect(stderr).toMatch(/nft, ip, which are not on the path/);
  });

  it('a device of another kind has the name of the link: says so, and leaves the device', async () => {
    await ipBatch(['link add nodelocaldns type veth peer name other'], node);
    try {
      const { exitCode, stderr, before, after } = await attempt({});
      expect(stderr).toMatch(/^node-cache: nodelocaldns is a device of the kind veth, not a link of node-cache/m);
      expect(exitCode).toBe(1);
      expect(after).toEqual(before);
    } finally {
      await ipBatch(['link delete nodelocaldns'], node);
    }
  });

  it('leaves the link and the table of an instance before it as they were', async () => {
    await ipBatch(['link add nodelocaldns type bridge', `address add ${LOCAL}/32 dev nodelocaldns`], node);
    inside('nft', 'add table ip cluster-dns-node-cache { comment "layout 1, rules 0" ; }');
    await hold('udp', '0.0.0.0', 53);
    try {
      const { exitCode, before, after } = await attempt({});
      expect(exitCode).toBe(1);
      expect(before.nftables).toHaveLength(1);
      expect(after).toEqual(before);
    } finally {
      inside('nft', 'delete', 'table', 'ip', 'cluster-dns-node-cache');
      await ipBatch(['link delete nodelocaldns'], node);
    }
  });
});
