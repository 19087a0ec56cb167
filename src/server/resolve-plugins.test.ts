import { describe, expect, it } from 'vitest';
import { parseCorefile } from '#corefile/parser.ts';
import { Faults } from '#corefile/tree.ts';
import { definePlugin, type PluginDefinition, type UnbuiltPlugin } from '#plugin/index.ts';
import { resolvePlugins } from './resolve-plugins.ts';

const plugin = (name: string, isOnce = false): PluginDefinition => definePlugin({ name, isOnce, setup: () => null });
const plugins: readonly (PluginDefinition | UnbuiltPlugin)[] = [
  plugin('errors', true),
  plugin('cache', true),
  { name: 'rewrite', unbuilt: 'use hosts' },
  plugin('forward'),
];

const resolve = (body: string) => {
  const block = parseCorefile({ file: 'Corefile', text: `. {\n${body}\n}` }).corefile.blocks[0];
  const faults = new Faults();
  const names =
    block === undefined ? [] : resolvePlugins(block, plugins, faults).map(({ definition }) => definition.name);
  return { names, faults: faults.list };
};

describe('directives of a block', () => {
  it('stand for plugins in the order of the chain, whatever their order in the file', () => {
    expect(resolve('forward . 1.1.1.1\ncache\nforward a 1.1.1.1\nerrors')).toEqual({
      names: ['errors', 'cache', 'forward'],
      faults: [],
    });
  });

  it('are refused where unknown, each time, with the one that was meant', () => {
    expect(resolve('forwrad . 1.1.1.1\nerrors\nxyz\nxyz').faults).toMatchObject([
      {
        message: "Error during parsing: Unknown directive 'forwrad'",
        token: { line: 2 },
        hint: 'did you mean "forward"?',
      },
      { message: "Error during parsing: Unknown directive 'xyz'", token: { line: 4 } },
      { message: "Error during parsing: Unknown directive 'xyz'", token: { line: 5 } },
    ]);
  });

  it('are refused by name where not built, with what to do, once', () => {
    expect(resolve('rewrite a b\nrewrite c d')).toMatchObject({
      names: [],
      faults: [
        {
          message: "directive 'rewrite' is known but not built into cluster-dns",
          token: { line: 2 },
          hint: 'use hosts',
        },
      ],
    });
  });

  it('are refused a second time where they may stand once, and set up all the same', () => {
    expect(resolve('cache\ncache 30\nforward . a\nforward . b\ncache 60')).toMatchObject({
      names: ['cache', 'forward'],
      faults: [
        { message: 'this plugin can only be used once per Server Block', plugin: 'cache', token: { line: 3 } },
        { message: 'this plugin can only be used once per Server Block', plugin: 'cache', token: { line: 6 } },
      ],
    });
  });
});
