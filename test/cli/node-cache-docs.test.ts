/** What docs/node-cache.md, docs/migrating-from-nodelocaldns.md and the README say of the node-local cache holds. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Metrics } from '#metrics/metrics.ts';
import { NODE_CACHE_FLAGS } from '#node-cache/config/flags.ts';
import { NodeCacheMetrics } from '#node-cache/metrics.ts';
import { PLUGINS } from '#plugins/index.ts';
import { runCommand } from '../../src/cli/commands.ts';

const document = readFileSync('docs/node-cache.md', 'utf8');
const migrating = readFileSync('docs/migrating-from-nodelocaldns.md', 'utf8');

/** The text below a heading, up to the next one of its rank. */
const section = (text: string, heading: string): string => {
  const start = text.indexOf(`\n## ${heading}\n`);
  if (start < 0) throw new Error(`no heading "${heading}"`);
  const end = text.indexOf('\n## ', start + 1);
  return text.slice(start, end < 0 ? undefined : end);
};

/** Texts in backticks of each cell of each row. */
const rows = (text: string): readonly (readonly (readonly string[])[])[] =>
  text
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) =>
      line
        .slice(2)
        .split(' | ')
        .map((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)),
    );

describe('the table of flags', () => {
  const table = rows(section(document, 'Flags'));

  it('has the flags of the command, in all their spellings, and no others', () => {
    const spellings = NODE_CACHE_FLAGS.flatMap((flag) => ['short' in flag ? [flag.name, flag.short] : [flag.name]]);
    const sorted = (all: readonly (readonly string[])[]) => all.map((each) => each.join(' ')).sort();
    expect(sorted(table.map(([names = []]) => names.map((name) => name.slice(1))))).toEqual(sorted(spellings));
  });

  it('has their defaults', () => {
    for (const [[name = ''] = [], [standard] = []] of table) {
      const flag = NODE_CACHE_FLAGS.find((each) => `-${each.name}` === name);
      if (flag?.standard !== '') expect({ name, standard }).toEqual({ name, standard: flag?.standard });
    }
  });
});

describe('the table of metrics', () => {
  it('has those of the set-up, and no others', async () => {
    const metrics = new Metrics();
    const setUp = new NodeCacheMetrics(metrics);
    setUp.link('dummy', 'nodelocaldns');
    setUp.rules('nftables', true);
    setUp.alive('169.254.20.10', true);
    setUp.checked('link', 0);
    setUp.corefileUpdated();
    const text = await metrics.render();
    const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
    const listed = rows(section(document, 'Metrics and health'))
      .map(([[name = ''] = []]) => name.replace(/\{.*/, ''))
      .filter((name) => /nodecache/.test(name));
    expect(listed.sort()).toEqual(families.filter((name) => /nodecache/.test(name)).sort());
  });
});

describe('the table of plugins', () => {
  const nodeCachePlugins =
    'bind bufsize cache debug dns64 errors forward health hosts loadbalance log loop prometheus pprof reload rewrite template timeouts trace whoami';
  const text = section(migrating, 'Plugins');

  it('has all of node-cache that are not built', () => {
    const unbuilt = PLUGINS.flatMap((plugin) => ('unbuilt' in plugin ? [plugin.name] : []));
    const listed = rows(text).map(([[name = ''] = []]) => name);
    expect(listed.sort()).toEqual(nodeCachePlugins.split(' ').filter((name) => unbuilt.includes(name)));
  });

  it('has the others as those that are there', () => {
    const built = PLUGINS.flatMap((plugin) => ('unbuilt' in plugin ? [] : [plugin.name]));
    const [, listed = ''] = /^The others are there: (.*?)\. /m.exec(text) ?? [];
    const words = [...listed.matchAll(/`([^`]+)`/g)].map(([, word]) => word);
    expect(words).toEqual(nodeCachePlugins.split(' ').filter((name) => built.includes(name)));
  });
});

describe.each(['docs/node-cache.md', 'docs/migrating-from-nodelocaldns.md', 'README.md'])('%s', (file) => {
  const text = readFileSync(file, 'utf8');

  it('names no flag of node-cache that there is not', () => {
    const known = NODE_CACHE_FLAGS.flatMap((flag) => ['short' in flag ? [flag.name, flag.short] : [flag.name]]).flat();
    const lines = text.split('\n').filter((line) => line.includes('node-cache') && !line.includes('`-flag value`'));
    const named = lines.flatMap((line) =>
      [...line.matchAll(/(?<=[`\s[])-([a-z][a-z.-]+)(?=[`\s=,])/g)].map(([, flag]) => flag),
    );
    expect(named.filter((flag) => !(known as readonly unknown[]).includes(flag))).toEqual([]);
  });

  const examples = [...text.matchAll(/^```console\n\$ (?:npx )?cluster-dns (node-cache .*)\n((?:.*\n)*?)```$/gm)];
  it.runIf(examples.length > 0).each(examples.map(([, command = '', shown = '']) => [command, shown] as const))(
    'shows what %s prints',
    async (command, shown) => {
      let printed = '';
      const print = (part: string): void => {
        printed += part;
      };
      await runCommand(command.split(' '), { stdout: print, stderr: print });
      expect(printed).toBe(shown);
    },
  );
});
