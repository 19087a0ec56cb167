/** A pipe for standard output that nobody reads must neither stop the server nor keep it from ending, and costs bounded memory. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { encodeQuery, exchangeUdp } from '#test/dns-client.ts';
import { freePort, PROGRAM } from '#test/process.ts';
import { until } from '#test/until.ts';

/** Each makes a line, as the name stands in it: 800 lines are more than a pipe holds. */
const NAME = `${'a'.repeat(60)}.${'b'.repeat(60)}.one.test.`;
const QUERIES = 1500;

it.each(['text', 'json'])('a log of %s that nobody reads stops neither the answers nor the end', async (format) => {
  const place = mkdtempSync(join(tmpdir(), 'cluster-dns-log-'));
  const port = await freePort();
  writeFileSync(join(place, 'Corefile'), `.:${port} {\n bind 127.0.0.1\n log\n whoami\n}\n`);
  // Held open for reading, never read.
  const pipe = join(place, 'pipe');
  expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
  const command = 'exec 3<>"$0"; exec "$@" >"$0"';
  const args = [PROGRAM, '-conf', join(place, 'Corefile'), '-log-format', format];
  const server = spawn('sh', ['-c', command, pipe, process.execPath, ...args], { stdio: 'ignore' });
  try {
    const endpoint = { address: '127.0.0.1', port };
    await until(async () => (await exchangeUdp(endpoint, encodeQuery(NAME, 'A'), 200).catch(() => null)) !== null);
    for (let i = 0; i < QUERIES; i++) expect(await exchangeUdp(endpoint, encodeQuery(NAME, 'A'))).not.toBeNull();
    const ended = new Promise<number | null>((resolve) => server.on('exit', resolve));
    server.kill('SIGTERM');
    expect(await ended).toBe(0);
  } finally {
    server.kill('SIGKILL');
    rmSync(place, { recursive: true, force: true });
  }
});
