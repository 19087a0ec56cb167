import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { CHARTS } from './helm.ts';

/** Values of a chart that its README does not name in backticks: whole, as `.last` behind others, or one that they are part of. */
export const unexplainedValues = async (chart: string): Promise<readonly string[]> => {
  const [values, readme] = await Promise.all(
    ['values.yaml', 'README.md'].map((file) => readFile(`${CHARTS}/${chart}/${file}`, 'utf8')),
  );
  const table = readme?.slice(readme.indexOf('## Values')) ?? '';
  const named = new Set<string>();
  for (const row of table.split('\n')) {
    let section = '';
    for (const [, name = ''] of (row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)) {
      named.add(name.startsWith('.') ? `${section}${name}` : name);
      if (!name.startsWith('.')) section = name.slice(0, name.lastIndexOf('.'));
    }
  }
  return pathsOf(load(values ?? ''), '').filter((path) => !isNamed(path, named));
};

const isNamed = (path: string, named: ReadonlySet<string>): boolean => {
  const parts = path.split('.');
  return parts.some((_, index) => named.has(parts.slice(0, index + 1).join('.')));
};

const pathsOf = (value: unknown, at: string): string[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
    ? Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, at === '' ? key : `${at}.${key}`))
    : [at];
