import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { leastSquares } from './least-squares.ts';

const TABLE = 'ip cluster-dns-scale';
const ELEMENTS = [20_000, 60_000, 150_000];
const LOOK_MS = 2;

/** KiB that nft takes at the most for each element of a table that it loads in one transaction, as the proxy's first one is. */
export const nftElementKiB = async (): Promise<number> => {
  const peaks: number[] = [];
  for (const count of ELEMENTS) {
    peaks.push(await peakMiB(loading(count)));
    await peakMiB(`delete table ${TABLE}\n`);
  }
  const [, slope = 0] = leastSquares(
    ELEMENTS.map((count) => [1, count]),
    peaks,
  );
  return slope * 1024;
};

/** A map like the proxy's `endpoints`: address, port and slot lead to address and port. */
const loading = (count: number): string => {
  const address = (k: number): string => `10.${(k >> 16) & 255}.${(k >> 8) & 255}.${k & 255}`;
  const elements = Array.from({ length: count }, (_, k) => `${address(k)} . 80 . 0 : ${address(k + 1)} . 8080`);
  const type = 'ipv4_addr . inet_service . inet_service : ipv4_addr . inet_service';
  return `add table ${TABLE}\nadd map ${TABLE} m { type ${type}; }\nadd element ${TABLE} m { ${elements.join(', ')} }\n`;
};

/** The most that nft had resident; it is looked at until it ends, and takes most shortly before. */
const peakMiB = async (input: string): Promise<number> => {
  const child = spawn('nft', ['-f', '-'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  let isRunning = true;
  ended.then(() => {
    isRunning = false;
  });
  child.stdin.end(input);
  let most = 0;
  while (isRunning) {
    try {
      const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
      most = Math.max(most, Number(peak?.[1] ?? 0) / 1024);
    } catch {
      // it has ended
    }
    await delay(LOOK_MS);
  }
  const [code] = (await ended) as [number];
  if (code !== 0) throw new Error(`nft ended with ${code}`);
  return most;
};
