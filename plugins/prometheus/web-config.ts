import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { createSecureContext, type TLSSocket } from 'node:tls';
import type { EndpointTls } from '#http-endpoint/endpoint.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Kinds of client_auth_type: whether a certificate is asked for, and which clients may stay. */
const CLIENT_AUTH: Readonly<
  Record<string, { requestCert: boolean; rejectUnauthorized: boolean; accepts: (socket: TLSSocket) => boolean }>
> = {
  NoClientCert: { requestCert: false, rejectUnauthorized: false, accepts: () => true },
  RequestClientCert: { requestCert: true, rejectUnauthorized: false, accepts: () => true },
  RequireAnyClientCert: { requestCert: true, rejectUnauthorized: false, accepts: (socket) => hasCertificate(socket) },
  VerifyClientCertIfGiven: {
    requestCert: true,
    rejectUnauthorized: false,
    accepts: (socket) => socket.authorized || !hasCertificate(socket),
  },
  RequireAndVerifyClientCert: { requestCert: true, rejectUnauthorized: true, accepts: () => true },
};

const VERSIONS: Readonly<Record<string, 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'>> = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
};

const KNOWN = ['cert_file', 'key_file', 'client_auth_type', 'client_ca_file', 'min_version', 'max_version'];

const hasCertificate = (socket: TLSSocket): boolean => Object.keys(socket.getPeerCertificate() ?? {}).length > 0;

/**
 * Reads the web configuration file of Prometheus's exporters, as far as it is about TLS. Null where it asks for none. Rejects, naming
 * the file, where it can't be read or asks for what is not here (passwords, for one).
 */
export const readWebConfig = async (file: string): Promise<EndpointTls | null> => {
  const fail = (why: string): Error => new Error(`web configuration ${file}: ${why}`);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw fail(error.code === 'ENOENT' ? 'no such file' : error.message);
  });
  // Few have such a file; a start without it need not load the reader of YAML.
  const { load } = await import('js-yaml');
  let whole: unknown;
  try {
    whole = text.trim() === '' ? {} : (load(text) ?? {});
  } catch (error) {
    throw fail(error instanceof Error ? error.message : String(error));
  }
  if (!isFields(whole)) throw fail('is not a YAML mapping');
  const unknown = Object.keys(whole).find((key) => key !== 'tls_server_config');
  if (unknown !== undefined) throw fail(`${unknown} is not supported: only tls_server_config is`);
  const tls = whole.tls_server_config;
  if (tls === undefined || tls === null) return null;
  if (!isFields(tls)) throw fail('tls_server_config is not a mapping');
  return readTls(tls, dirname(file), fail);
};

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const readTls = async (tls: Fields, directory: string, fail: (why: string) => Error): Promise<EndpointTls> => {
  const stray = Object.keys(tls).find((key) => !KNOWN.includes(key));
  if (stray !== undefined) throw fail(`tls_server_config: ${stray} is not supported`);
  const text = (key: string): string => {
    const value = tls[key] ?? '';
    if (typeof value !== 'string') throw fail(`${key} is not a text`);
    return value;
  };
  const read = (key: string): Promise<Buffer> =>
    readFile(resolve(directory, text(key))).catch((error: Error) => {
      throw fail(`${key}: ${error.message}`);
    });
  if (text('cert_file') === '') throw fail('missing cert_file');
  if (text('key_file') === '') throw fail('missing key_file');
  const auth = CLIENT_AUTH[text('client_auth_type') || 'NoClientCert'];
  if (auth === undefined) throw fail(`invalid client_auth_type: ${text('client_auth_type')}`);
  const { accepts, requestCert, rejectUnauthorized } = auth;
  const version = (key: 'min_version' | 'max_version', fallback: 'TLSv1.2' | 'TLSv1.3') => {
    const found = text(key) === '' ? fallback : VERSIONS[text(key)];
    if (found === undefined) throw fail(`invalid ${key}: ${text(key)}`);
    return found;
  };
  const options = {
    cert: await read('cert_file'),
    key: await read('key_file'),
    requestCert,
    rejectUnauthorized,
    minVersion: version('min_version', 'TLSv1.2'),
    maxVersion: version('max_version', 'TLSv1.3'),
    ...(text('client_ca_file') === '' ? {} : { ca: await read('client_ca_file') }),
  };
  try {
    // A certificate or key that can't be used is to stop the start, not the first handshake.
    createSecureContext(options);
  } catch (error) {
    throw fail(error instanceof Error ? error.message : String(error));
  }
  return { options, accepts };
};
