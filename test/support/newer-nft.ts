import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exists, lacks, run } from './command.ts';

/** The suite that these tests are written for, and the one whose nft is newer. */
const [OLD, NEW] = ['bookworm', 'trixie'];
/** nft, and each library that it loads: none of the machine's own is used. */
const PACKAGES = [
  'nftables',
  'libnftables1',
  'libnftnl11',
  'libmnl0',
  'libedit2',
  'libjansson4',
  'libgmp10',
  'libxtables12',
  'libtinfo6',
  'libbsd0',
  'libmd0',
  'libc6',
];
/** Of what is in the folder: a change of it makes another one. */
const FORMAT = 1;
const APT_MS = 180_000;

/** The nft of Debian's next release: the program and its first arguments; or why it can't be had. */
export type NewerNft = { readonly reason: string } | { readonly reason: ''; readonly command: readonly string[] };

/** Fetched once a machine by its own apt sources, and unpacked into the folder for temporary files: nothing is installed. Needs root. */
export const newerNft = async (): Promise<NewerNft> => {
  const root = join(tmpdir(), `cluster-dns-nft-${NEW}-${FORMAT}`);
  try {
    if (!(await exists(root))) await fetchTo(root);
    return { reason: '', command: await commandIn(root) };
  } catch (error) {
    return { reason: `no nft of ${NEW}: ${(error as Error).message}` };
  }
};

const fetchTo = async (root: string): Promise<void> => {
  const absent = (await Promise.all(['apt-get', 'dpkg-deb'].map(lacks))).filter((name) => name !== '');
  if (absent.length > 0) throw new Error(`${absent.join(', ')} not installed`);
  const place = await mkdtemp(`${root}-`);
  try {
    const options = await ownApt(place);
    // A source without the suite is an error here, and of no matter if the packages come from another one.
    await run('apt-get', [...options, '-qq', 'update'], { timeoutMs: APT_MS }).catch(() => undefined);
    await run('apt-get', [...options, '-qq', 'download', ...PACKAGES], { cwd: place, timeoutMs: APT_MS });
    const unpacked = join(place, 'root');
    for (const name of (await readdir(place)).filter((file) => file.endsWith('.deb')))
      await run('dpkg-deb', ['-x', join(place, name), unpacked]);
    await rename(unpacked, root).catch(async (error: unknown) => {
      // Another process may have been faster.
      if (!(await exists(root))) throw error;
    });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
};

/** Options for an apt that has the machine's sources with the suite's name replaced, and no state of the machine's. */
const ownApt = async (place: string): Promise<readonly string[]> => {
  const parts = join(place, 'parts');
  await mkdir(parts);
  for (const folder of ['state/lists/partial', 'cache/archives/partial'])
    await mkdir(join(place, folder), { recursive: true });
  await writeFile(join(place, 'status'), '');
  let count = 0;
  for (const path of await sourceFiles()) {
    const text = await readFile(path, 'utf8');
    const renamed = path.endsWith('.sources') ? renamedStanzas(text) : renamedLines(text);
    if (renamed === '') continue;
    await writeFile(join(parts, `${++count}.${path.endsWith('.sources') ? 'sources' : 'list'}`), renamed);
  }
  if (count === 0) throw new Error(`no apt source of ${OLD} to go by`);
  const settings = {
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': parts,
    'Dir::State': join(place, 'state'),
    'Dir::State::status': join(place, 'status'),
    'Dir::Cache': join(place, 'cache'),
    'APT::Sandbox::User': 'root',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
};

const sourceFiles = async (): Promise<readonly string[]> => {
  const [list, parts] = ['/etc/apt/sources.list', '/etc/apt/sources.list.d'];
  const names = (await exists(parts)) ? await readdir(parts) : [];
  const inParts = names.filter((name) => /\.(list|sources)$/.test(name)).map((name) => join(parts, name));
  return [...((await exists(list)) ? [list] : []), ...inParts];
};

const SUITE = new RegExp(`^${OLD}(?=(-updates|-security)?$)`);
const renamedSuite = (suite: string): string => suite.replace(SUITE, NEW as string);

/** Stanzas in the form of deb822 that have the suite; others' have names of their own. */
const renamedStanzas = (text: string): string =>
  text
    .split(/\n\s*\n/)
    .flatMap((stanza) => {
      const suites =
        /^Suites:(.*)$/m
          .exec(stanza)?.[1]
          ?.trim()
          .split(/\s+/)
          .filter((suite) => SUITE.test(suite)) ?? [];
      return suites.length === 0
        ? []
        : [stanza.replace(/^Suites:.*$/m, `Suites: ${suites.map(renamedSuite).join(' ')}`)];
    })
    .join('\n\n');

/** Lines in the older form: `deb [OPTIONS] URI SUITE COMPONENT...`. */
const renamedLines = (text: string): string =>
  text
    .split('\n')
    .flatMap((line) => {
      const [, before = '', suite = '', after = ''] = /^(\s*deb\s+(?:\[[^\]]*\]\s+)?\S+\s+)(\S+)(.*)$/.exec(line) ?? [];
      return SUITE.test(suite) ? [`${before}${renamedSuite(suite)}${after}\n`] : [];
    })
    .join('');

/** By its own loader, as the machine's C library is older than it wants. */
const commandIn = async (root: string): Promise<readonly string[]> => {
  const library = join(root, 'usr/lib');
  const loader = await found([join(root, 'usr/lib64'), library], (name) => /^ld-linux.*\.so\.\d$/.test(name));
  const triplet = await found([library], (name) => name.includes('-linux-'));
  return [loader, '--library-path', triplet, join(root, 'usr/sbin/nft')];
};

const found = async (folders: readonly string[], isWanted: (name: string) => boolean): Promise<string> => {
  for (const folder of folders) {
    if (!(await exists(folder))) continue;
    const name = (await readdir(folder)).find(isWanted);
    if (name !== undefined) return join(folder, name);
  }
  throw new Error(`${folders.join(', ')}: not as expected`);
};
