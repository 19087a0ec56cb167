import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordFromText } from '#dns/record-text.ts';
import { Log } from '#log/log.ts';
import { RecordingSink } from '#plugin/testing.ts';
import { WeightFile } from './weight-file.ts';
import { topByWeight } from './weighted.ts';
import { readWeights } from './weights.ts';

const TEXT = '# comment\nA.org\n10.0.0.1 3\n10.0.0.2 1\n\nb.org.\n::1 2\n10.0.0.1 9\n';

describe('readWeights', () => {
  it('reads names with their addresses', () => {
    expect([...readWeights(TEXT, 'w')].map(([name, list]) => [name, [...list]])).toEqual([
      [
        '\x01a\x03org\0',
        [
          ['10.0.0.1', 3],
          ['10.0.0.2', 1],
        ],
      ],
      [
        '\x01b\x03org\0',
        [
          ['::1', 2],
          ['10.0.0.1', 9],
        ],
      ],
    ]);
  });

  it.each([
    ['a.org\n10.0.0.1\n', 'wrong domain name:"10.0.0.1" in weight file w. (Maybe a missing weight value?) (line 2)'],
    ['a..org\n', 'wrong domain name:"a..org" in weight file w. (Maybe a missing weight value?) (line 1)'],
    ['10.0.0.1 1\n', 'missing domain name in weight file w (line 1)'],
    ['a.org\n10.0.0.300 1\n', 'wrong IP address:"10.0.0.300" in weight file w (line 2)'],
    ['a.org\n10.0.0.1 0\n', 'wrong weight value:"0" in weight file w (line 2)'],
    ['a.org\n10.0.0.1 256\n', 'wrong weight value:"256" in weight file w (line 2)'],
    ['a.org\n10.0.0.1 1 1\n', 'could not parse weight line:"10.0.0.1 1 1" in weight file w (line 2)'],
  ])('refuses %j', (text, message) => {
    expect(() => readWeights(text, 'w')).toThrow(message);
  });
});

describe('topByWeight', () => {
  const section = [
    'a.org. 30 IN A 10.0.0.2',
    'a.org. 30 IN A 10.0.0.1',
    'A.ORG. 30 IN A 10.0.0.3',
    'a.org. 30 IN CNAME c.org.',
  ].map((text) => recordFromText(text));
  const topOf = (random: number): number =>
    topByWeight(section, readWeights(TEXT, 'w'), () => random)[1]?.rdata[3] as number;

  it('picks the first address as often as its weight says, 1 where the file does not', () => {
    const tops = Array.from({ length: 5 }, (_, i) => topOf((i + 0.5) / 5));
    expect(tops).toEqual([1, 1, 1, 2, 3]);
  });

  it('gives a section without addresses back as it is', () => {
    const rest = [recordFromText('a.org. 30 IN TXT "x"'), recordFromText('a.org. 30 IN CNAME c.org.')];
    expect(topByWeight(rest, new Map(), () => 0)).toBe(rest);
  });
});

describe('WeightFile', () => {
  let directory = '';
  let path = '';
  const sink = new RecordingSink();
  const file = (reloadMs: number): WeightFile =>
    new WeightFile({ path, reloadMs }, new Log(sink).plugin('loadbalance'));

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'weights-'));
    path = join(directory, 'weights');
    sink.lines.length = 0;
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('reads the file at the start and again when it has changed', async () => {
    await writeFile(path, TEXT);
    const weights = file(0);
    await weights.start();
    expect(weights.weights.size).toBe(2);
    await weights.poll();
    await writeFile(path, 'c.org\n');
    await weights.poll();
    expect([...weights.weights.keys()]).toEqual(['\x01c\x03org\0']);
    const line = `info plugin/loadbalance: Successfully reloaded weight file ${path}`;
    expect(sink.lines).toEqual([line, line]);
  });

  it('keeps the last weights when the file is wrong or gone, and says so once for each wrong text', async () => {
    await writeFile(path, TEXT);
    const weights = file(0);
    await weights.start();
    await writeFile(path, '10.0.0.1 1\n');
    await weights.poll();
    await weights.poll();
    await rm(path);
    await weights.poll();
    expect(weights.weights.size).toBe(2);
    expect(sink.lines.slice(1)).toEqual([
      `error plugin/loadbalance: missing domain name in weight file ${path} (line 1)`,
      'error plugin/loadbalance: weight file open error',
    ]);
  });

  it('takes a missing file as a warning where it looks again, else as the end of the start', async () => {
    const weights = file(90_000);
    await weights.start();
    weights.stop();
    expect(sink.lines).toEqual([
      'warning plugin/loadbalance: Failed to open weight file:weight file open error. Will try again in 1m30s',
    ]);
    await expect(file(0).start()).rejects.toThrow('weight file open error');
  });

  it('ends the start on a wrong file', async () => {
    await writeFile(path, '10.0.0.1 1\n');
    await expect(file(30_000).start()).rejects.toThrow('missing domain name');
  });
});
