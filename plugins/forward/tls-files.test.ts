import { describe, expect, it } from 'vitest';
import { TLS_FILES } from '#test/fake-upstream.ts';
import { systemRoots } from '#upstream/system-roots.ts';
import { secureContextFromFiles } from './tls-files.ts';

const { ca, cert, key } = TLS_FILES;

describe('the files of tls', () => {
  it.each([[[]], [[ca]], [[cert, key]], [[cert, key, ca]]])('may be %j', (files) => {
    expect(secureContextFromFiles(files).context).toBeDefined();
  });

  it.each([
    [['/nonexistent'], 'error reading /nonexistent: open /nonexistent: no such file or directory'],
    [[key], `could not read root certs: ${key} holds no PEM certificate`],
    [['/nonexistent', key], 'could not load TLS cert: open /nonexistent: no such file or directory'],
    [[cert, '/nonexistent'], 'could not load TLS cert: open /nonexistent: no such file or directory'],
    [[ca, key], 'could not load TLS cert: '],
    [[key, cert], 'could not load TLS cert: '],
  ])('may not be %j', (files, message) => {
    expect(() => secureContextFromFiles(files)).toThrow(message);
  });

  it('are looked for where SSL_CERT_FILE says, for the roots of the system', () => {
    expect(systemRoots({ SSL_CERT_FILE: ca })).toContain('BEGIN CERTIFICATE');
    expect(systemRoots({ SSL_CERT_FILE: '/nonexistent' })).toBeNull();
  });
});
