/** `cluster-dns check` with what is no Corefile by itself: ConfigMaps, rendered manifests, bad input. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CapturedIo } from '#test/captured-io.ts';
import { runCommand } from '../../src/cli/commands.ts';
import { UsageError } from '../../src/cli/flags.ts';

let directory: string;
let io: CapturedIo;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-check-'));
  io = new CapturedIo();
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Checks a text in a file; its path is FILE in what comes out. */
const check = async (text: string | Buffer, ...flags: string[]): Promise<number> => {
  const file = join(directory, 'input');
  writeFileSync(file, text);
  const code = await runCommand(['check', ...flags, file], io);
  [io.out, io.err] = [io.out, io.err].map((out) => out.replaceAll(file, 'FILE')) as [string, string];
  return code;
};

/** First lines of faults, which stand in the first column. */
const headlines = (): string[] => io.err.match(/^\S.*$/gm) ?? [];

const configMap = (data: string, name = 'coredns'): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: kube-system\ndata:\n${data}`;

const FAULTY = '.:53 {\n    errors\n    kuberntes cluster.local\n}\n';
const asBlock = (text: string): string => text.replace(/^(?=.)/gm, '    ');

describe('a ConfigMap', () => {
  it('is content with a good Corefile, and says which', async () => {
    expect(await check(configMap('  Corefile: |\n    .:53 {\n      whoami\n    }\n'))).toBe(0);
    expect([io.out, io.err]).toEqual(['FILE: ConfigMap kube-system/coredns, key Corefile: OK\n', '']);
  });

  it('has its faults where they stand in the file', async () => {
    expect(await check(configMap(`  Corefile: |\n${asBlock(FAULTY)}`))).toBe(1);
    expect(io.err).toBe(`FILE:10:9: Error during parsing: Unknown directive 'kuberntes'
  10 |         kuberntes cluster.local
     |         ^^^^^^^^^
  hint: did you mean "kubernetes"?
  in ConfigMap kube-system/coredns, key Corefile, line 3
