import { afterEach, describe, expect, it } from 'vitest';
import { recordsFromText } from '#dns/record-text.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { startServer, UDP_LISTENERS } from '#test/server.ts';

const MIB = 1024 * 1024;
const NAMES = 800;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

describe('memory of cache', () => {
  it.each(UDP_LISTENERS)('by %s: bounds encoded replies by one half, shared by addresses and threads', async (udp) => {
    const upstream = await FakeUpstream.open((asked) =>
      asked.reply({ answer: recordsFromText(`@ 300 IN TXT "${'x'.repeat(250)}" "${'y'.repeat(250)}"`, {}) }),
    );
    closing.push(() => upstream.close());
    const server = await startServer({
      udp,
      corefile: `. {
        bind 127.0.0.1
        multisocket 1
        cache {
          memory 1Mi
        }
        forward . ${upstream.address}
      }`,
    });
    closing.push(() => server.stop());
    for (let i = 0; i < NAMES; i++)
      for (let k = 0; k < 2; k++)
        expect((await server.query(`n${i}.example.org`, 'TXT', { udpSize: 1232 })).answer).toHaveLength(1);
    const page = await server.services.metrics.render();
    const numberIn = (line: RegExp): number => Number(line.exec(page)?.[1]);
    // One address, a thread and main.
    const share = MIB / 2 / 2;
    const thread = udp === 'batch' ? 1 : 0;
    const held = numberIn(new RegExp(`cluster_dns_udp_memory_bytes\\{thread="${thread}"\\} (\\d+)`));
    expect(held).toBeLessThanOrEqual(share);
    expect(held).toBeGreaterThan(share * 0.95);
    expect(numberIn(/cluster_dns_cache_memory_limit_bytes (\d+)/)).toBe(MIB / 2);
    expect(numberIn(/cluster_dns_cache_memory_bytes (\d+)/)).toBeLessThanOrEqual(MIB / 2);
  });
});
