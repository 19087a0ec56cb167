import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { PluginDefinition } from '#plugin/index.ts';
import { PLUGINS } from '#plugins/index.ts';
import { DIFFERENCES, EXTERNAL, GONE, LACKS } from './compatibility-table.ts';

const built = new Map(
  PLUGINS.filter((plugin): plugin is PluginDefinition => !('unbuilt' in plugin)).map((plugin) => [plugin.name, plugin]),
);
const known = PLUGINS.map(({ name }) => name);

/** Fragments of a document's headings, as the forges make them. */
const anchorsOf = (markdown: string): string[] =>
  [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

describe('the table of differences', () => {
  it.each(DIFFERENCES)('names a directive and an option that are there: $directive $option', ({
    directive,
    option,
  }) => {
    const plugin = built.get(directive);
    expect(plugin).toBeDefined();
    if (option !== undefined) expect(plugin?.options).toContain(option);
  });

  it.each([...new Set(DIFFERENCES.map(({ see }) => see))])('links to what is there: %s', (see) => {
    const [file = '', anchor] = see.split('#');
    const markdown = readFileSync(file, 'utf8');
    if (anchor !== undefined) expect(anchorsOf(markdown)).toContain(anchor);
  });

  it('tells of every plugin that is not built, and of no other', () => {
    const unbuilt = PLUGINS.filter((plugin) => 'unbuilt' in plugin).map(({ name }) => name);
    expect(Object.keys(LACKS).sort()).toEqual(unbuilt.sort());
  });

  it('calls nothing gone that is there', () => {
    for (const { directive, option } of GONE)
      if (option === undefined) expect(known).not.toContain(directive);
      else expect(built.get(directive)?.options).not.toContain(option);
  });

  it('calls nothing external that CoreDNS has', () => {
    expect(EXTERNAL.filter((name) => known.includes(name))).toEqual([]);
  });
});