`);
  });

  it.each([
    ['JSON', JSON.stringify({ kind: 'ConfigMap', metadata: { name: 'c' }, data: { Corefile: FAULTY } }, null, 2)],
    ['double quotes', configMap(`  Corefile: ${JSON.stringify(FAULTY)}\n`)],
    ['single quotes', configMap(`  Corefile: '${FAULTY.replaceAll('\n', '\n\n    ')}'\n`)],
  ])('has them in %s, too, and tells the place in the Corefile', async (_, text) => {
    expect(await check(text)).toBe(1);
    const [, line, column, rest] = /^FILE:(\d+):(\d+): (.*)$/m.exec(io.err) ?? [];
    expect(rest).toMatch(/^ConfigMap \S+, key Corefile:3:[15]: Error during parsing: Unknown directive 'kuberntes'$/);
    expect(text.split('\n')[Number(line) - 1]?.slice(Number(column) - 1)).toMatch(/^kuberntes /);
    expect(io.err).toMatch(/\n {2}3 \|( +)kuberntes cluster.local\n {4}\|\1\^{9}\n/);
  });

  it('in a folded block is told by its own lines', async () => {
    await check(configMap('  Corefile: >\n    .:53 {\n\n      whoam\n\n    }\n'));
    expect(headlines()).toEqual([
      expect.stringMatching(
        /^FILE:8:1: ConfigMap kube-system\/coredns, key Corefile:3:3: Error during parsing: Unknown directive 'whoam'$/,
      ),
    ]);
  });

  it('with CRLF, a byte order mark and tabs has the same places', async () => {
    const text = `\ufeff${configMap('  Corefile: |\n    .:53 {\n    \twhoam\n    }\n').replaceAll('\n', '\r\n')}`;
    expect(await check(text)).toBe(1);
    expect(headlines()).toEqual(["FILE:9:6: Error during parsing: Unknown directive 'whoam'"]);
  });

  it('tells a place that a message names in the file as well', async () => {
    await check(configMap('  Corefile: |\n    .:53 {\n      whoami\n    }\n    .:53 {\n      whoami\n    }\n'));
    expect(io.err).toContain('FILE:11:5: cannot serve dns://.:53 - it is already defined');
    expect(io.err).toContain('FILE:8:5');
    expect(io.err).not.toContain('/etc/coredns');
  });

  it('of a List is found, and each Corefile of several is checked', async () => {
    const items = ['a', 'b'].map((name) => ({
      kind: 'ConfigMap',
      metadata: { name, namespace: 'dns' },
      data: { Corefile: '.:53 {\n  whoami\n}\n', 'other.yaml': 'x' },
    }));
    expect(await check(JSON.stringify({ kind: 'List', items }))).toBe(0);
    expect(io.out.match(/ConfigMap dns\/\w/g)).toEqual(['ConfigMap dns/a', 'ConfigMap dns/b']);
  });

  it('is not checked under the key that kubeadm keeps the last Corefile under', async () => {
    const text =
      '  Corefile: |\n    .:53 {\n      whoami\n    }\n  Corefile-backup: |\n    .:53 {\n      proxy . 192.0.2.1\n    }\n';
    expect(await check(configMap(text))).toBe(0);
    expect(io.out).toBe('FILE: ConfigMap kube-system/coredns, key Corefile: OK\n');
  });

  it('may lack what only the machine that serves it has', async () => {
    const corefile = '.:53 {\n      bind eth77\n      forward . /etc/none/resolv.conf\n    }\n';
    expect(await check(configMap(`  Corefile: |\n    ${corefile}`))).toBe(0);
    expect(headlines()).toEqual([
      expect.stringMatching(/^FILE:9:12: warning: plugin\/bind: the interface eth77 is not looked at/),
    ]);
    expect(await check(`.:53 {\n    bind eth77\n}\n`)).toBe(1);
  });

  it('has variables of this process; one that is not known is told', async () => {
    const text = configMap('  Corefile: |\n    .:{$CHECK_PORT} {\n      whoami\n    }\n');
    expect(await check(text)).toBe(1);
    expect(headlines()[0]).toMatch(
      /^FILE:8:7: warning: the variable CHECK_PORT is not known here and is read as empty$/,
    );
    vi.stubEnv('CHECK_PORT', '1053');
    io.err = '';
    expect(await check(text)).toBe(0);
    expect(io.err).toBe('');
    vi.unstubAllEnvs();
  });
});

describe('imports of a ConfigMap', () => {
  const importing = configMap(
    '  Corefile: |\n    .:53 {\n      import custom/*.override\n    }\n    import /etc/coredns/custom/*.server\n',
  );
  const custom = (text: string): string => configMap(text, 'coredns-custom');

  it('find the keys of coredns-custom where they are usually mounted', async () => {
    const server = JSON.stringify('a.example {\n whoam\n}\n');
    const parts = `  log.override: log\n  bad.override: |\n    forwad . 192.0.2.1\n  zone.server: ${server}\n`;
    expect(await check(`${importing}---\n${custom(parts)}`)).toBe(1);
    expect(headlines()).toEqual([
      "FILE:21:5: Error during parsing: Unknown directive 'forwad'",
      "FILE:22:31: ConfigMap kube-system/coredns-custom, key zone.server:2:2: Error during parsing: Unknown directive 'whoam'",
    ]);
    expect(io.err).toContain('imported at FILE:9:14 (/etc/coredns/custom/bad.override)');
  });

  it('say how the parts can be had where nothing matches', async () => {
    expect(await check(importing)).toBe(0);
    expect(headlines()).toEqual([
      'FILE:9:14: warning: No files matching import glob pattern: custom/*.override',
      'FILE:11:12: warning: No files matching import glob pattern: /etc/coredns/custom/*.server',
    ]);
    expect(io.err).toContain('kubectl get configmap coredns coredns-custom -o yaml');
  });

  it('find a key beside the Corefile, and miss one that is not there', async () => {
    const text =
      '  Corefile: |\n    import part.conf\n    .:53 {\n      import none.conf\n      import /opt/elsewhere.conf\n    }\n';
    expect(await check(configMap(`${text}  part.conf: "a:53 {\\n whoami\\n}\\n"\n`))).toBe(1);
    expect(headlines()).toEqual([
      'FILE:11:14: warning: /opt/elsewhere.conf is not among what was given, so its lines are not checked',
      'FILE:10:14: Error during parsing: File to import not found: none.conf',
    ]);
  });

  it('are followed by what hosts names: a key that is not there, a line that says nothing', async () => {
    const text =
      '  Corefile: |\n    .:53 {\n      hosts /etc/coredns/NodeHosts\n    }\n    a:53 {\n      hosts none\n    }\n    b:53 {\n      hosts /etc/hosts\n    }\n';
    const hosts = '  NodeHosts: |\n    192.0.2.1 node-1\n\n    # a comment\n    node-2 192.0.2.2\n';
    expect(await check(configMap(`${text}${hosts}`))).toBe(0);
    expect(headlines()).toEqual([
      'FILE:21:5: warning: plugin/hosts: "node-2" is not an IP address: the line is passed over',
      'FILE:12:13: warning: none is not there: its ConfigMap has no such key',
    ]);
  });

  it('follow the mounts of a Pod template, and its variables', async () => {
    const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: dns, namespace: kube-system}
spec:
  template:
    spec:
      containers:
      - name: dns
        env: [{name: PORT, value: "1053"}]
        volumeMounts: [{name: config, mountPath: /config}, {name: more, mountPath: /config/more.d}]
      volumes:
      - {name: config, configMap: {name: coredns, items: [{key: Corefile, path: conf/Corefile}]}}
      - {name: more, projected: {sources: [{configMap: {name: additions}}]}}
`;
    const text = '  Corefile: |\n    .:{$PORT} {\n      import ../more.d/*.conf\n    }\n';
    const additions = configMap('  a.conf: whoam\n', 'additions');
    expect(await check(`${configMap(text)}---${deployment}---\n${additions}`)).toBe(1);
    expect(headlines()).toEqual([
      expect.stringMatching(/key a\.conf:1:1: Error during parsing: Unknown directive 'whoam'$/),
    ]);
    expect(io.err).toContain('(/config/more.d/a.conf)');
  });
});

