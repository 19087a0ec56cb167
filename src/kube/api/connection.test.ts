import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeApiServer, NAMESPACES, refuse, SERVICES } from '#test/fake-api-server.ts';
import { type SourceUnderTest, startSource } from '#test/source-under-test.ts';
import { until } from '#test/until.ts';
import type { ApiConnection } from './connection.ts';
import { connectionFault } from './connection-fault.ts';

const pem = (name: string): string => fileURLToPath(new URL(`../../../test/support/tls/${name}`, import.meta.url));
const SERVICE_ACCOUNT = 'var/run/secrets/kubernetes.io/serviceaccount';

let server: FakeApiServer;
let running: SourceUnderTest | null = null;
let folder: string;

const start = (connection: ApiConnection, serviceAccountRoot = ''): SourceUnderTest => {
  running = startSource({ connection, serviceAccountRoot });
  return running;
};

/** The Authorization header of every request for Services, lists and watches. */
const credentials = (): (string | undefined)[] =>
  server.requests.filter(({ path }) => path === SERVICES).map(({ headers }) => headers.authorization);

const listenWithTls = async (requestCert = false): Promise<void> => {
  const [key, cert, ca] = await Promise.all(['server.key', 'server.crt', 'ca.crt'].map((name) => readFile(pem(name))));
  await server.stop();
  server = new FakeApiServer({ key, cert, ca, requestCert, rejectUnauthorized: requestCert } as object);
  await server.start();
};

const kubeconfig = async (cluster: object, user: object): Promise<string> => {
  const file = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: server.url, ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'main',
  };
  await writeFile(file, JSON.stringify(config));
  return file;
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'connection-'));
  server = new FakeApiServer();
  await server.start();
});

afterEach(async () => {
  await running?.source.stop();
  running = null;
  await server.stop();
  vi.useRealTimers();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe('an endpoint', () => {
  it('works over plain HTTP, with and without the scheme', async () => {
    for (const url of [server.url, `127.0.0.1:${server.port}`]) {
      const { source } = start({ kind: 'endpoint', url });
      await until(() => source.isSynced());
      await source.stop();
    }
    expect(server.requests[0]?.headers).toMatchObject({
      'user-agent': 'test',
      accept: 'application/vnd.kubernetes.protobuf, application/json',
    });
  });

  it('works over HTTPS with a client certificate, https where only `tls` says so', async () => {
    await listenWithTls(true);
    const tls = { cert: pem('client.crt'), key: pem('client.key'), ca: pem('ca.crt') };
    for (const url of [server.url, `127.0.0.1:${server.port}`]) {
      const { source } = start({ kind: 'endpoint', url, tls });
      await until(() => source.isSynced());
      await source.stop();
    }
  });

  it('says what is wrong with the address, the files or the certificate, and goes on trying', async () => {
    await listenWithTls();
    const tls = { cert: '', key: '', ca: join(folder, 'none') };
    const cases: [ApiConnection, RegExp][] = [
      [{ kind: 'endpoint', url: 'http://[' }, /"http:\/\/\[" is not the address of a server/],
      [{ kind: 'endpoint', url: server.url, tls }, /TLS files of .*ENOENT/],
      [{ kind: 'endpoint', url: server.url }, /unable to verify|self-signed|unable to get/],
    ];
    for (const [connection, message] of cases) {
      const { source, clock, lines } = start(connection);
      await until(() => clock.sleeping.size === 2);
      expect(lines.join('\n')).toMatch(message);
      await source.stop();
    }
  });
});

describe('a kubeconfig', () => {
  it('gives address, CA and token', async () => {
    await listenWithTls();
    const file = await kubeconfig({ 'certificate-authority': pem('ca.crt') }, { token: 'secret' });
    const { source } = start({ kind: 'kubeconfig', file });
    await until(() => source.isSynced());
    expect(credentials()[0]).toBe('Bearer secret');
  });

  it('may name a server with http://, a client certificate, a user with a password', async () => {
    const { source } = start({ kind: 'kubeconfig', file: await kubeconfig({}, { username: 'a', password: 'b' }) });
    await until(() => source.isSynced());
    expect(credentials()[0]).toBe(`Basic ${Buffer.from('a:b').toString('base64')}`);
    await source.stop();
    await listenWithTls(true);
    const user = { 'client-certificate': pem('client.crt'), 'client-key': pem('client.key') };
    const second = start({
      kind: 'kubeconfig',
      file: await kubeconfig({ 'certificate-authority': pem('ca.crt') }, user),
    });
    await until(() => second.source.isSynced());
  });

  it('may run a program for its credentials', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'made' },
    };
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', `console.log(${JSON.stringify(JSON.stringify(credential))})`],
    };
    const { source } = start({ kind: 'kubeconfig', file: await kubeconfig({}, { exec }) });
    await until(() => source.isSynced());
    expect(credentials()[0]).toBe('Bearer made');
  });

  it('may name a token file, relative to itself', async () => {
    await writeFile(join(folder, 'token'), 'from-file\n');
    const { source } = start({ kind: 'kubeconfig', file: await kubeconfig({}, { tokenFile: 'token' }) });
    await until(() => source.isSynced());
    expect(credentials()[0]).toBe('Bearer from-file');
  });

  it('that is missing, or lacks the context, is said, and read again later', async () => {
    const missing = start({ kind: 'kubeconfig', file: join(folder, 'kubeconfig') });
    await until(() => missing.clock.sleeping.size === 2);
    expect(missing.lines.join()).toContain('ENOENT');
    const file = await kubeconfig({}, { token: 'secret' });
    missing.clock.wake();
    await until(() => missing.source.isSynced());
    await missing.source.stop();
    const other = start({ kind: 'kubeconfig', file, context: 'other' });
    await until(() => other.clock.sleeping.size === 2);
    expect(other.lines.join()).toContain('context "other" does not exist');
  });
});

