/** Which room may import which: DESIGN's table, held against the import lines. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/** Rooms of src/ and what each may import besides itself, `log` and `metrics`, which are open to all. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  dns: [],
  corefile: [],
  libc: ['dns'],
  metrics: [],
  log: [],
  'http-endpoint': [],
  plugin: ['dns', 'corefile'],
  kube: ['dns'],
  upstream: ['dns', 'libc'],
  netfilter: ['libc'],
  server: ['plugin', 'dns', 'corefile', 'libc'],
  proxy: ['netfilter', 'kube', 'http-endpoint'],
  'node-cache': ['netfilter', 'server', 'corefile', 'dns', 'plugin', 'http-endpoint', 'libc'],
};
const OPEN_TO_ALL = ['log', 'metrics'];
/** What every plugin may import; never another plugin's folder. */
const PLUGINS_MAY_IMPORT = ['plugin', 'dns', 'corefile', 'http-endpoint'];
/** The one room a plugin fronts. */
const FRONTS: Readonly<Record<string, string>> = {
  kubernetes: 'kube',
  forward: 'upstream',
  multisocket: 'server',
  service_watch: 'kube',
};
/** Composes the program, so it may import everything; nobody imports it. */
const COMPOSES = 'cli';
/** The only places for packages that stand behind a seam. */
const SEAMS: Readonly<Record<string, readonly string[]>> = {
  'dns-packet': ['dns'],
  '@kubernetes/client-node': ['kube'],
  'prom-client': ['metrics'],
  pino: ['log'],
  koffi: ['libc'],
};

/** `room` is a folder of src/, or `plugins/NAME`, or `plugins` for its index. */
interface Import {
  readonly file: string;
  readonly line: number;
  readonly room: string;
  readonly target: string;
  /** Path below the project, or the package's name. */
  readonly path: string;
}

const roomOf = (path: string): string => {
  const [top = '', second = ''] = path.split('/');
  if (top === 'src') return second;
  return top === 'plugins' && !second.includes('.') ? `plugins/${second}` : top;
};

/** Where an import leads: a path below the project, or a package's name, or null for a part of Node.js. */
const resolve = (file: string, specifier: string): string | null => {
  if (specifier.startsWith('node:')) return null;
  if (specifier.startsWith('.')) return relative(ROOT, join(ROOT, dirname(file), specifier));
  if (specifier.startsWith('#plugins/')) return specifier.slice(1);
  if (specifier.startsWith('#test/')) return `test/support/${specifier.slice('#test/'.length)}`;
  return specifier.startsWith('#') ? `src/${specifier.slice(1)}` : specifier;
};

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*(['"])([^'"]+)\1/g;

const importsOf = (file: string): Import[] => {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(IMPORT)].flatMap((match) => {
    const path = resolve(file, match[2] as string);
    const line = text.slice(0, match.index).split('\n').length;
    return path === null ? [] : [{ file, line, room: roomOf(file), target: roomOf(path), path }];
  });
};

const isTest = (file: string): boolean => file.endsWith('.test.ts');
/** Helpers of tests, which stand beside what they help to test. */
const isTestHelper = (path: string): boolean =>
  /(^|\/)testing(\.ts$|\/)|-bench\.ts$/.test(path) ||
  path.startsWith('test/') ||
  path === 'fast-check' ||
  path === 'vitest';

const files = ['src', 'plugins']
  .flatMap((top) => readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' }).map((file) => join(top, file)))
  .filter((file) => file.endsWith('.ts'));
const imports = files.filter((file) => !isTest(file) && !isTestHelper(file)).flatMap(importsOf);
const isOurs = ({ path }: Import): boolean => /^(src|plugins|test)\//.test(path);
const shown = (wrong: readonly Import[]): string[] =>
  wrong.map(({ file, line, path }) => `${file}:${line} imports ${path}`);

const mayImport = ({ room, target }: Import): boolean => {
  if (room === target || room === COMPOSES || OPEN_TO_ALL.includes(target)) return true;
  if (room === 'plugins') return target === 'plugin' || target.startsWith('plugins/');
  if (!room.startsWith('plugins/')) return MAY_IMPORT[room]?.includes(target) ?? false;
  return PLUGINS_MAY_IMPORT.includes(target) || FRONTS[room.slice('plugins/'.length)] === target;
};

describe('rooms', () => {
  it('finds the import lines', () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(imports).toContainEqual(expect.objectContaining({ file: 'src/plugin/query.ts', target: 'dns' }));
  });

  it('are all in the table', () => {
    const rooms = new Set(files.map(roomOf).filter((room) => !room.startsWith('plugins')));
    expect([...rooms].filter((room) => room !== COMPOSES && !(room in MAY_IMPORT))).toEqual([]);
  });

  it('import only what the table allows', () => {
    const wrong = imports.filter((found) => isOurs(found) && !isTestHelper(found.path) && !mayImport(found));
    expect(shown(wrong)).toEqual([]);
  });

  it('never import the command line', () => {
    const wrong = files.flatMap(importsOf).filter(({ room, target }) => target === COMPOSES && room !== COMPOSES);
    expect(shown(wrong)).toEqual([]);
  });

  it('leave the helpers of tests to tests', () => {
    expect(shown(imports.filter(({ path }) => isTestHelper(path)))).toEqual([]);
  });

  it('keep each outside package behind its seam', () => {
    const wrong = imports.filter(({ path, room }) => path in SEAMS && !SEAMS[path]?.includes(room));
    expect(shown(wrong)).toEqual([]);
  });

  it('let a plugin reach the contract through its public door', () => {
    const wrong = imports.filter(
      ({ room, target, path }) => room.startsWith('plugins/') && target === 'plugin' && path !== 'src/plugin/index.ts',
    );
    expect(shown(wrong)).toEqual([]);
  });
});
