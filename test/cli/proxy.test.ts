/** `cluster-dns proxy` in this process: what each tool prints, and how it ends. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CapturedIo } from '#test/captured-io.ts';
import { runCommand } from '../../src/cli/commands.ts';

const EXAMPLES = ['--manifests', 'examples', '--node', 'n1', '--cluster-cidr', '10.244.0.0/16'];
const MODES = ['nftables', 'iptables', 'ipvs'];

let directory: string;
let io: CapturedIo;
const run = async (...args: string[]): Promise<number> => {
  io = new CapturedIo();
  return runCommand(['proxy', ...args], io);
};
/** Standard error, a line each, without the command's name. */
const faults = (command: string): string[] =>
  io.err
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(`cluster-dns proxy ${command}: `, ''));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-proxy-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A directory with one file of manifests. */
const cluster = (name: string, ...documents: string[]): string => {
  const path = join(directory, name);
  mkdirSync(path);
  writeFileSync(join(path, 'all.yaml'), documents.join('---\n'));
  return path;
};
const service = (name: string, spec: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {${spec}}\n`;
const endpoints = (name: string, ...ips: string[]): string =>
  `apiVersion: v1\nkind: Endpoints\nmetadata: {name: ${name}}\nsubsets: [{addresses: [${ips.map((ip) => `{ip: ${ip}}`).join(', ')}], ports: [{port: 8080}]}]\n`;
const node = (name: string, address = '172.18.0.2'): string =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}}\nstatus: {addresses: [{type: InternalIP, address: ${address}}]}\n`;
const WEB = service('web', 'clusterIP: 10.96.0.7, ports: [{port: 80}]');

describe('cluster-dns proxy', () => {
  it('tells its commands, and what each does', async () => {
    expect(await run('help')).toBe(0);
    for (const name of ['run', 'render', 'diff', 'explain', 'trace', 'cleanup'])
      expect(io.out).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    const help = io.out;
    for (const flag of ['-h', '--help']) {
      expect(await run(flag)).toBe(0);
      expect(io.out).toBe(help);
    }
  });

  it.each(['run', 'render', 'diff', 'explain', 'trace', 'cleanup'])('%s -h explains it', async (name) => {
    for (const flag of ['-h', '--help']) {
      expect(await run(name, flag)).toBe(0);
      expect(io.out).toContain(`Usage: cluster-dns proxy ${name}`);
      expect(io.err).toBe('');
    }
  });

  it('guesses what a misspelled command was to be', async () => {
    expect(await run('rendr')).toBe(1);
    expect(io.err).toContain('there is no command "rendr"; did you mean "render"?');
    expect(await run()).toBe(1);
    expect(io.err).toContain('which command?');
  });

  it("points somebody who gives it kube-proxy's flags to run", async () => {
    expect(await run('--config', '/var/lib/kube-proxy/config.conf')).toBe(1);
    expect(io.err).toContain('cluster-dns proxy run --config ...');
  });
});

describe('a command line of the tools', () => {
  it.each([
    ['render'],
    ['explain', 'web'],
    ['trace', '10.0.0.1', '10.96.0.7:80'],
  ])('%s wants to know where the cluster is', async (...args) => {
    expect(await run(...args)).toBe(1);
    expect(io.err).toContain('where is the cluster? Give --manifests DIR or --kubeconfig FILE');
  });

  it('is told all that is wrong with it at once, with flags as they were written', async () => {
    const missing = join(directory, 'none');
    const flags = ['--mode', 'nftabels', '--ip-family', 'ipv5', '--manifest', 'x', '--manifests', missing];
    expect(await run('render', ...flags, '--iptables-masquerade-bit=40', 'left')).toBe(1);
    expect(faults('render').sort()).toEqual([
      '--ip-family: "ipv5" is neither ipv4 nor ipv6',
      '--iptables-masquerade-bit: must be from 0 to 31, not 40',
      '--manifest: there is no such flag; did you mean "--manifests"?',
      '--mode: must be one of nftables, iptables, ipvs, not "nftabels"',
      `${missing} is not a directory`,
      'there is nothing to be named: the whole rule set is printed; proxy explain tells of one Service',
    ]);
    expect(io.out).toBe('');
  });

  it('names one cluster, not two', async () => {
    expect(await run('render', ...EXAMPLES, '--kubeconfig', 'x')).toBe(1);
    expect(faults('render')).toEqual(['--manifests and --kubeconfig are two clusters: give one of them']);
  });

  it("is of the cluster that it names, also where the configuration is that of kube-proxy's Pod", async () => {
    expect(
      await run('render', '--manifests', 'examples', '--node', 'n1', '--config', 'test/cli/kube-proxy/config.conf'),
    ).toBe(0);
    expect(io.err).toBe('');
    const missing = join(directory, 'none');
    expect(
      await run('render', '--config', 'test/cli/kube-proxy/config.conf', '--node', 'n1', '--kubeconfig', missing),
    ).toBe(1);
    expect(faults('render')).toEqual([expect.stringContaining(`--kubeconfig ${missing}: `)]);
  });

  it('names a node that there is', async () => {
    expect(await run('render', '--manifests', 'examples', '--node', 'n4')).toBe(1);
    expect(faults('render')).toEqual(['--node n4: examples has no such Node; it has n1, n2, n3; did you mean "n1"?']);
    expect(await run('render', '--manifests', 'examples')).toBe(1);
    expect(faults('render')).toEqual(['which node? Give --node NAME; examples has n1, n2, n3']);
  });

  it('needs no node where there are no Nodes, and says how it is then', async () => {
    expect(await run('render', '--manifests', cluster('a', WEB), '--node', 'here')).toBe(0);
    expect(io.err).toBe(
      `# ${join(directory, 'a')} has no Node objects: node "here" is taken as one without addresses and zone\n`,
    );
  });

  it("takes kube-proxy's names, and its file", async () => {
    const file = join(directory, 'config.yaml');
    writeFileSync(
      file,
      'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: iptables\nclusterCIDR: 10.244.0.0/16\n',
    );
    expect(await run('render', '--config', file, '--manifests', 'examples', '--hostname-override=n1')).toBe(0);
    const byFile = io.out;
    expect(await run('render', ...EXAMPLES, '--proxy-mode=iptables')).toBe(0);
    expect(byFile).toBe(io.out);
    expect(io.out).toContain('*nat');
  });

  it('is told the place of a fault in that file', async () => {
    const file = join(directory, 'config.yaml');
    writeFileSync(
      file,
      'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: userspace\niptables: {masqueradeBit: 77}\n',
    );
    expect(await run('render', '--config', file, '--manifests', 'examples')).toBe(1);
    expect(faults('render').map((line) => line.split(':', 4).slice(0, 4).join(':'))).toEqual([
      `${file}:3:7: mode`,
      `${file}:4:27: iptables.masqueradeBit`,
    ]);
  });
});

/** What a Service of the examples is called in iptables: names that are known from clusters. */
const GOLDEN = [
  ['kube-system/kube-dns:dns', 'KUBE-SVC-TCOU7JCQXEZGVUNU'],
  ['kube-system/kube-dns:dns-tcp', 'KUBE-SVC-ERIFXISQEP7F7OF4'],
  ['kube-system/kube-dns:metrics', 'KUBE-SVC-JD5MR3NA4I4DYORP'],
  ['default/hello-world', 'KUBE-SVC-DZ6LTOHRG6HQWHYE'],
  ['default/kubernetes:https', 'KUBE-SVC-NPX46M4PTMTKRN6Y'],
  ['default/hostnames:http', 'KUBE-SVC-AC2ON6IKLZPGXVMV'],
];
const GOLDEN_ENDPOINTS = [
  ['10.168.0.10:9376', 'KUBE-SEP-UCPOTBP5J6CFWVH3'],
  ['10.168.1.12:9376', 'KUBE-SEP-G7HB53TC4RAEG2Q6'],
  ['10.168.2.21:9376', 'KUBE-SEP-3J5IS7CK5D2CCCRY'],
  ['10.244.2.106:8080', 'KUBE-SEP-IKXDPMZZPVXN3KBM'],
  ['10.244.2.107:8080', 'KUBE-SEP-EFITTPEGYQM3635G'],
];

describe('cluster-dns proxy render', () => {
  it.each(MODES)('prints the same text in %s mode each time, whatever order files come in', async (mode) => {
    const texts = new Set<string>();
    for (let turn = 0; turn < 5; turn++) {
      expect(await run('render', ...EXAMPLES, '--mode', mode)).toBe(0);
      texts.add(io.out);
    }
    expect(texts.size).toBe(1);
    const documents = [
      WEB,
      endpoints('web', '10.244.1.1', '10.244.1.2'),
      node('n1'),
      service('a', 'ports: [{port: 1}]'),
    ];
    const [forward, backward] = [cluster('f', ...documents), cluster('b', ...documents.reverse())];
    expect(await run('render', '--manifests', forward, '--mode', mode, '--node', 'n1')).toBe(0);
    const first = io.out;
    expect(await run('render', '--manifests', backward, '--mode', mode, '--node', 'n1')).toBe(0);
    expect(io.out).toBe(first);
  });

  it.each(
    MODES.flatMap((mode) => ['ipv4', 'ipv6'].map((family) => [mode, family] as const)),
  )('prints the examples in %s mode for %s as they are on file', async (mode, family) => {
    const ranges = '10.244.0.0/16,fd00:10:244::/64';
    const flags = ['--manifests', 'examples', '--node', 'n1', '--cluster-cidr', ranges];
    expect(await run('render', ...flags, '--mode', mode, '--ip-family', family)).toBe(0);
    expect(io.err).toBe('');
    await expect(io.out).toMatchFileSnapshot(`rendered/${mode}-${family}.txt`);
  });

  it.each(MODES)('comments the layout of %s mode where it is asked to', async (mode) => {
    await run('render', ...EXAMPLES, '--mode', mode);
    const plain = io.out;
    expect(await run('render', ...EXAMPLES, '--mode', mode, '--explain')).toBe(0);
    const comments = (text: string): string[] => text.split('\n').filter((line) => /^\s*#/.test(line));
    expect(comments(io.out).length).toBeGreaterThan(comments(plain).length + 3);
  });

  it('names iptables chains as every cluster has them', async () => {
    await run('render', ...EXAMPLES, '--mode', 'iptables');
    const lines = io.out.split('\n');
    for (const [label, chain] of GOLDEN)
      expect(lines).toContainEqual(expect.stringMatching(`^-A KUBE-SERVICES .*"${label} cluster IP".* -j ${chain}$`));
    for (const [place, chain] of GOLDEN_ENDPOINTS)
      expect(lines).toContainEqual(expect.stringMatching(`^-A ${chain} .*-j DNAT --to-destination ${place}$`));
    expect(lines.filter((line) => line.includes('-A KUBE-SVC-AC2ON6IKLZPGXVMV') && line.includes('statistic'))).toEqual(
      [
        expect.stringContaining('--probability 0.3333333333 -j KUBE-SEP-UCPOTBP5J6CFWVH3'),
        expect.stringContaining('--probability 0.5000000000 -j KUBE-SEP-G7HB53TC4RAEG2Q6'),
      ],
    );
  });

  it('prints one part of the IPVS text where it is asked to, and knows which there are', async () => {
    expect(await run('render', ...EXAMPLES, '--mode', 'ipvs', '--part', 'ipset')).toBe(0);
    expect(io.out).toMatch(/^(create|#|add) /);
    expect(io.out).not.toContain('*nat');
    expect(await run('render', ...EXAMPLES, '--mode', 'ipvs', '--part', 'nft')).toBe(1);
    expect(faults('render')).toEqual(['--part: "nft" is none of sysctl, ipset, iptables, ipvsadm, addresses']);
    expect(await run('render', ...EXAMPLES, '--part', 'ipset')).toBe(1);
    expect(faults('render')).toEqual(['--part is for ipvs mode: a text of nftables is loaded whole']);
  });

  it('removes what a node has too much where it is given an iptables-save, and adds no jump that is there', async () => {
    const save = join(cluster('saved'), 'rules.save');
    const canary = ':KUBE-PROXY-CANARY - [0:0]\n';
    writeFileSync(save, `*filter\n${canary}COMMIT\n*nat\n${canary}:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]\nCOMMIT\n`);
    expect(await run('render', ...EXAMPLES, '--mode', 'iptables', '--over', save)).toBe(0);
    expect(io.out).toContain('-X KUBE-SVC-AAAAAAAAAAAAAAAA\n');
    expect(io.out).not.toContain('-N KUBE-PROXY-CANARY');
    expect(await run('render', ...EXAMPLES, '--mode', 'iptables', '--over', `${save}.none`)).toBe(1);
    expect(faults('render')[0]).toMatch(/^--over: cannot read .*\.none: ENOENT/);
    expect(await run('render', ...EXAMPLES, '--over', save)).toBe(1);
    expect(faults('render')).toEqual([
      '--over is for iptables mode: a text of nftables needs no knowledge of the node',
    ]);
  });

  it('prints what it can where a manifest has a fault, tells the place, and ends with 1', async () => {
    const path = cluster('odd', WEB, endpoints('web', '10.244.1.1'), node('n1'));
    writeFileSync(join(path, 'broken.yaml'), 'kind: Service\nspec: [\n');
    expect(await run('render', '--manifests', path)).toBe(1);
    expect(io.err).toContain(`${join(path, 'broken.yaml')}:`);
    expect(io.out).toContain('10.96.0.7');
  });
});

describe('cluster-dns proxy diff', () => {
  const oldCluster = () => cluster('before', WEB, endpoints('web', '10.244.1.1', '10.244.1.2'), node('n1'));
  const newCluster = () =>
    cluster(
      'after',
      service('web', 'clusterIP: 10.96.0.7, ports: [{port: 80}], sessionAffinity: ClientIP'),
      endpoints('web', '10.244.1.1', '10.244.1.3'),
      service('new', 'clusterIP: 10.96.0.9, ports: [{port: 53, protocol: UDP}]'),
      node('n1', '172.18.0.9'),
    );
  const CHANGES = [
    '~ this node',
    '    ~ node ports answer on: 172.18.0.2 -> 172.18.0.9',
    '+ default/new/udp',
    '    + cluster IP 10.96.0.9:53',
    '~ default/web/tcp',
    '    ~ affinity: none -> client IP, 10800 s',
    '    - endpoint 10.244.1.2:8080',
    '    + endpoint 10.244.1.3:8080',
    '',
    'Ports of Services: 1 new, 0 gone, 1 changed.',
    '',
  ].join('\n');

  it('tells what changes between two directories, and ends with 1', async () => {
    expect(await run('diff', oldCluster(), newCluster())).toBe(1);
    expect([io.out, io.err]).toEqual([CHANGES, '']);
    const flags = ['--manifests', join(directory, 'before'), '--to-manifests', join(directory, 'after')];
    expect(await run('diff', ...flags)).toBe(1);
    expect(io.out).toBe(CHANGES);
  });

  it('ends with 0 where nothing does', async () => {
    expect(await run('diff', 'examples', 'examples', '--node', 'n1')).toBe(0);
    expect([io.out, io.err]).toEqual(['Nothing changes.\n', '']);
  });

  it.each(MODES)('prints what the tools of %s mode would be told', async (mode) => {
    const to = cluster('to', WEB, endpoints('web', '10.244.1.1', '10.244.1.3'), node('n1'));
    expect(await run('diff', oldCluster(), to, '--rules', '--mode', mode)).toBe(1);
    expect(io.out).toContain('    + endpoint 10.244.1.3:8080\n');
    const text = io.out.slice(io.out.indexOf('\n\n'));
    expect(text).toMatch(/10\.244\.1\.3/);
    // One endpoint of one Service: a few lines, and not the whole rule set.
    expect(text.split('\n').length).toBeLessThan(40);
  });

  it('ends with 2 where it can not tell', async () => {
    expect(await run('diff', oldCluster())).toBe(2);
    expect(faults('diff')).toEqual(['give two directories, or none with --manifests and --to-manifests']);
    expect(await run('diff', join(directory, 'none'), 'examples')).toBe(2);
    const broken = cluster('broken', 'kind: Service\nspec: [\n', node('n1'));
    expect(await run('diff', broken, broken)).toBe(2);
    expect(io.err).toContain('all.yaml:');
  });
});

describe('cluster-dns proxy explain', () => {
  it.each(MODES)('tells endpoints, chances and policies, and the rules of %s mode', async (mode) => {
    expect(await run('explain', 'hostnames-local', ...EXAMPLES, '--mode', mode)).toBe(0);
    expect(io.err).toBe('');
    expect(io.out).toMatch(/^Service default\/hostnames-local, port http 80\/tcp, IPv4, on node n1\n\ncluster IP /);
    expect(io.out).toMatch(/^10\.168\.0\.10:9376 +n1 +eu-1a +33\.3 % +100\.0 %$/m);
    const rules = io.out
      .slice(io.out.indexOf(`\nIts rules in ${mode} mode:\n`))
      .split('\n')
      .slice(2, -1);
    expect(rules.length).toBeGreaterThan(4);
    for (const line of rules) expect(line).toMatch(/^( {2}| {6})\S/);
    expect(rules.join('\n')).toMatch(/10\.168\.2\.21/);
    // What belongs to others is not there.
    expect(rules.join('\n')).not.toMatch(/hello-world|10\.96\.0\.10|POSTROUTING/);
  });

  it('finds a Service by its address, its node port, and its name in any Namespace', async () => {
    expect(await run('explain', '10.96.77.44:80', ...EXAMPLES)).toBe(0);
    expect(io.out).toContain('10.96.77.44:80/tcp is the cluster IP of default/hello-world\n');
    expect(await run('explain', '172.18.0.2:30001/tcp', ...EXAMPLES)).toBe(0);
    expect(io.out).toContain('is a node port of default/hostnames-local\n');
    expect(await run('explain', 'kube-dns:dns', ...EXAMPLES)).toBe(0);
    expect(io.out).toContain('Service kube-system/kube-dns, port dns 53/udp');
    expect(io.out).not.toContain('9153');
    expect(await run('explain', '[fd00:10:96::6070]:80', ...EXAMPLES)).toBe(0);
    expect(io.out).toContain('add element ip6 kube-proxy');
  });

  it('says why there are no rules', async () => {
    expect(await run('explain', 'nginx', ...EXAMPLES)).toBe(0);
    expect(io.out).toContain('it is headless');
    expect(io.out).not.toContain('Its rules');
    expect(await run('explain', 'near-only', ...EXAMPLES)).toBe(0);
    expect(io.out).toContain('topologyKeys allow none of them');
    expect(io.out).toContain('their like today: internalTrafficPolicy: Local');
  });

  it('helps where there is nothing of that name, and ends with 1', async () => {
    expect(await run('explain', 'helo-world', ...EXAMPLES)).toBe(1);
    expect(faults('explain')).toEqual(['there is no Service default/helo-world; did you mean "default/hello-world"?']);
    expect(await run('explain', '10.96.77.45', ...EXAMPLES)).toBe(1);
    expect(faults('explain')[0]).toContain('no Service has this address');
    expect(await run('explain', '10.96.77.045', ...EXAMPLES)).toBe(1);
    expect(faults('explain')).toEqual(['"10.96.77.045" is not an IP address']);
    expect(await run('explain', ...EXAMPLES)).toBe(1);
    expect(faults('explain')[0]).toContain('what is to be explained?');
  });
});

describe('cluster-dns proxy trace', () => {
  const fate = (): string => io.out.slice(io.out.lastIndexOf('\n\n') + 2);
  const steps = (): string[] => io.out.split('\n').filter((line) => /^ +\d+ {2}/.test(line));

  it.each(MODES)('tells who gets the packet in %s mode, with which chance, and whom they see', async (mode) => {
    expect(await run('trace', '10.244.1.9', 'hello-world', ...EXAMPLES, '--mode', mode)).toBe(0);
    expect(io.out.split('\n', 2)).toEqual([
      `tcp 10.244.1.9 -> 10.96.77.44:80, on node n1 in ${mode} mode`,
      'This is the cluster IP of default/hello-world.',
    ]);
    expect(fate()).toBe(
      [
        'Delivered to one of 2',
        '   50.0 %  10.244.2.106:8080  which sees 10.244.1.9',
        '   50.0 %  10.244.2.107:8080  which sees 10.244.1.9',
        '',
      ].join('\n'),
    );
    expect(steps().length).toBeGreaterThan(4);
    expect(new Set(steps()).size).toBe(steps().length);
  });

  it.each(MODES)('tells that traffic of the node is masqueraded in %s mode', async (mode) => {
    expect(await run('trace', 'node', 'kube-dns:dns', ...EXAMPLES, '--mode', mode)).toBe(0);
    expect(io.out).toMatch(/^udp 172\.18\.0\.2 -> 10\.96\.0\.10:53, /);
    expect(fate()).toContain('10.244.0.2:53  which sees an address of the node (masqueraded)');
  });

  it.each<readonly [what: string, from: string, to: string, told: string]>([
    [
      'nobody has the port',
      '10.244.1.9',
      '10.96.0.10:80',
      'Rejected: the client is told at once (connection refused). 10.96.0.10 is the cluster IP of kube-system/kube-dns, which has no port 80/tcp; it has dns-tcp (53/tcp), dns (53/udp), metrics (9153/tcp).\n',
    ],
    [
      'nobody has the cluster IP',
      '10.244.1.9',
      '10.111.1.1:80',
      'Dropped: the client hears nothing and waits until it gives up. 10.111.1.1 is in 10.96.0.0/12, the range of cluster IPs, and no Service has it.\n',
    ],
    [
      'topologyKeys allow nobody',
      '10.244.1.9',
      'near-only',
      'Dropped: the client hears nothing and waits until it gives up. default/near-only:http has endpoints, but its topologyKeys allow n1 none of them.\n',
    ],
    [
      'the client is outside of the source ranges',
      '192.0.2.9',
      '192.0.2.80:80',
      'Dropped: the client hears nothing and waits until it gives up. 192.0.2.9 is in none of the source ranges of default/public:http: 198.51.100.0/24, 203.0.113.0/25.\n',
    ],
    [
      'the node port is asked at another node',
      '192.0.2.9',
      '172.18.0.3:30000',
      'Untouched: no Service rule changes its way. 30000 is a node port of default/hostnames:http, but 172.18.0.3 is no address of n1; they answer on 172.18.0.2.\n',
    ],
    [
      'it is no address of a Service',
      '10.244.1.9',
      '9.9.9.9:53/udp',
      'Untouched: no Service rule changes its way. No Service has this address.\n',
    ],
  ])('says why where %s', async (_, from, to, told) => {
    expect(await run('trace', from, to, ...EXAMPLES)).toBe(0);
    expect(fate()).toBe(told);
  });

  it('says why a Service without endpoints is rejected, and why policy Local drops', async () => {
    const path = cluster(
      'none',
      WEB,
      service('local', 'clusterIP: 10.96.0.8, internalTrafficPolicy: Local, ports: [{port: 80}]'),
      endpoints('local', '10.244.9.9'),
      node('n1'),
    );
    expect(await run('trace', '10.244.1.9', 'web', '--manifests', path)).toBe(0);
    expect(fate()).toContain('default/web has no endpoint that is ready anywhere.\n');
    expect(await run('trace', '10.244.1.9', 'local', '--manifests', path)).toBe(0);
    expect(fate()).toContain(
      'default/local has endpoints, but none on n1, and its internal traffic policy is Local.\n',
    );
  });

  it('tells of affinity', async () => {
    await run('trace', '10.244.1.9', 'shop', ...EXAMPLES);
    expect(fate()).toContain('and for 600 s the same client comes to the same one (session affinity).\n');
  });

  it('lists all that is wrong with a question', async () => {
    expect(await run('trace', 'here', '10.96.0.10', ...EXAMPLES)).toBe(1);
    expect(faults('trace')).toEqual([
      'FROM: "here" is neither an IP address nor "node"',
      'TO: 10.96.0.10 has no port: give 10.96.0.10:PORT',
    ]);
    expect(await run('trace', '10.244.1.9', '[fd00:10:96::6070]:80', ...EXAMPLES)).toBe(1);
    expect(faults('trace')).toEqual(['10.244.1.9 is IPv4 and fd00:10:96::6070 is IPv6: no packet goes there']);
    expect(await run('trace', '10.244.1.9', 'kube-dns', ...EXAMPLES)).toBe(1);
    expect(faults('trace')).toEqual([
      'TO: which port of kube-system/kube-dns? It has dns-tcp (53/tcp), dns (53/udp), metrics (9153/tcp)',
    ]);
    expect(await run('trace', '10.244.1.9', 'kube-dns:http', ...EXAMPLES)).toBe(1);
    expect(faults('trace')[0]).toContain('kube-system/kube-dns has no port http; it has');
    expect(await run('trace', '10.244.1.9', 'nginx', ...EXAMPLES)).toBe(1);
    expect(faults('trace')[0]).toContain('no rules are made for default/nginx: it is headless');
  });
});

describe('cluster-dns proxy cleanup', () => {
  it('takes no flags but -h', async () => {
    expect(await run('cleanup', '--all')).toBe(1);
    expect(io.err).toContain("Unknown option '--all'");
  });
});
