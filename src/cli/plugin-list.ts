import { PLUGINS } from '#plugins/index.ts';

/** The plugins that are built, one a line. */
export const pluginList = (): string => {
  const names = PLUGINS.filter((plugin) => !('unbuilt' in plugin)).map(({ name }) => name);
  return names
    .sort()
    .map((name) => `${name}\n`)
    .join('');
};
