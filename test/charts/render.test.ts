import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { chartRows } from '#test/chart-rows.ts';
import { CHARTS, helmLint, helmText } from '#test/helm.ts';
import { renderFaults } from '#test/render-faults.ts';
import { missing, titled } from '../root/needs.ts';

const reason = await missing('renders of the charts', ['helm']);
/** As long as Helm allows. */
const LONG_RELEASE = 'a'.repeat(53);

describe.skipIf(reason !== '')(titled('every chart', reason), () => {
  it('is in the table of values', async () => {
    const tried = [...new Set(chartRows().map(({ chart }) => chart))];
    expect(tried).toEqual((await readdir(CHARTS)).toSorted());
  });
});

describe.each(chartRows())('$chart with values $name', ({ chart, values, elsewhere }) => {
  it.skipIf(reason !== '')('passes lint without a warning', async () => {
    await expect(helmLint(chart, values)).resolves.toContain('0 chart(s) failed');
  });

  it.skipIf(reason !== '')('has names that fit, and references that lead somewhere', async () => {
    const text = await helmText(chart, values, { namespace: 'kube-system' });
    expect(renderFaults(text, { namespace: 'kube-system', elsewhere })).toEqual([]);
  });

  it.skipIf(reason !== '')('is the same each time, and whole under a long name elsewhere', async () => {
    const options = { release: LONG_RELEASE, namespace: 'dns' };
    const text = await helmText(chart, values, options);
    expect(await helmText(chart, values, options)).toBe(text);
    expect(renderFaults(text, { namespace: 'dns', elsewhere })).toEqual([]);
  });
});
