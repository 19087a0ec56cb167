/** package.json has the version; what can't read it from there is stamped, and says the same. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcome, run } from '#test/command.ts';
import { runProgram } from '#test/process.ts';

const ROOT = join(import.meta.dirname, '../..');
const STAMPED = ['charts', 'deploy', 'Dockerfile', 'CHANGELOG.md', 'README.md', 'docs', 'package.json'];
const PAGES = [
  ...['README.md', 'deploy/README.md', 'docs/image.md'],
  ...readdirSync(join(ROOT, 'charts')).map((chart) => `charts/${chart}/README.md`),
];

interface Chart {
  readonly version: string;
  readonly appVersion: unknown;
}

const versionOf = (root: string): string =>
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;

const charts = readdirSync(join(ROOT, 'charts'));
const chartOf = (root: string, chart: string): Chart =>
  load(readFileSync(join(root, 'charts', chart, 'Chart.yaml'), 'utf8')) as Chart;
const imagesOf = (root: string): string[] =>
  readFileSync(join(root, 'Dockerfile'), 'utf8').match(/(?<=^ARG VERSION=).*$/gm) ?? [];

/** Versions of images and of the package in a page's commands. */
const namedIn = (root: string, page: string): string[] =>
  readFileSync(join(root, page), 'utf8').match(
    /(?<=cluster-dns(?:-node)?[:-]|image\.tag=)\d+\.\d+\.\d+(?:-[\w.]+?)?(?=\.tgz|[\s`])/g,
  ) ?? [];

describe('the version', () => {
  it.each(charts)("is that of the chart %s, and of the image that it asks for, as Helm's types want it", (chart) => {
    const version = versionOf(ROOT);
    expect(chartOf(ROOT, chart)).toMatchObject({ version, appVersion: version });
  });

  it('is that of both images', () => {
    expect(imagesOf(ROOT)).toEqual([versionOf(ROOT), versionOf(ROOT)]);
  });

  it.each(PAGES)('is the one that %s names', (page) => {
    expect(new Set(namedIn(ROOT, page))).toEqual(new Set([versionOf(ROOT)]));
  });

  it('is what the program says', async () => {
    const { stdout } = await runProgram(['-version']);
    expect(stdout).toContain(`cluster-dns-${versionOf(ROOT)}\n`);
  });

  it("of the changelog's first heading with a number is this one, or there is none yet", () => {
    const [heading = versionOf(ROOT)] = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8').match(/(?<=^## )\d\S*/m) ?? [];
    expect(heading).toBe(versionOf(ROOT));
  });
});

describe('npm version', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cluster-dns-stamp-'));
    for (const path of STAMPED) cpSync(join(ROOT, path), join(root, path), { recursive: true });
    const text = readFileSync(join(root, 'package.json'), 'utf8');
    writeFileSync(join(root, 'package.json'), text.replace(/"version": ".*"/, '"version": "7.8.9-rc.1"'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const stamp = () => outcome(process.execPath, [join(ROOT, 'release/stamp.mjs')], { cwd: root });

  it('stamps each of them, and closes what is unreleased in the changelog', async () => {
    await run(process.execPath, [join(ROOT, 'release/stamp.mjs')], { cwd: root });
    for (const chart of charts)
      expect(chartOf(root, chart)).toMatchObject({ version: '7.8.9-rc.1', appVersion: '7.8.9-rc.1' });
    expect(imagesOf(root)).toEqual(['7.8.9-rc.1', '7.8.9-rc.1']);
    for (const page of PAGES) expect(new Set(namedIn(root, page))).toEqual(new Set(['7.8.9-rc.1']));
    expect(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')).toContain('## Unreleased\n\n## 7.8.9-rc.1\n\n');
  });

  it('ends with an error that names a file without a place for it', async () => {
    writeFileSync(join(root, 'CHANGELOG.md'), '# Changelog\n');
    const { code, stderr } = await stamp();
    expect(code).not.toBe(0);
    expect(stderr).toContain('CHANGELOG.md: nothing is like /^## Unreleased$/m');
  });
});
