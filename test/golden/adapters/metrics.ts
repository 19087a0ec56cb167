import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCorefile } from '#corefile/parser.ts';
import { type Directive, Faults } from '#corefile/tree.ts';
import { HttpEndpoint } from '#http-endpoint/endpoint.ts';
import { Metrics } from '#metrics/metrics.ts';
import { Answer, type Instance, SharedResources } from '#plugin/index.ts';
import { setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import prometheus from '#plugins/prometheus/index.ts';
import { readOptions } from '#plugins/prometheus/options.ts';
import { readWebConfig } from '#plugins/prometheus/web-config.ts';
import { TLS_FILES } from '#test/fake-upstream.ts';
import { type Adapter, type Outcome, tablesOf } from '../adapter.ts';
import { liveFamilies } from '../live-families.ts';
import { compared, passedOver, replaySetup } from '../setup-rows.ts';

type Row = Readonly<Record<string, unknown>>;

const parsed = (row: Row, name: string): Outcome => {
  const stanza = String(row.input);
  // CoreDNS's lexer takes `{}` for a word, which then is the address.
  return replaySetup(prometheus, { name, stanza, isRefused: row.shouldErr === true }, () => {
    const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${stanza}\n}\n` });
    const { address } = readOptions(corefile.blocks[0]?.directives[0] as Directive, new Faults());
    return [address, row.addr];
  });
};

/** One more query for each row, as in the Go test. */
const counted = (cases: readonly Row[], test: string): Promise<Outcome[]> => {
  const metrics = new Metrics();
  const instances = new Map<string, Instance>();
  const { instance } = setupPlugin(prometheus, 'prometheus', { services: testServices({ metrics }), instances });
  return Promise.all(
    cases.map(async (row, i) => {
      instance?.handle?.(testQuery(String(row.qname), 'A'), () => new Answer({}));
      const line = new RegExp(`^${String(row.metric)}\\{.*\\} (\\d+)$`, 'm');
      // Rendering reads the counters before the next row counts.
      const text = metrics.render();
      return compared(`${test} ${i}`, line.exec(await text)?.[1], row.expectedValue);
    }),
  );
};

/** The configurations that the Go test keeps as files, by their names. */
const WEB_CONFIGS: Readonly<Record<string, string>> = {
  'empty.yml': '',
  'junk.yml': 'hWkNKCp3fvIx3jKnsaBI\nTuEjdwNS8A2vYdFbiKqr\n',
  'keyPath_empty.yml': `tls_server_config: {cert_file: "${TLS_FILES.cert}", key_file: ""}`,
  'certPath_empty.yml': `tls_server_config: {cert_file: "", key_file: "${TLS_FILES.key}"}`,
  'keyPath_invalid.yml': `tls_server_config: {cert_file: "${TLS_FILES.cert}", key_file: "somefile"}`,
  'certPath_invalid.yml': `tls_server_config: {cert_file: "somefile", key_file: "${TLS_FILES.key}"}`,
  'valid_verifyclientcertifgiven.yml': `tls_server_config: {cert_file: "${TLS_FILES.cert}", key_file: "${TLS_FILES.key}", client_auth_type: VerifyClientCertIfGiven, client_ca_file: "${TLS_FILES.ca}"}`,
  'valid_requireanyclientcert.yml': `tls_server_config: {cert_file: "${TLS_FILES.cert}", key_file: "${TLS_FILES.key}", client_auth_type: RequireAnyClientCert}`,
};

/** True where GET / has a reply of any status but 400, with which a TLS server may refuse plain HTTP. */
const isAnswered = (port: number, row: Row): Promise<boolean> =>
  new Promise((resolve) => {
    const pair = { cert: readFileSync(TLS_FILES.cert), key: readFileSync(TLS_FILES.key) };
    const where = { host: '127.0.0.1', port, path: '/metrics', agent: false };
    const asked =
      row.UseTLSClient === true
        ? httpsRequest({ ...where, ca: readFileSync(TLS_FILES.ca), ...(row.clientCertificate === true ? pair : {}) })
        : httpRequest(where);
    asked.once('error', () => resolve(false));
    asked.once('response', (response) => {
      response.resume();
      resolve(response.statusCode !== 400);
    });
    asked.end();
  });

const served = async (row: Row, name: string): Promise<Outcome> => {
  const directory = await mkdtemp(join(tmpdir(), 'cluster-dns-web-'));
  const file = String(row.tlsConfigPath).split('/').at(-1) ?? '';
  if (WEB_CONFIGS[file] !== undefined) writeFileSync(join(directory, file), WEB_CONFIGS[file]);
  let endpoint: HttpEndpoint | null = null;
  const found = { startupError: false, requestError: false };
  try {
    endpoint = new HttpEndpoint('127.0.0.1:0', file === '' ? null : await readWebConfig(join(directory, file)));
    await endpoint.open();
    found.requestError = !(await isAnswered(endpoint.port, row));
  } catch {
    found.startupError = true;
  } finally {
    await endpoint?.close();
    rmSync(directory, { recursive: true });
  }
  return compared(name, found, { startupError: row.expectStartupError, requestError: row.expectRequestError });
};

/** Both are about what CoreDNS's recorder takes from a reply: its RCODE and its size. */
const recorded = async ({ msg }: Row, name: string): Promise<Outcome> => {
  const { rcode } = msg as { rcode: string };
  const metrics = new Metrics();
  const services = testServices({ metrics, shared: new SharedResources() });
  const { instance } = setupPlugin(prometheus, 'prometheus', { services });
  instance?.handle?.(testQuery('a.example.org.', 'A'), () => new Answer({ rcode: rcode === 'NXDOMAIN' ? 3 : 0 }));
  const text = await metrics.render();
  const found = { rcode: /rcode="(\w+)"/.exec(text)?.[1], size: /response_size_bytes_sum\{.*\} (\d+)/.exec(text)?.[1] };
  return compared(name, found, { rcode, size: '31' });
};

const replayTables = async (data: unknown): Promise<Outcome[]> => {
  const outcomes: Outcome[] = [];
  for (const { test, cases } of tablesOf(data)) {
    if (test === 'TestMetrics') {
      outcomes.push(...(await counted(cases, test)));
      continue;
    }
    for (const [i, row] of cases.entries()) {
      const name = `${test} ${i}`;
      if (test === 'TestPrometheusParse') outcomes.push(parsed(row, name));
      else if (test === 'TestMetricsTLS') outcomes.push(await served(row, name));
      else if (test === 'TestRecorder_WriteMsg') outcomes.push(await recorded(row, name));
      else outcomes.push(passedOver(name, "the row counts on a text in the Go test's memory, not on a case"));
    }
  }
  return outcomes;
};

const adapter: Adapter = {
  files: ['metrics.json', 'metrics-setup.json', 'live-metrics.txt'],
  replay: (file, data) => (file === 'live-metrics.txt' ? liveFamilies(String(data)) : replayTables(data)),
};
export default adapter;
