import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCorpus } from '#test/dns-corpus.ts';
import { PROGRAM } from '#test/process.ts';
import { runCampaign } from '../../bench/fuzz/campaign.ts';
import { Target } from '../../bench/fuzz/target.ts';

const SEED = 20_261_121;

describe.each(['batch', 'dgram'])('a server under mutated messages, UDP by %s', (listener) => {
  it('answers what is owed an answer, as DNS, and known questions in between, and keeps nothing', async () => {
    const root = join(import.meta.dirname, '../..');
    const target = await Target.start(PROGRAM, join(root, 'examples'), ['-udp-listener', listener]);
    try {
      const found = await runCampaign({
        target,
        seconds: 4,
        seed: SEED,
        perSecond: 3000,
        corpus: readCorpus(join(root, 'test/corpus/dns')).map(({ bytes }) => bytes),
      });
      expect(found.faults).toEqual([]);
      for (const tally of [found.udp, found.tcp]) {
        expect(tally.sent).toBeGreaterThan(500);
        // Most would be FORMERR if the mutator were too rough.
        expect(tally.replies.get('NOERROR')).toBeGreaterThan(tally.sent / 10);
      }
      expect(found.known).toBeGreaterThan(200);
    } finally {
      expect(await target.stop()).toBe(0);
    }
  });
});
