import { describe, expect, it } from 'vitest';
import { fingerprint } from './fingerprint.ts';
import { parseCorefile } from './parser.ts';

const hashOf = (text: string, env: Record<string, string> = {}): string =>
  fingerprint(
    parseCorefile({ file: 'Corefile', text }, { env, glob: (path) => [path], readFile: () => 'errors' }).corefile,
  );

const TEXT = '.:15353 {\n    bind 127.0.0.1\n    log . "{remote} <&> {>id}"\n    reload 2s 0s\n}\n';

describe('the fingerprint of a configuration', () => {
  it('is the value that CoreDNS 1.14.7 prints for the same file', () => {
    expect(hashOf(TEXT)).toBe(
      'f376dec93ef9ae17822fd43f534941fd4094abd2211d83db41b8322b42be60e362d50403dd830c0c016716cf5d84775f25de0720adf8cdd5b4584afa2ab3ef84',
    );
  });

  it('stays when spaces and comments within lines change', () => {
    expect(hashOf(TEXT.replace('bind 127', 'bind\t  127').replace('0s\n', '0s # now\n'))).toBe(hashOf(TEXT));
  });

  it.each([
    ['a word', TEXT.replace('2s', '3s')],
    ['a line that moves', `\n${TEXT}`],
    ['a quoted word that falls apart', TEXT.replaceAll('"', '')],
    ['no block', ''],
  ])('changes with %s', (_what, text) => {
    expect(hashOf(text)).not.toBe(hashOf(TEXT));
  });

  it('changes with an environment variable and with the file that words come from', () => {
    expect(hashOf('a {\n x {$A}\n}', { A: '1' })).not.toBe(hashOf('a {\n x {$A}\n}', { A: '2' }));
    expect(hashOf('a {\n import /x\n}')).not.toBe(hashOf('a {\n import /y\n}'));
  });

  it('does not depend on the name of the main file', () => {
    const at = (file: string): string => fingerprint(parseCorefile({ file, text: TEXT }, { env: {} }).corefile);
    expect(at('/etc/coredns/Corefile')).toBe(at('Corefile'));
  });
});
