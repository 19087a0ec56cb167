import { readFileSync } from 'node:fs';

/** Where distributions keep the roots they trust: Debian, Fedora, SUSE, OpenELEC, RHEL, Alpine (as Go's crypto/x509 looks for them). */
const FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** The system's trusted roots in PEM, or null: Node.js then trusts the roots it was built with. `SSL_CERT_FILE` goes before all. */
export const systemRoots = (environment: NodeJS.ProcessEnv = process.env): string | null => {
  const named = environment.SSL_CERT_FILE;
  for (const file of named ? [named] : FILES) {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return null;
};