describe('a template of node-cache', () => {
  const template = (word = '__PILLAR__LOCAL__DNS__'): string =>
    `  Corefile: |\n    .:53 {\n      bind ${word}\n      forward . __PILLAR__CLUSTER__DNS__ {\n        force_tcp\n      }\n      health __PILLAR__LOCAL__DNS__:8080\n    }\n`;

  it('is read as it will be filled in', async () => {
    expect(await check(configMap(template(), 'node-local-dns'))).toBe(0);
    expect([io.out, io.err]).toEqual(['FILE: ConfigMap kube-system/node-local-dns, key Corefile: OK\n', '']);
  });

  it('has its faults where the template has them', async () => {
    const text = template().replace('health', '__PILLAR__DNS__SERVER__ healt');
    expect(await check(configMap(text, 'node-local-dns'))).toBe(1);
    expect(headlines()).toEqual(["FILE:13:31: Error during parsing: Unknown directive 'healt'"]);
  });

  it('must not keep a variable that is for the installer', async () => {
    expect(await check(configMap(template('__PILLAR__DNS__DOMAIN__'), 'node-local-dns'))).toBe(1);
    expect(headlines()).toEqual(['FILE:9:12: __PILLAR__DNS__DOMAIN__ is for the installer to fill in']);
  });

  it('may be a file by itself', async () => {
    expect(await check('.:53 {\n    bind __PILLAR__LOCAL__DNS__\n    whoami\n}\n')).toBe(0);
  });
});

describe('a stream', () => {
  const piped = (text: string): void => {
    const input = vi.spyOn(process, 'stdin', 'get');
    input.mockReturnValue(Readable.from([Buffer.from(text)]) as unknown as typeof process.stdin);
  };
  afterEach(() => vi.restoreAllMocks());

  it('is read where the file is -, whatever is in it', async () => {
    piped(
      `---\n# Source: chart/templates/service.yaml\nkind: Service\nmetadata: {name: x}\n---\n${configMap(`  Corefile: |\n${asBlock(FAULTY)}`)}`,
    );
    expect(await runCommand(['check', '-'], io)).toBe(1);
    expect(headlines()).toEqual(["stdin:15:9: Error during parsing: Unknown directive 'kuberntes'"]);
    piped('.:53 {\n  whoami\n}\n');
    expect(await runCommand(['check', '-'], io)).toBe(0);
  });

  it('that is empty is no success: the command before it has failed', async () => {
    piped('\n');
    expect(await runCommand(['check', '-'], io)).toBe(1);
    expect(io.err).toBe('stdin: there is nothing in it\n');
  });
});

