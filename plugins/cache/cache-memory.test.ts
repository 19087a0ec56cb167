import { describe, expect, it } from 'vitest';
import { recordFromText } from '#dns/record-text.ts';
import { Answer, Generations, type Instance, type Reply, type Services } from '#plugin/index.ts';
import { setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import definition from './index.ts';

const MIB = 1024 * 1024;

class Blocks {
  readonly generations = new Generations();
  readonly services: Services = testServices({ generations: this.generations });

  async start(stanza: string): Promise<Instance> {
    const { instance } = setupPlugin(definition, stanza, { services: this.services });
    await instance?.start?.();
    return instance as Instance;
  }

  ask({ handle }: Instance, name: string, reply: () => Reply): Answer {
    const answer = handle?.(testQuery(name, 'TXT', { generations: this.generations }), reply);
    if (!(answer instanceof Answer)) throw new Error('no answer at once');
    return answer;
  }

  gauge(name: string): number {
    return this.services.metrics.gauge({ name, help: '', labels: [] }).at().value;
  }
}

const text = (name: string): Answer =>
  new Answer({ answer: [recordFromText(`${name} 60 IN TXT "${'x'.repeat(200)}" "${'y'.repeat(200)}"`)] });

describe('memory', () => {
  it('is shared by all server blocks, and the metrics tell of it', async () => {
    const blocks = new Blocks();
    // Half of it is for replies that are encoded.
    const [first, second] = [await blocks.start('cache {\n memory 2Mi\n}'), await blocks.start('cache')];
    expect(blocks.gauge('cluster_dns_cache_memory_limit_bytes')).toBe(MIB);
    for (let i = 0; i < 900; i++)
      for (const block of [first, second]) blocks.ask(block, `n${i}.`, () => text(`n${i}.`));
    const held = blocks.gauge('cluster_dns_cache_memory_bytes');
    expect(held).toBeLessThanOrEqual(MIB);
    expect(held).toBeGreaterThan(MIB - 2000);
    const page = await blocks.services.metrics.render();
    const [entries] = /(?<=coredns_cache_entries\{server="dns:\/\/:53",type="success"[^}]*\} )\d+/.exec(page) ?? [];
    expect(Number(entries)).toBeLessThan(1800);
    expect(page).toMatch(/coredns_cache_evictions_total\{server="dns:\/\/:53",type="success"[^}]*\} [1-9]/);
  });

  it('is given back by a block that a reload takes away, and the other goes on', async () => {
    const blocks = new Blocks();
    const gone = await blocks.start('cache {\n memory 2Mi\n}');
    blocks.ask(gone, 'a.', () => text('a.'));
    const stays = await blocks.start('cache {\n memory 4Mi\n}');
    blocks.ask(stays, 'a.', () => text('a.'));
    const both = blocks.gauge('cluster_dns_cache_memory_bytes');
    await gone.stop?.();
    expect(blocks.gauge('cluster_dns_cache_memory_bytes')).toBe(both / 2);
    expect(blocks.gauge('cluster_dns_cache_memory_limit_bytes')).toBe(2 * MIB);
    const forgotten = (): Answer => {
      throw new Error('it was not kept');
    };
    expect(blocks.ask(stays, 'a.', forgotten).answer).toHaveLength(1);
    await stays.stop?.();
    expect(blocks.gauge('cluster_dns_cache_memory_bytes')).toBe(0);
  });
});
