import { describe, expect, it } from 'vitest';
import { readServeFlags, UsageError } from './flags.ts';

describe('the command line', () => {
  it('takes one dash or two and a value after = or a space', () => {
    for (const args of [
      ['-conf', 'X', '-p', '1053'],
      ['--conf=X', '--dns.port=1053'],
      ['-conf=X', '-dns.port', '1053'],
    ]) {
      const flags = readServeFlags(args);
      expect([flags.conf, flags.port]).toEqual(['X', 1053]);
    }
  });

  it('reads booleans as Go does', () => {
    expect(readServeFlags(['-quiet']).quiet).toBe(true);
    expect(readServeFlags(['-quiet=false']).quiet).toBe(false);
    expect(readServeFlags(['--quiet=T']).quiet).toBe(true);
    expect(() => readServeFlags(['-quiet=maybe'])).toThrow('invalid boolean value "maybe" for -quiet: parse error');
  });

  it('shares ports only where that is asked for', () => {
    expect(readServeFlags([]).reusePort).toBe(false);
    expect(readServeFlags(['-reuse-port']).reusePort).toBe(true);
  });

  it('refuses what it does not know', () => {
    expect(() => readServeFlags(['-cpu', '1'])).toThrow('flag provided but not defined: -cpu');
    expect(() => readServeFlags(['-conf', 'X', 'left'])).toThrow('extra command line arguments: [left]');
    expect(() => readServeFlags(['-p', '70000'])).toThrow('is not a port');
    expect(() => readServeFlags(['-log-format', 'xml'])).toThrow('neither text nor json');
    expect(() => readServeFlags(['-conf'])).toThrow(UsageError);
  });

  it('collects several manifest directories', () => {
    expect(readServeFlags(['-manifests', 'a', '-manifests=b']).manifests).toEqual(['a', 'b']);
  });
});
