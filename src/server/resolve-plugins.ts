import { suggestion } from '#corefile/suggest.ts';
import type { Block, Directive, Faults } from '#corefile/tree.ts';
import type { PluginDefinition, UnbuiltPlugin } from '#plugin/index.ts';

/** A directive with the plugin it stands for. */
export interface ResolvedPlugin {
  readonly definition: PluginDefinition;
  readonly directive: Directive;
}

/**
 * Finds the plugins that the directives of a block stand for, in the order of `plugins`, which is that of the chain. Unknown and
 * unbuilt directives, and second uses of a plugin that may stand only once, are faults.
 */
export const resolvePlugins = (
  block: Block,
  plugins: readonly (PluginDefinition | UnbuiltPlugin)[],
  faults: Faults,
): ResolvedPlugin[] => {
  const directives = new Map(block.directives.map((directive) => [directive.name, directive]));
  const resolved: ResolvedPlugin[] = [];
  for (const plugin of plugins) {
    const directive = directives.get(plugin.name);
    if (directive === undefined) continue;
    directives.delete(plugin.name);
    if ('unbuilt' in plugin) refuseUnbuilt(plugin, directive, faults);
    else {
      checkOnce(plugin, directive, faults);
      resolved.push({ definition: plugin, directive });
    }
  }
  const known = plugins.map(({ name }) => name);
  for (const directive of directives.values()) refuseUnknown(directive, known, faults);
  return resolved;
};

/** One fault however often it stands there: the way out is the same for all. */
const refuseUnbuilt = ({ name, unbuilt }: UnbuiltPlugin, directive: Directive, faults: Faults): void =>
  faults.add(
    `directive '${name}' is known but not built into cluster-dns`,
    directive.occurrences[0]?.name ?? null,
    unbuilt,
  );

const checkOnce = (plugin: PluginDefinition, directive: Directive, faults: Faults): void => {
  if (!plugin.isOnce) return;
  for (const { name } of directive.occurrences.slice(1))
    faults.list.push({
      message: 'this plugin can only be used once per Server Block',
      token: name,
      plugin: plugin.name,
      hint: `first used at ${placeOf(directive)}`,
    });
};

const refuseUnknown = (directive: Directive, known: readonly string[], faults: Faults): void => {
  for (const { name } of directive.occurrences)
    faults.add(`Error during parsing: Unknown directive '${name.text}'`, name, suggestion(name.text, known));
};

const placeOf = ({ occurrences }: Directive): string => {
  const first = occurrences[0]?.name;
  return `${first?.file}:${first?.line}:${first?.column}`;
};
