import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { durationText } from './duration-text.ts';
import { createJsonSink } from './json-sink.ts';
import type { WriteOctets } from './line-writer.ts';
import { Log } from './log.ts';
import { createTextSink } from './text-sink.ts';

/** A file descriptor that takes octets only when told to. */
const slowFd = (): { written: Map<number, string>; write: WriteOctets; release: () => void; calls: () => number } => {
  const written = new Map<number, string>();
  const waiting: (() => void)[] = [];
  let calls = 0;
  return {
    written,
    calls: () => calls,
    write: (fd, octets, done) => {
      calls++;
      waiting.push(() => {
        written.set(fd, (written.get(fd) ?? '') + octets.toString());
        done(null, octets.length);
      });
    },
    release: () => {
      for (const go of waiting.splice(0)) go();
    },
  };
};

const instantFd = (): { written: Map<number, string>; write: WriteOctets } => {
  const written = new Map<number, string>();
  return {
    written,
    write: (fd, octets, done) => {
      written.set(fd, (written.get(fd) ?? '') + octets.toString());
      setImmediate(() => done(null, octets.length));
    },
  };
};

describe('log lines as text', () => {
  it('have the shape of CoreDNS, without a time', async () => {
    const { written, write } = instantFd();
    const log = new Log(createTextSink({ write }));
    log.info('Reloading');
    log.plugin('reload').warning('Corefile parse failed: x');
    log.plugin('errors').error('2 example.org. A: gone\n');
    log.plain('.:53\n');
    await log.flush();
    expect(written.get(1)).toBe(
      '[INFO] Reloading\n[WARNING] plugin/reload: Corefile parse failed: x\n[ERROR] plugin/errors: 2 example.org. A: gone\n.:53\n',
    );
  });

  it('leave debug lines out until a server block has debug', async () => {
    const { written, write } = instantFd();
    const log = new Log(createTextSink({ write }));
    log.debug('one');
    log.setDebug(true);
    log.debug('two');
    log.setDebug(false);
    log.debug('three');
    await log.flush();
    expect(written.get(1)).toBe('[DEBUG] two\n');
  });

  it('go to standard error when fatal', async () => {
    const { written, write } = instantFd();
    const log = new Log(createTextSink({ write }));
    log.fatal('plugin/loop: Loop');
    await log.flush();
    expect(written.get(2)).toBe('[FATAL] plugin/loop: Loop\n');
    expect(written.get(1)).toBeUndefined();
  });

  it('of one turn are written together', async () => {
    const fd = slowFd();
    const log = new Log(createTextSink({ write: fd.write }));
    for (let i = 0; i < 100; i++) log.info(String(i));
    const flushed = log.flush();
    expect(fd.calls()).toBe(1);
    fd.release();
    await flushed;
    expect(fd.written.get(1)?.split('\n')).toHaveLength(101);
  });

  it('are dropped and counted while the reader is too slow, and said so once it is back', async () => {
    const fd = slowFd();
    const log = new Log(createTextSink({ write: fd.write, maxPending: 20 }));
    log.info('first');
    const flushed = log.flush();
    for (let i = 0; i < 10; i++) log.info(`line ${i}`);
    fd.release();
    fd.release();
    await flushed;
    expect(fd.written.get(1)).toBe(
      '[INFO] first\n[INFO] line 0\n[INFO] line 1\n[WARNING] 8 log lines were dropped: the reader was too slow\n',
    );
  });

  it('are written on after a pipe that was full for a moment', async () => {
    let calls = 0;
    let text = '';
    const write: WriteOctets = (_fd, octets, done) => {
      calls++;
      if (calls === 1) return done(Object.assign(new Error('full'), { code: 'EAGAIN' }), 0);
      text += octets.subarray(0, 4).toString();
      done(null, Math.min(4, octets.length));
    };
    const log = new Log(createTextSink({ write }));
    log.info('hello');
    await log.flush();
    expect(text).toBe('[INFO] hello\n');
  });

  const run = (script: string) =>
    spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const bundled = async (): Promise<string> => {
    const { build } = await import('esbuild');
    const result = await build({
      entryPoints: [`${import.meta.dirname}/text-sink.ts`],
      bundle: true,
      platform: 'node',
      format: 'esm',
      write: false,
    });
    return result.outputFiles[0]?.text ?? '';
  };

  it('do not end the process when the reader has closed the pipe', async () => {
    const source = await bundled();
    const child = run(`${source}
      const sink = createTextSink();
      process.on('message', () => undefined);
      let left = 50;
      const timer = setInterval(() => {
        sink.write('info', '', 'x'.repeat(1000));
        if (--left === 0) { clearInterval(timer); sink.flush().then(() => process.stderr.write('alive')); }
      }, 1);`);
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const [code] = await once(child, 'close');
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'alive' });
  });

  it('that are left at the end of the process are written', async () => {
    const source = await bundled();
    const child = run(`${source}
      createTextSink().write('info', '', 'last words');
      process.exit(0);`);
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    await once(child, 'close');
    expect(stdout).toBe('[INFO] last words\n');
  });
});

describe('log lines as JSON', () => {
  it('have level, source and msg', async () => {
    const { written, write } = instantFd();
    const sink = await createJsonSink({ write });
    const log = new Log(sink);
    log.debug('not this');
    log.plugin('ready').warning('"quoted"');
    log.info('plain');
    await log.flush();
    const lines = (written.get(1) ?? '').trim().split('\n');
    const parsed = lines.map(
      (line) => JSON.parse(line) as { level: string; source?: string; msg: string; time: string },
    );
    expect(parsed.map(({ level, source, msg }) => ({ level, source, msg }))).toEqual([
      { level: 'warning', source: 'plugin/ready', msg: '"quoted"' },
      { level: 'info', source: undefined, msg: 'plain' },
    ]);
    expect(Number.isNaN(Date.parse(parsed[0]?.time ?? ''))).toBe(false);
  });
});

describe('a duration in a message', () => {
  it.each([
    [0, '0s'],
    [30_000, '30s'],
    [120_000, '2m0s'],
    [3_723_500, '1h2m3.5s'],
    [1.5, '1.5ms'],
    [0.25, '250µs'],
    [-1000, '-1s'],
  ])('%d ms is %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});