describe('in a cluster', () => {
  const mount = async (token: string): Promise<void> => {
    await mkdir(join(folder, SERVICE_ACCOUNT), { recursive: true });
    await writeFile(join(folder, SERVICE_ACCOUNT, 'ca.crt'), await readFile(pem('ca.crt')));
    await writeFile(join(folder, SERVICE_ACCOUNT, 'token'), token);
  };

  beforeEach(async () => {
    await listenWithTls();
    await mount('first');
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '127.0.0.1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', String(server.port));
  });

  it('uses the mounted CA and token', async () => {
    const { source } = start({ kind: 'in-cluster' }, `${folder}/`);
    await until(() => source.isSynced());
    expect(credentials()[0]).toBe('Bearer first');
  });

  it('reads a rotated token as soon as the server refuses the old one, with no pause', async () => {
    const { source, clock, lines } = start({ kind: 'in-cluster' }, `${folder}/`);
    await until(() => source.isSynced() && server.watches.size === 2);
    await mount('second');
    const unauthorized = refuse(401, 'Unauthorized');
    server.always(({ headers }) => headers.authorization !== 'Bearer second', unauthorized);
    for (const path of [SERVICES, NAMESPACES]) server.bookmark(path);
    for (const { response } of server.watches) response.end();
    await until(() => server.watches.size === 2 && credentials().at(-1) === 'Bearer second');
    expect(clock.pauses).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('reads the token again after a minute', async () => {
    const { source } = start({ kind: 'in-cluster' }, `${folder}/`);
    await until(() => source.isSynced() && server.watches.size === 2);
    await mount('second');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
    server.bookmark(SERVICES);
    server.watchesOf(SERVICES)[0]?.response.end();
    await until(() => credentials().length === 3);
    expect(credentials().at(-1)).toBe('Bearer second');
  });

  it('pauses where the server refuses the token that is mounted', async () => {
    server.always(() => true, refuse(401, 'Unauthorized'));
    const { clock, lines } = start({ kind: 'in-cluster' }, `${folder}/`);
    await until(() => clock.sleeping.size === 2);
    expect(server.requests).toHaveLength(2);
    expect(lines[0]).toContain('HTTP 401: Unauthorized');
  });

  it('says when this is no cluster', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
    const { clock, lines } = start({ kind: 'in-cluster' }, `${folder}/`);
    await until(() => clock.sleeping.size === 2);
    expect(lines[0]).toContain('unable to load in-cluster configuration');
  });
});

describe('connectionFault', () => {
  it('finds nothing wrong with what may be tried', async () => {
    expect(await connectionFault({ kind: 'endpoint', url: 'http://127.0.0.1:1' })).toBeNull();
    const tls = { cert: pem('client.crt'), key: pem('client.key'), ca: pem('ca.crt') };
    expect(await connectionFault({ kind: 'endpoint', url: 'https://127.0.0.1:1', tls })).toBeNull();
    expect(await connectionFault({ kind: 'kubeconfig', file: await kubeconfig({}, { token: 'x' }) })).toBeNull();
  });

  it('says in the words of client-go why a start is useless', async () => {
    const tls = { cert: '/a', key: '/b', ca: pem('ca.crt') };
    expect(await connectionFault({ kind: 'endpoint', url: 'https://127.0.0.1:1', tls })).toBe(
      'invalid configuration: [unable to read client-cert /a for  due to open /a: no such file or directory, ' +
        'unable to read client-key /b for  due to open /b: no such file or directory]',
    );
    const missing = join(folder, 'none');
    expect(await connectionFault({ kind: 'kubeconfig', file: missing })).toBe(
      `stat ${missing}: no such file or directory`,
    );
    const file = await kubeconfig({}, { token: 'x' });
    expect(await connectionFault({ kind: 'kubeconfig', file, context: 'other' })).toBe(
      'context "other" does not exist',
    );
    await writeFile(file, '{');
    expect(await connectionFault({ kind: 'kubeconfig', file })).not.toBeNull();
  });

  it('looks for the service account', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
    expect(await connectionFault({ kind: 'in-cluster' }, folder)).toMatch(/^unable to load in-cluster configuration, /);
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '127.0.0.1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', '443');
    expect(await connectionFault({ kind: 'in-cluster' }, folder)).toBe(
      'open /var/run/secrets/kubernetes.io/serviceaccount/token: no such file or directory',
    );
    await mkdir(join(folder, SERVICE_ACCOUNT), { recursive: true });
    await writeFile(join(folder, SERVICE_ACCOUNT, 'token'), 'x');
    expect(await connectionFault({ kind: 'in-cluster' }, folder)).toBeNull();
  });
});
