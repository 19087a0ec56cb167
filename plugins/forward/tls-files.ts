import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { systemRoots } from '#upstream/system-roots.ts';

const goFileError = (error: unknown, file: string): string => {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `open ${file}: no such file or directory`;
  return code === 'EACCES' ? `open ${file}: permission denied` : message;
};

/** Thrown with CoreDNS's words for what is wrong with the files of `tls`. */
export class TlsFileError extends Error {
  readonly code = 'tls-file';
}

const read = (file: string, say: (reason: string) => string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new TlsFileError(say(goFileError(error, file)), { cause: error });
  }
};

const readRoots = (file: string): string => {
  const pem = read(file, (reason) => `error reading ${file}: ${reason}`);
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new TlsFileError(`could not read root certs: ${file} holds no PEM certificate`, { cause });
  }
  return pem;
};

/**
 * TLS from the files after `tls`: none, `CA`, `CERT KEY`, or `CERT KEY CA`. Without a CA the system's roots are trusted. TLS 1.2 is the
 * least. Throws TlsFileError. CoreDNS: plugin/pkg/tls.
 */
export const secureContextFromFiles = (files: readonly string[]): SecureContext => {
  const [first, second, third] = files;
  const authority = files.length === 1 ? first : third;
  const refused = (reason: string): string => `could not load TLS cert: ${reason}`;
  const pair = second === undefined ? null : { cert: read(first as string, refused), key: read(second, refused) };
  const ca = authority === undefined ? systemRoots() : readRoots(authority);
  try {
    return createSecureContext({ minVersion: 'TLSv1.2', ...(ca !== null && { ca }), ...pair });
  } catch (cause) {
    throw new TlsFileError(refused((cause as Error).message), { cause });
  }
};
