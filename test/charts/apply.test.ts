import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chartRows } from '#test/chart-rows.ts';
import { helmText, type Manifest, manifestsOf } from '#test/helm.ts';
import { needTestbed, titled } from '../root/needs.ts';

const TITLE = 'kubectl apply of what the charts render';
const { reason, testbed } = await needTestbed(TITLE, ['helm']);

/** Of the kinds that are rendered, what the test's API server knows. */
const KNOWN = /^kind: (Service|ConfigMap)$/m;
/** Each values file is applied to a namespace of its own. */
const rows = chartRows().map((row, index) => ({ ...row, namespace: `row-${index}` }));

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let text: string;
  let stored: readonly Manifest[];
  let again: string;

  beforeAll(async () => {
    const texts = await Promise.all(rows.map(({ chart, values, namespace }) => helmText(chart, values, { namespace })));
    // As helm writes it, not as it is read here: kubectl reads it by rules of its own.
    const documents = texts.flatMap((one) => one.split(/^---$/m)).filter((one) => KNOWN.test(one));
    text = documents.join('---\n');
    await testbed.apply(text);
    again = await testbed.apply(text);
    const list = JSON.parse(await testbed.kubectl(['get', '--output=json', '--filename=-'], text)) as {
      items: readonly Manifest[];
    };
    stored = list.items;
  });
  afterAll(async () => {
    await testbed.stop();
  });

  it('changes nothing the second time', () => {
    const lines = again.trim().split('\n');
    expect(lines.length).toBeGreaterThan(rows.length);
    expect(lines.filter((line) => !line.endsWith(' unchanged'))).toEqual([]);
  });

  it.each(rows)('leaves what is meant: $chart with values $name', ({ namespace }) => {
    const isOfRow = ({ metadata }: Manifest): boolean => metadata.namespace === namespace;
    const written = manifestsOf(text).filter(isOfRow);
    const left = stored.filter(isOfRow);
    expect(left.map(idOf)).toEqual(written.map(idOf));
    for (const [index, one] of written.entries()) expect(left[index]).toMatchObject(meant(one));
  });
});

const idOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.name}`;

/** All that was written; the server adds to it. */
const meant = ({ kind, metadata, data, spec }: Manifest): object => ({
  kind,
  metadata,
  ...(data === undefined ? {} : { data }),
  ...(spec === undefined ? {} : { spec }),
});