describe('bad input', () => {
  it.each([
    [
      'YAML without a ConfigMap',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: kube-dns\n',
      /^FILE: no ConfigMap with a key Corefile is in it, but Service kube-dns$/,
    ],
    [
      'values of a chart',
      'image:\n  tag: x\nservers: []\n',
      /^FILE: no ConfigMap with a key Corefile is in it, but no object of Kubernetes$/,
    ],
    [
      'a ConfigMap without a Corefile',
      configMap('  log.override: log\n', 'coredns-custom'),
      /but ConfigMap kube-system\/coredns-custom \(keys: log\.override\)$/,
    ],
    ['a ConfigMap without data', 'kind: ConfigMap\nmetadata: {name: a}\n', /but ConfigMap a \(keys: none\)$/],
    ['what is not YAML', 'apiVersion: v1\nkind: [ConfigMap\n', /^FILE:2:\d+: not YAML: /],
    [
      'a template that is not rendered',
      '{{- if .Values.x }}\nkind: ConfigMap\n',
      /^FILE:1:\d+: not YAML: this is a template: render it first \(helm template\)/,
    ],
    [
      'a key twice',
      configMap('  Corefile: |\n    a {\n    }\n  Corefile: |\n    b {\n    }\n'),
      /^FILE:10:\d+: not YAML: duplicated mapping key/,
    ],
    [
      'a Corefile that is a number',
      configMap('  Corefile: 12\n'),
      /^FILE:7:13: Corefile of ConfigMap kube-system\/coredns is a number, not a text$/,
    ],
    [
      'a Corefile that is empty',
      configMap('  Corefile:\n'),
      /^FILE:7:\d+: Corefile of ConfigMap kube-system\/coredns is empty, not a text$/,
    ],
    [
      'a Corefile in binaryData',
      configMap('  a: b\nbinaryData:\n  Corefile: /wA=\n'),
      /^FILE:9:13: Corefile of ConfigMap kube-system\/coredns is in binaryData: it is not UTF-8/,
    ],
    ['JSON that is cut', '{"kind": "ConfigMap", "data": {', /^FILE:1:\d+: not YAML: /],
  ])('is told: %s', async (_, text, message) => {
    expect(await check(text)).toBe(1);
    expect(io.out).toBe('');
    expect(headlines()).toEqual([expect.stringMatching(message)]);
  });

  it('leaves what is beside it checked', async () => {
    const broken = 'kind: [\n';
    expect(await check(`${broken}---\n${configMap(`  Corefile: |\n${asBlock(FAULTY)}`)}`)).toBe(1);
    expect(headlines()).toEqual([
      expect.stringMatching(/^FILE:1:\d+: not YAML/),
      "FILE:12:9: Error during parsing: Unknown directive 'kuberntes'",
    ]);
  });

  it('that is no file says so', async () => {
    mkdirSync(join(directory, 'folder'));
    expect(await runCommand(['check', '--compat', join(directory, 'folder')], io)).toBe(1);
    expect(await runCommand(['check', '-o', 'json', join(directory, 'none')], io)).toBe(1);
    expect(io.err).toContain('is a directory');
    expect(JSON.parse(io.out)).toMatchObject({ ok: false, inputFaults: [expect.stringContaining('no such file')] });
  });

  it('of a mebibyte with thousands of faults is told within seconds', async () => {
    const line = '        kuberntes cluster.local\n';
    const corefile = `    .:53 {\n${line.repeat(4000)}        # ${'x'.repeat(900_000)}\n    }\n`;
    expect(await check(configMap(`  Corefile: |\n${corefile}`))).toBe(1);
    expect(headlines()).toHaveLength(4000);
    expect(headlines().at(-1)).toMatch(/^FILE:4008:9: /);
  });

  it.each([
    [['-x', 'a'], 'flag provided but not defined: -x'],
    [['-o', 'yaml', 'a'], '-o: "yaml" is neither text nor json'],
    [['--compat'], 'usage: cluster-dns check [--compat] [-o text|json] FILE'],
    [['--compat=x', 'a'], 'flag provided but not defined: --compat=x'],
  ])('is refused as a command line: %j', async (args, message) => {
    const error = await runCommand(['check', ...args], io).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ message: expect.stringContaining(message), exitCode: 2 });
  });
});

describe('-o json', () => {
  it('has every fault with its places', async () => {
    expect(await check(configMap(`  Corefile: |\n${asBlock(FAULTY)}`), '-o', 'json')).toBe(1);
    expect(JSON.parse(io.out)).toEqual({
      ok: false,
      inputFaults: [],
      corefiles: [
        {
          name: 'FILE: ConfigMap kube-system/coredns, key Corefile',
          configMap: { namespace: 'kube-system', name: 'coredns', key: 'Corefile' },
          isNodeCacheTemplate: false,
          ok: false,
          faults: [
            {
              file: 'FILE',
              line: 10,
              column: 9,
              within: { namespace: 'kube-system', name: 'coredns', key: 'Corefile', line: 3, column: 5 },
              message: "Error during parsing: Unknown directive 'kuberntes'",
              hint: 'did you mean "kubernetes"?',
            },
          ],
          warnings: [],
        },
      ],
    });
  });
});
