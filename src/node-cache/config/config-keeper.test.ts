import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCorefile } from '#corefile/parser.ts';
import { Log } from '#log/log.ts';
import { RecordingSink } from '#plugin/testing.ts';
import { until } from '#test/until.ts';
import { ConfigKeeper } from './config-keeper.ts';
import type { WatchDirectory } from './directory-watch.ts';
import type { PlacedFaults } from './template-places.ts';
import { settingsOf } from './testing.ts';

const TEMPLATE = `cluster.local:53 {
    bind __PILLAR__LOCAL__DNS__
    forward . __PILLAR__CLUSTER__DNS__
}
.:53 {
    bind __PILLAR__LOCAL__DNS__
    forward . __PILLAR__UPSTREAM__SERVERS__
}
`;
const STUB = '{"acme.local": ["192.0.2.9"]}';

let directory: string;
let keeper: ConfigKeeper | null;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-keeper-'));
  keeper = null;
});
afterEach(async () => {
  await keeper?.close();
  rmSync(directory, { recursive: true });
});

const path = (...parts: string[]): string => join(directory, ...parts);
const written = (): string => readFileSync(path('Corefile'), 'utf8');

/** What a kubelet does for a ConfigMap: a directory of each state, and one symbolic link that is swapped. */
let states = 0;
const mount = (volume: string, files: Readonly<Record<string, string>>): void => {
  const state = `..state_${states++}`;
  mkdirSync(path(volume, state), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(path(volume, state, name), text);
    if (!existsSync(path(volume, name)) && !readdirSync(path(volume)).includes(name))
      symlinkSync(join('..data', name), path(volume, name));
  }
  symlinkSync(state, path(volume, '..data_tmp'));
  renameSync(path(volume, '..data_tmp'), path(volume, '..data'));
};

/** Faults of the text itself, and a zone that is served twice. */
const check = (text: string): PlacedFaults => {
  const file = path('Corefile');
  const { corefile, faults, sources } = parseCorefile({ file, text });
  const keys = corefile.blocks.flatMap((block) => block.keys);
  for (const key of keys) {
    const first = keys.find((other) => other.text === key.text);
    if (first !== key) faults.add(`${key.text} is already defined`, key, `first defined at ${file}:${first?.line}:1`);
  }
  return { faults: faults.list, sources };
};

interface Scene {
  readonly keeper: ConfigKeeper;
  readonly lines: readonly string[];
  /** Texts that the server was to read. */
  readonly read: string[];
  faults: number;
  /** What the server says next. */
  answer: Error | null;
  watch(): void;
}

const scene = (watchDirectory?: WatchDirectory): Scene => {
  const sink = new RecordingSink();
  const settings = settingsOf([
    ...['-localip', '169.254.20.10,10.96.0.10', '-conf', path('Corefile')],
    ...['-basecorefile', path('template', 'Corefile.base'), '-kubednscm', path('kube-dns')],
  ]);
  const own = new ConfigKeeper(settings, {
    log: new Log(sink, 'node-cache'),
    onFault: () => void made.faults++,
    check,
    lookMs: 100,
    ...(watchDirectory === undefined ? {} : { watchDirectory }),
  });
  keeper = own;
  const made: Scene = {
    keeper: own,
    lines: sink.lines,
    read: [],
    faults: 0,
    answer: null,
    watch: () =>
      own.watch(async () => {
        made.read.push(written());
        return made.answer;
      }),
  };
  return made;
};

