import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { readMeasured } from './measured.ts';
import { PAGE_FILE, withTables } from './page.ts';
import { readQueryCosts } from './query-costs.ts';
import { SIZES } from './sizes.ts';
import { tablesOf } from './tables.ts';

describe('the page about scale', () => {
  it('has the tables that the model makes of what was measured (node bench/run.mjs scale)', () => {
    const page = readFileSync(PAGE_FILE, 'utf8');
    const tables = tablesOf(SIZES, { measured: readMeasured(), queries: readQueryCosts() });
    expect(withTables(page, tables)).toBe(page);
  });

  it('names values of the charts that are there', () => {
    const page = readFileSync(PAGE_FILE, 'utf8');
    const blocks = [...page.matchAll(/^```yaml\n# charts\/([a-z-]+)\n(.*?)^```$/gms)];
    expect(blocks.map(([, chart]) => chart)).toEqual(['cluster-dns', 'node-local-dns', 'service-proxy']);
    for (const [, chart = '', block = ''] of blocks) {
      const values = load(readFileSync(`charts/${chart}/values.yaml`, 'utf8')) as Values;
      expect(unknown(load(block) as Values, values), chart).toEqual([]);
    }
  });
});

interface Values {
  readonly [key: string]: unknown;
}

/** Paths of one that the other does not have. Below `resources` anything may stand. */
const unknown = (said: Values, known: Values, path = ''): readonly string[] =>
  Object.entries(said).flatMap(([key, value]) => {
    const here = `${path}${key}`;
    if (!(key in known)) return [here];
    const isMap = typeof value === 'object' && value !== null && here !== 'resources';
    return isMap ? unknown(value as Values, known[key] as Values, `${here}.`) : [];
  });

describe('withTables', () => {
  it('replaces what stands between the markers, and nothing else', () => {
    const page = 'a\n<!-- one -->\nold\n<!-- /one -->\nb\n<!-- two -->\n<!-- /two -->\n';
    expect(withTables(page, { one: 'new', two: 'more' })).toBe(
      'a\n<!-- one -->\nnew\n<!-- /one -->\nb\n<!-- two -->\nmore\n<!-- /two -->\n',
    );
  });

  it('says which place is missing', () => {
    expect(() => withTables('nothing', { one: '' })).toThrow('no place for the table "one"');
  });
});
