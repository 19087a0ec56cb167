/** The npm package: the same from any tree, nothing of this machine in it, and it runs where there is nothing but Node.js. */
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RCODE } from '#dns/registry/rcodes.ts';
import { type Outcome, outcome, run } from '#test/command.ts';
import { ask } from '#test/dns-client.ts';
import { freePort, startProcess } from '#test/process.ts';
import { missing, skipped, titled } from './needs.ts';

const ROOT = join(import.meta.dirname, '../..');
const title = 'the npm package';
const lacking = await missing(title, ['npm', 'git', 'tar']);
const reason = lacking === '' && !existsSync(join(ROOT, '.git')) ? skipped(title, 'no checkout of git') : lacking;
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

/** A command of a shell in a folder, with the mask that new files get. */
const shell = (folder: string, command: string, umask = '022'): Promise<string> =>
  run('sh', ['-c', `umask ${umask}; ${command}`], { cwd: folder, timeoutMs: 300_000 });

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => statSync(join(folder, file)).isFile());

describe.skipIf(reason !== '')(titled(title, reason), () => {
  const place = mkdtempSync(join(tmpdir(), 'cluster-dns-package-'));
  const [checkout, archive, content, user] = ['checkout', 'far/away/archive', 'content', 'user'].map((name) => {
    mkdirSync(join(place, name), { recursive: true });
    return join(place, name);
  }) as [string, string, string, string];
  const [tarball, other] = [checkout, archive].map((folder) => join(folder, `cluster-dns-${version}.tgz`)) as [
    string,
    string,
  ];
  let commit: string;

  /** The files as they are now, committed in a checkout of their own; and what git makes an archive of it of, as others see it. */
  beforeAll(async () => {
    const files = await shell(ROOT, "git -c safe.directory='*' ls-files --cached --others --exclude-standard");
    for (const file of files
      .trim()
      .split('\n')
      .filter((path) => existsSync(join(ROOT, path)))) {
      mkdirSync(dirname(join(checkout, file)), { recursive: true });
      copyFileSync(join(ROOT, file), join(checkout, file));
    }
    const author = '-c user.name=a -c user.email=a@example.org -c commit.gpgsign=false';
    await shell(checkout, `git init -q && git add . && git ${author} commit -qm all`);
    commit = (await shell(checkout, 'git rev-parse HEAD')).trim();
    await shell(checkout, `git archive HEAD | tar x -C ${archive}`, '077');
    for (const folder of [checkout, archive]) symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await shell(checkout, 'npm pack');
    await shell(archive, 'npm pack', '077');
    await shell(content, `tar xzf ${tarball} --strip-components=1`);
  });
  afterAll(() => rmSync(place, { recursive: true }));

  it('is the same, octet by octet, from a checkout and from an archive, in another folder, with another umask', () => {
    const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
    expect(digest(other)).toBe(digest(tarball));
  });

  it('has no path of the machine that it was built on', () => {
    const here = [place, ROOT, 'node_modules/../'];
    const telling = filesBelow(content).filter((file) => {
      const text = readFileSync(join(content, file), 'latin1');
      return here.some((path) => text.includes(path));
    });
    expect(telling).toEqual([]);
  });

  it('has the program, what it is told with and under which licences, and neither tests nor sources nor maps', () => {
    const files = filesBelow(content);
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist/third-party-notices.txt']));
    expect(files.filter((file) => /\.map$|(?<!\.d)\.ts$|^(src|test|release)\//.test(file))).toEqual([]);
    expect(statSync(tarball).size).toBeLessThan(2_000_000);
  });

  it('leads nowhere that is not in it, but for what only a checkout has', () => {
    const links = filesBelow(content)
      .filter((file) => file.endsWith('.md') && !file.startsWith('bench/'))
      .flatMap((file) =>
        [...readFileSync(join(content, file), 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(
          ([, path = '']) => ({ file, path: normalize(join(dirname(file), path)) }),
        ),
      );
    expect(links.length).toBeGreaterThan(20);
    const isOfCheckout = /^(image|release|src|test|bench\/(?!README|results)|Dockerfile$)/;
    expect(links.filter(({ path }) => !isOfCheckout.test(path) && !existsSync(join(content, path)))).toEqual([]);
  });

  describe('installed in an empty folder, with no script of a package run', () => {
    const installed = join(user, 'node_modules/cluster-dns');
    const npx = (...args: string[]): Promise<Outcome> =>
      outcome('npx', ['--no-install', 'cluster-dns', ...args], { cwd: user });

    beforeAll(async () => {
      writeFileSync(join(user, 'package.json'), '{}');
      await shell(user, `npm install --ignore-scripts --no-audit --no-fund ${tarball}`);
    });

    it('brings koffi and nothing else', () => {
      const packages = readdirSync(join(user, 'node_modules')).filter((name) => !name.startsWith('.'));
      expect(packages.sort()).toEqual(['@koromix', 'cluster-dns', 'koffi']);
    });

    it('says its version and the commit it was built from', async () => {
      const { stdout } = await npx('-version');
      expect(stdout.split('\n')[0]).toBe(`cluster-dns-${version}`);
      expect(stdout).toContain(`, ${commit.slice(0, 7)}\n`);
    });

    it('serves a directory of manifests by batches', async () => {
      const port = await freePort();
      const server = await startProcess(
        [
          '-conf',
          join(installed, 'Corefile.example'),
          '-manifests',
          join(installed, 'examples'),
          '-dns.port',
          `${port}`,
        ],
        { program: join(installed, 'dist/cluster-dns.js') },
      );
      const reply = await ask({ address: '127.0.0.1', port }, 'hello-world.default.svc.cluster.local', 'A');
      expect(await server.stop()).toBe(0);
      expect(reply).toMatchObject({ rcode: RCODE.NOERROR, answer: [expect.anything()] });
      expect(server.stdout + server.stderr).not.toContain('koffi');
    });

    it('checks a Corefile, lists its plugins and renders rules', async () => {
      expect(await npx('check', join(installed, 'Corefile.example'))).toMatchObject({ code: 0 });
      expect((await npx('-plugins')).stdout).toContain('kubernetes\n');
      const { code, stdout } = await npx('proxy', 'render', '--manifests', join(installed, 'examples'), '--node', 'n1');
      expect({ code, isTable: stdout.includes('table ip kube-proxy') }).toEqual({ code: 0, isTable: true });
    });

    it('has types for whoever writes a plugin, checked to the last, and code that runs', async () => {
      cpSync(join(ROOT, 'test/plugin/shout.ts'), join(user, 'shout.mts'));
      mkdirSync(join(user, 'node_modules/@types'));
      for (const name of ['@types/node', 'undici-types'])
        symlinkSync(join(ROOT, 'node_modules', name), join(user, 'node_modules', name));
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const options = '--strict --module nodenext --target es2022 --types node --skipLibCheck false';
      await shell(user, `"${process.execPath}" "${tsc}" ${options} shout.mts`);
      const said = await shell(
        user,
        `"${process.execPath}" -p "import('./shout.mjs').then((it) => console.log(it.default.name))"`,
      );
      expect(said).toContain('shout\n');
    });
  });
});