describe('the first Corefile', () => {
  it('is made of the template where there is no ConfigMap', async () => {
    mount('template', { 'Corefile.base': TEMPLATE });
    const { keeper, lines } = scene();
    await keeper.write();
    expect(written()).toBe(
      TEMPLATE.replaceAll('__PILLAR__LOCAL__DNS__', '169.254.20.10 10.96.0.10')
        .replace('__PILLAR__CLUSTER__DNS__', '10.96.200.1')
        .replace('__PILLAR__UPSTREAM__SERVERS__', '/etc/resolv.conf'),
    );
    expect(await keeper.read()).toBe(written());
    expect(lines).toEqual([
      `info node-cache: ${path('Corefile')} written from ${path('template/Corefile.base')}: 0 stub domains, upstream servers /etc/resolv.conf`,
    ]);
    expect(readdirSync(directory).sort()).toEqual(['Corefile', 'template']);
  });

  it('has what the ConfigMap says', async () => {
    mount('template', { 'Corefile.base': TEMPLATE });
    mount('kube-dns', { stubDomains: STUB, upstreamNameservers: '["192.0.2.1"]' });
    await scene().keeper.write();
    expect(written()).toContain('\nacme.local:53 {\n');
    expect(written()).toContain('forward . 192.0.2.1\n');
  });

  it.each([
    ['is no JSON', { stubDomains: '{' }, '/stubDomains:1:2: not JSON: Expected property name or'],
    [
      'has a zone of the template',
      { stubDomains: '{"cluster.local": ["192.0.2.9"]}' },
      '/stubDomains:1:2: cluster.local:53 is already defined',
    ],
  ])('is made without a ConfigMap that %s', async (_, files, fault) => {
    mount('template', { 'Corefile.base': TEMPLATE });
    mount('kube-dns', files);
    const made = scene();
    await made.keeper.write();
    expect(written()).toContain('forward . /etc/resolv.conf\n');
    expect(written().match(/^cluster\.local/gm)).toHaveLength(1);
    expect(made.lines[0]).toContain(`error node-cache: ${path('kube-dns')}${fault}`);
    expect(made.lines[0]).toMatch(/; the kube-dns ConfigMap is ignored, what it said before stays$/);
    expect(made.faults).toBe(1);
  });

  it.each([
    ['is not there', null, 'ENOENT: no such file or directory'],
    ['is empty', '# nothing\n', 'Corefile.base: the template is empty'],
    [
      'has a variable left',
      '.:53 {\n  bind __PILLAR__DNS__\n}\n',
      'Corefile.base:2:8: unknown variable __PILLAR__DNS__',
    ],
    [
      'is broken',
      '.:53 {\n  bind __PILLAR__LOCAL__DNS__ {\n',
      'Corefile.base:2:31: Error during parsing: Unexpected EOF',
    ],
  ])('is not written where the template %s', async (_, text, fault) => {
    if (text !== null) mount('template', { 'Corefile.base': text });
    const made = scene();
    await expect(made.keeper.write()).rejects.toThrow(fault);
    expect(existsSync(path('Corefile'))).toBe(false);
    expect(made.faults).toBe(1);
  });

  it('needs a directory', async () => {
    mount('template', { 'Corefile.base': TEMPLATE });
    const settings = settingsOf([
      ...['-localip', '169.254.20.10', '-conf', path('none', 'Corefile')],
      ...['-basecorefile', path('template', 'Corefile.base')],
    ]);
    const own = new ConfigKeeper(settings, { log: new Log(new RecordingSink()), onFault: () => undefined, check });
    await expect(own.write()).rejects.toThrow(
      /^the Corefile can't be written: ENOENT.*-conf must name a file in a directory that is there and may be written/,
    );
  });

  it('may stand where it only names the link that is not there yet', async () => {
    mount('template', { 'Corefile.base': TEMPLATE });
    const settings = settingsOf([
      '-localip',
      '169.254.20.10',
      '-conf',
      path('Corefile'),
      '-basecorefile',
      path('template', 'Corefile.base'),
    ]);
    const own = new ConfigKeeper(settings, {
      log: new Log(new RecordingSink()),
      onFault: () => undefined,
      check: (text) => {
        const token = { text: 'nodelocaldns', file: path('Corefile'), line: 2, column: 10, isQuoted: false, via: null };
        return {
          ...check(text),
          faults: [{ message: 'not a valid IP address or interface name', token, plugin: 'bind' }],
        };
      },
    });
    await own.write();
    expect(written()).toContain('bind 169.254.20.10');
  });
});

describe.each([
  ['told of by the system', undefined],
  [
    'not told of',
    (() => {
      throw new Error('no inotify');
    }) satisfies WatchDirectory,
  ],
])('a change that is %s', (_, watchDirectory) => {
  const started = async (kubeDns: Readonly<Record<string, string>> | null = {}): Promise<Scene> => {
    mount('template', { 'Corefile.base': TEMPLATE });
    if (kubeDns !== null) mount('kube-dns', kubeDns);
    const made = scene(watchDirectory);
    await made.keeper.write();
    made.watch();
    return made;
  };

  it('of the ConfigMap is taken over, and so is its end', async () => {
    const made = await started();
    mount('kube-dns', { stubDomains: STUB });
    await until(() => made.read.length === 1);
    expect(made.read[0]).toContain('\nacme.local:53 {\n');
    mount('kube-dns', { stubDomains: '{}' });
    await until(() => made.read.length === 2);
    expect(made.read[1]).not.toContain('acme.local');
    expect(made.faults).toBe(0);
  });

  it('of the template is taken over, as a swap and as an edit', async () => {
    const made = await started();
    mount('template', { 'Corefile.base': `${TEMPLATE}a.example:53 {\n}\n` });
    await until(() => made.read.length === 1);
    expect(made.read[0]).toContain('a.example:53');
    writeFileSync(path('template', '..data', 'Corefile.base'), `${TEMPLATE}b.example:53 {\n}\n`);
    await until(() => made.read.length === 2);
    expect(made.read[1]).toContain('b.example:53');
  });

  it('that makes the directory of the ConfigMap, takes it away and makes another is taken over', async () => {
    const made = await started(null);
    for (const round of [0, 1]) {
      mount('kube-dns', { stubDomains: STUB });
      await until(() => made.read.length === 2 * round + 1);
      expect(written()).toContain('acme.local');
      rmSync(path('kube-dns'), { recursive: true });
      await until(() => made.read.length === 2 * round + 2);
      expect(written()).not.toContain('acme.local');
    }
  });

  it('that says the same in other words is none', async () => {
    const made = await started({ stubDomains: STUB });
    mount('kube-dns', { stubDomains: `\n${STUB}\n`, other: 'x' });
    mount('template', { 'Corefile.base': TEMPLATE, other: 'y' });
    mount('kube-dns', { stubDomains: STUB, upstreamNameservers: '["192.0.2.1"]' });
    await until(() => made.read.length > 0);
    expect(made.read).toHaveLength(1);
    expect(made.read[0]).toContain('192.0.2.1');
  });

  it('of the ConfigMap that is wrong leaves what it said before, also when the template changes', async () => {
    const made = await started({ stubDomains: STUB });
    mount('kube-dns', { stubDomains: '{"-bad-": ["192.0.2.9"]}' });
    await until(() => made.faults === 1);
    expect(written()).toContain('acme.local');
    mount('template', { 'Corefile.base': `${TEMPLATE}a.example:53 {\n}\n` });
    await until(() => made.read.length === 1);
    expect(written()).toContain('acme.local');
    expect(written()).toContain('a.example');
    mount('kube-dns', { stubDomains: '{"other.local": ["192.0.2.9"]}' });
    await until(() => made.read.length === 2);
    expect(written()).toContain('other.local');
    expect(made.lines).toContain(`info node-cache: the kube-dns ConfigMap in ${path('kube-dns')} is right again`);
  });

  it('of the template that is wrong leaves the Corefile', async () => {
    const made = await started({ stubDomains: STUB });
    const before = written();
    mount('template', { 'Corefile.base': '.:53 {\n    bind __PILLAR__LOCAL_DNS__\n}\n' });
    await until(() => made.faults === 1);
    expect(made.lines.at(-1)).toBe(
      `error node-cache: ${path('template/Corefile.base')}:2:10: unknown variable __PILLAR__LOCAL_DNS__ (did you mean "__PILLAR__LOCAL__DNS__"?); the last good Corefile stays`,
    );
    expect(written()).toBe(before);
    expect(made.read).toEqual([]);
    mount('template', { 'Corefile.base': TEMPLATE });
    await until(() => made.lines.includes(`info node-cache: ${path('template/Corefile.base')} is right again`));
    expect(made.read).toEqual([]);
  });
});

