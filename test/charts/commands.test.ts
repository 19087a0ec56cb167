/** The commands that pages give: each helm command renders, with the values it names and no other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { helmTemplate } from '#test/helm.ts';
import { missing, titled } from '../root/needs.ts';

const ROOT = join(import.meta.dirname, '../..');
const TITLE = 'helm commands of pages render';
const reason = await missing(TITLE, ['helm']);

const inFolder = (folder: string): string[] => readdirSync(join(ROOT, folder)).map((name) => join(folder, name));
const PAGES = [
  'README.md',
  'deploy/README.md',
  ...inFolder('docs').filter((page) => page.endsWith('.md')),
  ...inFolder('charts').map((chart) => join(chart, 'README.md')),
];

/** What a chart asks a live cluster for, or has kept from its installation. */
const KNOWN_TO_THE_CLUSTER: Readonly<Record<string, object>> = {
  'cluster-dns': { service: { clusterIP: '10.96.0.10' } },
  'node-local-dns': { config: { dnsServer: '10.96.0.10' } },
  'service-proxy': { apiServer: { host: '192.0.2.1' }, config: { clusterCIDR: '10.244.0.0/16' } },
};

interface Command {
  readonly page: string;
  readonly text: string;
  readonly release: string;
  readonly chart: string;
  /** Values that it sets. */
  readonly args: readonly string[];
}

const SETS = ['--set', '--set-string', '--set-json', '--set-file'];

const commandsOf = (page: string): Command[] => {
  const blocks = readFileSync(join(ROOT, page), 'utf8').matchAll(/^ *```(?:sh|console|bash)\n([\s\S]*?)^ *```/gm);
  const lines = [...blocks].flatMap(([, text = '']) => text.replaceAll(/\\\n\s*/g, ' ').split('\n'));
  return lines.flatMap((line) => {
    const [text = ''] = /\bhelm .*?(?= \||\s#| &&|;|$)/.exec(line) ?? [];
    const [, release = '', chart = ''] =
      /\b(?:install|upgrade|template)(?: --install)? (\S+) charts\/(\S+)/.exec(text) ?? [];
    const words = text.split(/\s+/).map((word) => word.replaceAll(/['"]/g, ''));
    const args = words.flatMap((word, i) => (SETS.includes(word) ? [word, words[i + 1] ?? ''] : []));
    return chart === '' ? [] : [{ page, text, release, chart, args }];
  });
};

const commands = PAGES.flatMap(commandsOf);

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  it('a page installs each chart', () => {
    expect(new Set(commands.map(({ chart }) => chart))).toEqual(new Set(Object.keys(KNOWN_TO_THE_CLUSTER)));
    expect(new Set(commands.map(({ page }) => page))).toContain('README.md');
  });

  it.each(commands)('$page: $text', async ({ release, chart, args }) => {
    const manifests = await helmTemplate(chart, KNOWN_TO_THE_CLUSTER[chart], { release, args });
    expect(manifests.length).toBeGreaterThan(0);
  });
});
