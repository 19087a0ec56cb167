/** The READMEs of the plugins: what stands in them is there, and every example starts. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeMessage, WireFault } from '#dns/decode.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import type { PluginDefinition } from '#plugin/index.ts';
import { PLUGINS } from '#plugins/index.ts';
import { encodeQuery } from '#test/dns-client.ts';
import { startServer } from '#test/server.ts';

const ROOT = join(import.meta.dirname, '..');
const SECTIONS = ['Name', 'Description', 'Syntax', 'Metrics', 'Ready', 'Examples', 'See Also'];
const OPCODE_STATUS = 2;

const built = PLUGINS.filter((plugin): plugin is PluginDefinition => !('unbuilt' in plugin));
const readmeOf = (name: string): string => readFileSync(join(ROOT, 'plugins', name, 'README.md'), 'utf8');

/** Contents of the fenced blocks of a language, '' for those without one. */
const fenced = (markdown: string, language: string): string[] =>
  [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, found]) => found === language)
    .map(([, , text = '']) => text);

/** First words of the lines within the braces of the Syntax section; placeholders, which are in capitals, are none. */
const syntaxOptions = (markdown: string): string[] => {
  const section = markdown.slice(markdown.indexOf('\n## Syntax\n'), markdown.indexOf('\n## Metrics\n'));
  const words =
    fenced(section, '')[0]
      ?.split('\n')
      .filter((line) => /^\s/.test(line)) ?? [];
  return [
    ...new Set(words.map((line) => /^\s+([a-z_0-9]+)/.exec(line)?.[1] ?? '').filter((word) => word !== '')),
  ].sort();
};

describe('the README of each plugin', () => {
  it('is there for every folder, and every folder is a plugin', () => {
    const folders = readdirSync(join(ROOT, 'plugins'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual(built.map(({ name }) => name).sort());
  });

  it.each(built)('of $name has all sections in order, its name, and an example', ({ name }) => {
    const markdown = readmeOf(name);
    expect([...markdown.matchAll(/^## (.+)$/gm)].map(([, title]) => title)).toEqual(SECTIONS);
    expect(markdown).toMatch(new RegExp(`^## Name\\n\\n\\*${name}\\* - `, 'm'));
    expect(fenced(markdown, 'corefile')).not.toEqual([]);
  });

  it.each(built)('of $name names the options that its definition names', ({ name, options }) => {
    expect(syntaxOptions(readmeOf(name))).toEqual([...(options ?? [])].sort());
  });
});

interface Example {
  readonly title: string;
  readonly text: string;
}

const documents = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs')).map((file) => `docs/${file}`),
  ...built.map(({ name }) => `plugins/${name}/README.md`),
].filter((file) => file.endsWith('.md'));

const examples: readonly Example[] = documents.flatMap((file) =>
  fenced(readFileSync(join(ROOT, file), 'utf8'), 'corefile').map((text, i) => ({ title: `${file} #${i + 1}`, text })),
);

/** Any free port in place of the one in the key: a server may run here already. */
const onFreePort = (text: string): string => text.replace(/^(\S+):1053 \{/gm, '$1:0 {');

describe('each example', () => {
  const cwd = process.cwd();
  let place = '';

  beforeAll(() => {
    // What examples name by a path of their own: the project's manifests, a file of weights.
    place = mkdtempSync(join(tmpdir(), 'cluster-dns-readmes-'));
    symlinkSync(join(ROOT, 'examples'), join(place, 'examples'));
    writeFileSync(join(place, 'weights.txt'), 'www.example.org\n10.0.0.1 2\n10.0.0.2 1\n');
    process.chdir(place);
  });
  afterAll(() => {
    process.chdir(cwd);
    rmSync(place, { recursive: true });
  });

  it.each(examples)('of $title starts and serves', async ({ text }) => {
    // Upstreams are not asked: an opcode that the server refuses by itself shows that it listens.
    const server = await startServer({ corefile: onFreePort(text), manifests: join(ROOT, 'examples') });
    try {
      const reply = await server.exchange(encodeQuery('example.org.', 'A', { opcode: OPCODE_STATUS }), 'udp');
      const message = decodeMessage(reply as Buffer);
      expect(message instanceof WireFault ? message.reason : message.rcode).toBe(RCODE.NOTIMP);
      expect(server.server.configuration?.faults.warnings).toEqual([]);
    } finally {
      await server.stop();
    }
  });
});
