import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordRing } from './record-ring.ts';

const CAPACITY = 256;
/** Room that a record takes: its length and itself, both in steps of 8. */
const roomOf = (octets: number): number => 8 + Math.ceil(octets / 8) * 8;

const write = (ring: RecordRing, record: Uint8Array): boolean => {
  const at = ring.reserve(record.length);
  if (at < 0) return false;
  ring.bytes.set(record, at);
  ring.commit();
  return true;
};

const read = (ring: RecordRing): Uint8Array | null => {
  const at = ring.peek();
  if (at < 0) return null;
  const record = ring.bytes.slice(at, at + ring.lengthAt(at));
  ring.release(at);
  return record;
};

/** A ring whose counters have already come so far. */
const ringAt = (octetsPassed: number): RecordRing => {
  const ring = new RecordRing(CAPACITY);
  ring.words[0] = octetsPassed | 0;
  ring.words[1] = octetsPassed | 0;
  return ring;
};

/** Where its counters stand at first: at the start, in the middle, and where they pass 2^31 and 2^32. */
const starts = fc.oneof(
  fc.nat(CAPACITY / 8).map((n) => 8 * n),
  fc.nat(CAPACITY / 8).map((n) => 2 ** 31 - 8 * n),
  fc.nat(CAPACITY / 8).map((n) => 2 ** 32 - 8 * n),
);
const steps = fc.array(fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.constant('read' as const)), { maxLength: 200 });

describe('RecordRing', () => {
  it('gives every record back once, whole and in order, wherever its counters stand', () => {
    fc.assert(
      fc.property(starts, steps, (start, todo) => {
        const ring = ringAt(start);
        const waiting: Uint8Array[] = [];
        for (const step of todo) {
          if (step === 'read') expect(read(ring)).toEqual(waiting.shift() ?? null);
          else if (write(ring, step)) waiting.push(step);
        }
        for (const record of waiting) expect(read(ring)).toEqual(record);
        expect(read(ring)).toBeNull();
      }),
    );
  });

  it('takes what fits behind the last record or in front of the first, and refuses the rest', () => {
    fc.assert(
      fc.property(starts, steps, (start, todo) => {
        const ring = ringAt(start);
        for (const step of todo) {
          if (step === 'read') {
            read(ring);
            continue;
          }
          const [head, tail] = [ring.words[0] as number, ring.words[1] as number];
          const free = CAPACITY - ((head - tail) | 0);
          const untilEnd = CAPACITY - ((head >>> 0) % CAPACITY);
          const skipped = untilEnd < roomOf(step.length) ? untilEnd : 0;
          expect(write(ring, step)).toBe(skipped + roomOf(step.length) <= free);
        }
      }),
    );
  });

  it('can be filled to its last octet', () => {
    const ring = new RecordRing(CAPACITY);
    expect(write(ring, new Uint8Array(CAPACITY - 8).fill(7))).toBe(true);
    expect(write(ring, new Uint8Array(0))).toBe(false);
    expect(read(ring)).toEqual(new Uint8Array(CAPACITY - 8).fill(7));
    expect(write(ring, new Uint8Array(0))).toBe(true);
    expect(read(ring)).toEqual(new Uint8Array(0));
  });

  it('shows nothing of a record before it is committed, and nothing where its writer died before that', () => {
    const ring = new RecordRing(CAPACITY);
    ring.bytes.fill(9, ring.reserve(16));
    expect(ring.peek()).toBe(-1);
    const successor = new RecordRing(ring.shared);
    write(successor, Uint8Array.of(1, 2, 3));
    expect(read(ring)).toEqual(Uint8Array.of(1, 2, 3));
    expect(read(ring)).toBeNull();
  });

  it('carries records between two threads that both run', async () => {
    const RECORDS = 20_000;
    const ring = new RecordRing(65_536);
    const { outputFiles } = await build({
      stdin: {
        contents: `
          import { workerData } from 'node:worker_threads';
          import { RecordRing } from './record-ring.ts';
          const ring = new RecordRing(workerData.shared);
          for (let n = 0; n < workerData.records; ) {
            const octets = 4 + (n * 7919) % 300;
            const at = ring.reserve(octets);
            if (at < 0) {
              Atomics.wait(ring.words, 1, ring.words[1], 1);
              continue;
            }
            ring.bytes.fill(n & 0xff, at, at + octets);
            ring.view.setUint32(at, n, true);
            ring.commit();
            n++;
          }`,
        resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      write: false,
    });
    const code = outputFiles[0]?.text ?? '';
    const worker = new Worker(code, { eval: true, workerData: { shared: ring.shared, records: RECORDS } });
    const ended = once(worker, 'exit');
    await once(worker, 'online');
    let wrong = 0;
    for (let n = 0; n < RECORDS; ) {
      const record = read(ring);
      if (record === null) {
        // Gives the processor away for a moment, as there may be but one.
        Atomics.wait(ring.words, 0, ring.words[0] as number, 1);
        continue;
      }
      const isRight =
        record.length === 4 + ((n * 7919) % 300) &&
        new DataView(record.buffer).getUint32(0, true) === n &&
        record.subarray(4).every((octet) => octet === (n & 0xff));
      if (!isRight) wrong++;
      n++;
    }
    await ended;
    expect([wrong, read(ring)]).toEqual([0, null]);
  });
});
