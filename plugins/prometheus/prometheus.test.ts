import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { wireNameFromText } from '#dns/name.ts';
import { addressRecord } from '#dns/record.ts';
import { HttpEndpoint } from '#http-endpoint/endpoint.ts';
import { Additions } from '#metrics/cells.ts';
import { Metrics } from '#metrics/metrics.ts';
import { countOn } from '#metrics/testing.ts';
import { Answer, DROP, failure, type Instance, type Query, type Reply, SharedResources } from '#plugin/index.ts';
import { setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import prometheus from './index.ts';

class KnownResources extends SharedResources {
  readonly endpoints: HttpEndpoint[] = [];
  override claim<T extends { close(): void | Promise<void> }>(key: string, create: () => T) {
    const lease = super.claim(key, create);
    if (lease.value instanceof HttpEndpoint) this.endpoints.push(lease.value);
    return lease;
  }
}

const running: Instance[] = [];
const directories: string[] = [];
afterEach(async () => {
  for (const instance of running.splice(0)) await instance.stop?.();
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

const layer: Instance = { handle: (query, next) => next(query) };
const ANSWER = new Answer({
  answer: [addressRecord(wireNameFromText('example.org.'), 5, Uint8Array.of(1, 2, 3, 4))],
});

const setup = (stanza: string, shared = new KnownResources(), metrics = new Metrics()) => {
  const services = testServices({ shared, metrics, version: '1.2.3' });
  const instances = new Map<string, Instance>();
  const made = setupPlugin(prometheus, stanza, { services, instances });
  const { instance, block } = made;
  if (instance === null) throw new Error('not set up');
  running.push(instance);
  instances.set('health', {});
  instances.set('prometheus', instance);
  instances.set('errors', layer);
  (block.pluginNames as string[]).splice(0, 1, 'health', 'prometheus', 'errors', 'cache');
  const pass = (query: Query, reply: Reply): Reply | Promise<Reply> | undefined =>
    instance.handle?.(query, () => reply);
  const lines = async (): Promise<string[]> => (await metrics.render()).split('\n');
  return { ...made, instance, pass, lines, shared, metrics };
};
const messages = (stanza: string): string[] =>
  setupPlugin(prometheus, stanza).faults.list.map(({ message }) => message);

describe('prometheus counting', () => {
  it('counts a query and its reply, and makes no promise', async () => {
    const { instance, pass, lines } = setup('prometheus 127.0.0.1:0');
    await instance.start?.();
    expect(pass(testQuery('example.org.', 'A', { isDnssecOk: true }), ANSWER)).toBe(ANSWER);
    const site = 'server="dns://:53",view="",zone="."';
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'coredns_dns_requests_total{family="1",proto="udp",server="dns://:53",type="A",view="",zone="."} 1',
        'coredns_dns_responses_total{plugin="errors",rcode="NOERROR",server="dns://:53",view="",zone="."} 1',
        `coredns_dns_do_requests_total{${site}} 1`,
        `coredns_dns_response_size_bytes_sum{proto="udp",${site}} 56`,
        `coredns_dns_request_duration_seconds_count{${site}} 1`,
      ]),
    );
  });

  it.each([
    ['a bare error of the core', failure(2), 'plugin="",rcode="SERVFAIL"'],
    ['no reply', DROP, 'plugin="",rcode="NOERROR"'],
    ['an error that a plugin wrote', new Answer({ rcode: 3 }), 'plugin="errors",rcode="NXDOMAIN"'],
  ])('counts %s', async (_what, reply, labels) => {
    const { instance, pass, metrics } = setup('prometheus 127.0.0.1:0');
    await instance.start?.();
    pass(testQuery('example.org.', 'A'), reply);
    expect(await metrics.render()).toContain(`coredns_dns_responses_total{${labels},`);
  });

  it('counts a reply that comes later', async () => {
    const { instance, metrics } = setup('prometheus 127.0.0.1:0');
    await instance.start?.();
    await instance.handle?.(testQuery('example.org.', 'A', { transport: 'tcp' }), async () => ANSWER);
    expect(await metrics.render()).toMatch(/coredns_dns_requests_total\{family="1",proto="tcp".*\} 1\n/);
  });

  it('does not count a query whose plugin breaks: the core does', async () => {
    const { instance, metrics } = setup('prometheus 127.0.0.1:0');
    await instance.start?.();
    const broken = (): never => {
      throw new Error('broken');
    };
    expect(() => instance.handle?.(testQuery('example.org.', 'A'), broken)).toThrow('broken');
    expect(await metrics.render()).not.toContain('coredns_dns_requests_total{');
  });

  it('keeps zones apart', async () => {
    const { instance, pass, metrics } = setup('prometheus 127.0.0.1:0');
    await instance.start?.();
    for (const zone of ['a.', 'b.', 'a.']) pass(testQuery(`x.${zone}`, 'A', { zone }), ANSWER);
    const text = await metrics.render();
    expect(text).toContain('type="A",view="",zone="a."} 2\n');
    expect(text).toContain('type="A",view="",zone="b."} 1\n');
  });

  it('leaves a tally that counts a repeated reply as the chain would have', async () => {
    const slow = setup('prometheus 127.0.0.1:0');
    const fast = setup('prometheus 127.0.0.1:0');
    await slow.instance.start?.();
    await fast.instance.start?.();
    slow.pass(testQuery('example.org.', 'A'), ANSWER);
    slow.pass(testQuery('example.org.', 'A', { transport: 'tcp', isDnssecOk: true, address: '::1' }), ANSWER);
    const first = testQuery('example.org.', 'A');
    fast.pass(first, ANSWER);
    const repeated = { requestOctets: first.request.octets, isTcp: true, isIPv6: true, isDnssecOk: true };
    const additions = new Additions();
    for (const tally of first.provenance.tallies) tally.note(repeated, additions);
    countOn(fast.metrics.cells, 1, additions);
    const counted = async (lines: () => Promise<string[]>): Promise<string[]> =>
      (await lines()).filter((line) => /^coredns_dns_/.test(line) && !/duration_seconds_(?:bucket|sum)/.test(line));
    const expected = await counted(slow.lines);
    expect(expected.length).toBeGreaterThan(20);
    expect(await counted(fast.lines)).toEqual(expected);
  });

  it('leaves no tally where the reply must not be repeated', async () => {
    const { instance, pass } = setup('prometheus 127.0.0.1:0');
    await instance.start?.();
    const query = testQuery('example.org.', 'A');
    query.provenance.forbid();
    pass(query, ANSWER);
    expect(query.provenance.tallies).toEqual([]);
  });
});

