import { readFileSync } from 'node:fs';
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
    const section = page.slice(
      page.indexOf('\n## What to set'),
      page.indexOf('\n## ', page.indexOf('\n## What to set') + 1),
    );
    const blocks = [...section.matchAll(/^```yaml\n# charts\/([a-z-]+)\n(.*?)^```$/gms)];
    expect(blocks.length).toBeGreaterThan(0);
    for (const [, chart = '', block = ''] of blocks) {
      const values = readFileSync(`charts/${chart}/values.yaml`, 'utf8');
      for (const [, indent = '', key = ''] of block.matchAll(/^( *)([A-Za-z]+):/gm))
        if (indent === '') expect(values, `${chart}: ${key}`).toMatch(new RegExp(`^${key}:`, 'm'));
        else expect(values, `${chart}: ${key}`).toMatch(new RegExp(`^ +(- )?${key}:`, 'm'));
    }
  });
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
