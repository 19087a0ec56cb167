import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultsText } from '#corefile/diagnostics.ts';
import { definePlugin, type PluginDefinition, type UnbuiltPlugin } from '#plugin/index.ts';
import { testServices } from '#plugin/testing.ts';
import { configure } from './configuration.ts';

const FILE = 'twelve-faults.corefile';
const text = readFileSync(join(import.meta.dirname, '../../test/corpus/corefile', FILE), 'utf8');

/** Takes at most one word, a number. */
const cache = definePlugin({
  name: 'cache',
  isOnce: true,
  setup: ({ directive, faults }) => {
    for (const { name, args } of directive.occurrences) if (args.length > 1) faults.argument(name);
    return null;
  },
});
const plugins: readonly (PluginDefinition | UnbuiltPlugin)[] = [
  ...['errors', 'kubernetes', 'log'].map((name) => definePlugin({ name, setup: () => null })),
  { name: 'rewrite', unbuilt: 'use the hosts plugin for single names' },
  cache,
];

describe('a Corefile with a dozen faults and more', () => {
  it('has every one of them reported in one go, each with its place and in the words of CoreDNS', () => {
    const { faults, sources } = configure({
      plugins,
      services: testServices(),
      events: { dropped: () => undefined, panic: () => undefined },
      defaultPort: 53,
      defaultHosts: [''],
      file: FILE,
      text,
    });
    const heads = faultsText(faults.list, sources).match(/^\S.*$/gm) as string[];
    expect(heads.map((line) => line.replace(`${FILE}:`, ''))).toEqual([
      '5:1: Error during parsing: redeclaration of previously declared snippet snippet',
      '8:1: error inspecting server blocks: zone is not a valid domain name: ',
      '11:1: error inspecting server blocks: zone is not a valid domain name: a..b',
      '12:12: Error during parsing: File to import not found: nowhere.conf',
      '13:16: Error during parsing: Import takes only one argument (glob pattern or file)',
      "14:5: Error during parsing: Wrong argument count or unexpected line ending after 'import'",
      "15:5: Error during parsing: Unknown directive 'kuberntes'",
      "16:12: Error during parsing: Unexpected '}' because no matching opening brace",
      "17:5: directive 'rewrite' is known but not built into cluster-dns",
      '19:5: plugin/cache: this plugin can only be used once per Server Block',
      "20:5: Error during parsing: Unexpected '//'",
      '21:12: Error during parsing: Glob pattern may only contain one wildcard (*), but has others: a*b*c',
      "23:12: Error during parsing: Expected another address but had '{' - check for extra comma",
      '26:1: cannot serve dns://a.example.:53 - it is already defined',
      "27:5: Error during parsing: Unknown directive '{'",
      "28:9: Error during parsing: Unknown directive 'x'",
    ]);
  });

  it('has what a plugin finds among them, and a well-formed Corefile has none', () => {
    const run = (corefile: string): string[] =>
      configure({
        plugins,
        services: testServices(),
        events: { dropped: () => undefined, panic: () => undefined },
        defaultPort: 53,
        defaultHosts: [''],
        file: 'Corefile',
        text: corefile,
      }).faults.list.map(({ plugin, message }) => `${plugin}: ${message}`);
    expect(run('. {\n cache 1 2\n}')).toEqual([
      "cache: Error during parsing: Wrong argument count or unexpected line ending after 'cache'",
    ]);
    expect(run('. {\n cache 1\n errors\n}\na b {\n log\n}')).toEqual([]);
  });
});