describe('prometheus exposing', () => {
  it('serves /metrics with the Content-Type of CoreDNS, packed where the client takes that', async () => {
    const { instance, shared } = setup('prometheus 127.0.0.1:0');
    await instance.start?.();
    const url = `http://127.0.0.1:${shared.endpoints[0]?.port}`;
    const response = await fetch(`${url}/metrics`, { headers: { 'accept-encoding': 'gzip' } });
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8; escaping=underscores');
    expect(response.headers.get('content-encoding')).toBe('gzip');
    const text = await response.text();
    expect(text).toContain(`coredns_build_info{goversion="node${process.version}",revision="",version="1.2.3"} 1\n`);
    expect(text).toContain('coredns_panics_total 0\n');
    expect(text).toContain('process_resident_memory_bytes ');
    expect(text).toContain('nodejs_heap_size_used_bytes ');
    const plain = await fetch(`${url}/metrics`, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect((await fetch(`${url}/`)).status).toBe(404);
  });

  it('tells which plugins see queries, until their last configuration is gone', async () => {
    const first = setup('prometheus 127.0.0.1:0');
    await first.instance.start?.();
    const enabled = async (): Promise<string[]> =>
      (await first.lines()).filter((line) => line.startsWith('coredns_plugin_enabled'));
    const expected = ['errors', 'prometheus'].map(
      (name) => `coredns_plugin_enabled{name="${name}",server="dns://:53",view="",zone="."} 1`,
    );
    expect(await enabled()).toEqual(expected);
    const second = setup('prometheus 127.0.0.1:0', first.shared, first.metrics);
    await second.instance.start?.();
    await first.instance.stop?.();
    expect(await enabled()).toEqual(expected);
    await second.instance.stop?.();
    expect(await enabled()).toEqual([]);
  });

  it.each([
    ['prometheus /foo', 'address /foo: missing port in address'],
    ['prometheus a b c', "Error during parsing: Wrong argument count or unexpected line ending after 'c'"],
    [
      'prometheus {\n runtime_metrics x\n}',
      "Error during parsing: Wrong argument count or unexpected line ending after 'x'",
    ],
    ['prometheus {\n tls a\n tls b\n}', 'tls block already specified'],
    ['prometheus {\n tsl a\n}', 'unknown option: tsl'],
    ['prometheus\nprometheus', 'this plugin can only be used once per Server Block'],
  ])('refuses %j', (stanza, message) => {
    expect(messages(stanza)).toEqual([message]);
  });
});

describe('prometheus { tls }', () => {
  const TLS = join(import.meta.dirname, '../../test/support/tls');
  const configFile = async (text: string): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'cluster-dns-web-'));
    directories.push(directory);
    const file = join(directory, 'web.yml');
    writeFileSync(file, text);
    return file;
  };
  const CERTIFICATE = `cert_file: ${TLS}/server.crt\n  key_file: ${TLS}/server.key`;
  const ca = readFileSync(join(TLS, 'ca.crt'));
  const client = { cert: readFileSync(join(TLS, 'client.crt')), key: readFileSync(join(TLS, 'client.key')) };
  const ask = (port: number, options: object = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path: '/metrics', ca, agent: false, ...options }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
      });
      asked.once('error', reject);
      asked.end();
    });
  const start = async (text: string): Promise<number> => {
    const { instance, shared } = setup(`prometheus 127.0.0.1:0 {\n tls ${await configFile(text)}\n}`);
    await instance.start?.();
    return shared.endpoints[0]?.port ?? 0;
  };

  it('serves HTTPS and no plain HTTP', async () => {
    const port = await start(`tls_server_config:\n  ${CERTIFICATE}\n`);
    expect(await ask(port)).toBe(200);
    await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
  });

  it.each([
    ['RequireAnyClientCert', false, true],
    ['RequireAndVerifyClientCert', false, true],
    ['VerifyClientCertIfGiven', true, true],
  ])('with %s takes a client without a certificate: %s, with one: %s', async (type, withoutOne, withOne) => {
    const port = await start(
      `tls_server_config:\n  ${CERTIFICATE}\n  client_auth_type: ${type}\n  client_ca_file: ${TLS}/ca.crt\n`,
    );
    const isAnswered = (options?: object): Promise<boolean> =>
      ask(port, options).then(
        () => true,
        () => false,
      );
    expect([await isAnswered(), await isAnswered(client)]).toEqual([withoutOne, withOne]);
  });

  it('is plain HTTP where the file asks for nothing', async () => {
    const port = await start('');
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(200);
  });

  it.each([
    ['a list', '- 1', 'is not a YAML mapping'],
    ['passwords', 'basic_auth_users: {a: b}', 'basic_auth_users is not supported'],
    ['no certificate', 'tls_server_config: {key_file: x}', 'missing cert_file'],
    ['no key', 'tls_server_config: {cert_file: x}', 'missing key_file'],
    ['a file that is not there', 'tls_server_config: {cert_file: x, key_file: y}', 'cert_file: ENOENT'],
    ['an unknown client_auth_type', 'tls_server_config: {cert_file: x, key_file: y, client_auth_type: z}', 'invalid'],
  ])('does not start with %s', async (_what, text, message) => {
    await expect(start(text)).rejects.toThrow(message);
  });

  it('does not start without its file', async () => {
    const { instance } = setup('prometheus 127.0.0.1:0 {\n tls /nowhere/web.yml\n}');
    await expect(instance.start?.()).rejects.toThrow('web configuration /nowhere/web.yml: no such file');
  });
});