describe('a new Corefile', () => {
  it('that the server does not take is replaced by the one before', async () => {
    mount('template', { 'Corefile.base': TEMPLATE });
    const made = scene();
    await made.keeper.write();
    const before = written();
    made.watch();
    made.answer = new Error('listen tcp 169.254.20.10:9253: bind: address already in use');
    mount('kube-dns', { stubDomains: STUB });
    await until(() => made.faults === 1);
    expect(made.read[0]).toContain('acme.local');
    expect(written()).toBe(before);
    expect(made.lines.at(-1)).toBe(
      'error node-cache: listen tcp 169.254.20.10:9253: bind: address already in use; the last good Corefile stays',
    );
    made.answer = null;
    mount('kube-dns', { stubDomains: STUB, upstreamNameservers: '["192.0.2.1"]' });
    await until(() => made.read.length === 2);
    expect(written()).toBe(made.read[1]);
  });

  it('is read again when a file that it imports has changed', async () => {
    writeFileSync(path('custom'), 'errors\n');
    mount('template', { 'Corefile.base': `.:53 {\n    import ${path('custom')}\n}\n` });
    const made = scene();
    await made.keeper.write();
    made.watch();
    writeFileSync(path('custom'), 'errors\nloop\n');
    await until(() => made.read.length === 1);
    writeFileSync(path('custom'), 'errors }\n');
    await until(() => made.faults === 1);
    expect(made.lines.at(-1)).toContain(
      `error node-cache: ${path('custom')}:1:8: Error during parsing: Unexpected '}'`,
    );
    expect(made.read).toHaveLength(1);
  });

  it('is written in place where the directory lets no file be added', async ({ skip }) => {
    if (process.getuid?.() === 0) skip('root may write everywhere');
    mkdirSync(path('ro'));
    writeFileSync(path('ro', 'Corefile'), '');
    chmodSync(path('ro'), 0o555);
    mount('template', { 'Corefile.base': TEMPLATE });
    const settings = settingsOf([
      '-localip',
      '169.254.20.10',
      '-conf',
      path('ro', 'Corefile'),
      '-basecorefile',
      path('template', 'Corefile.base'),
    ]);
    const own = new ConfigKeeper(settings, { log: new Log(new RecordingSink()), onFault: () => undefined, check });
    await own.write();
    expect(readFileSync(path('ro', 'Corefile'), 'utf8')).toContain('10.96.200.1');
    chmodSync(path('ro'), 0o755);
  });

  it('is written behind a symbolic link, which stays', async () => {
    mkdirSync(path('elsewhere'));
    writeFileSync(path('elsewhere', 'real'), 'old');
    symlinkSync(path('elsewhere', 'real'), path('Corefile'));
    mount('template', { 'Corefile.base': TEMPLATE });
    await scene().keeper.write();
    expect(readFileSync(path('elsewhere', 'real'), 'utf8')).toContain('10.96.200.1');
    expect(readdirSync(path('elsewhere'))).toEqual(['real']);
  });
});
