/** Manifests that are wrong, in a whole server: each is told of with its place, and all else is served. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { startServer, type TestServer } from '#test/server.ts';
import { until } from '#test/until.ts';

const COREFILE = '. {\n    errors\n    kubernetes cluster.local\n    cache 30\n}\n';
const service = (name: string, ip: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {clusterIP: ${ip}, ports: [{port: 80}]}\n`;

let directory: string;
let server: TestServer | null;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-bad-'));
  server = null;
  writeFileSync(join(directory, 'good.yaml'), service('good', '10.96.0.9'));
});
afterEach(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true });
});

const start = async (manifests = directory): Promise<TestServer> => {
  server = await startServer({ corefile: COREFILE, manifests });
  return server;
};
/** The RCODE for a Service, with the number of its addresses. */
const answer = async (name: string): Promise<string> => {
  const reply = await (server as TestServer).query(`${name}.default.svc.cluster.local.`, 'A');
  return `${rcodeName(reply.rcode)} ${reply.answer.length}`;
};
const loggedOf = (file: string): string[] => (server?.logLines ?? []).filter((line) => line.includes(file));

const cases: readonly (readonly [title: string, file: string, text: string, place: string, message: string])[] = [
  ['is not YAML', 'odd.yaml', 'kind: Service\nspec: [1, 2\n', ':', 'not YAML'],
  ['is binary', 'odd.yaml', '\u0000\u0001\u0002', ':1:1:', 'not YAML'],
  ['is prose', 'odd.yaml', 'Dear reader\n', ':1:1:', 'is not an object'],
  [
    'has a Service without a name',
    'odd.yaml',
    'apiVersion: v1\nkind: Service\nmetadata: {}\nspec: {clusterIP: 10.96.0.8}\n',
    ':3:1:',
    'this Service has no name',
  ],
  ['has 10 MB', 'odd.yaml', `${service('odd', '10.96.0.7')}#${'x'.repeat(10_000_000)}`, ':', 'bytes are more than'],
  ['is JSON cut short', 'odd.json', '{"apiVersion": "v1", "kind": "Service", ', ':', 'not YAML'],
  ['nests a thousand deep', 'odd.yaml', `a: ${'['.repeat(1000)}${']'.repeat(1000)}\n`, ':', 'not YAML'],
];

describe('a manifest that', () => {
  it.each(cases)('%s is told of with its place, and the rest is served', async (_title, file, text, place, message) => {
    writeFileSync(join(directory, file), text);
    await start();
    expect(await answer('good')).toBe('NOERROR 1');
    expect(await answer('odd')).toBe('NXDOMAIN 0');
    const lines = loggedOf(file);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`${join(directory, file)}${place}`);
    expect(lines[0]).toContain(message);
  });

  it.each(
    cases,
  )('%s does no harm where it comes later, and is served once it is mended', async (_title, file, text) => {
    await start();
    writeFileSync(join(directory, file), text);
    await until(() => loggedOf(file).length > 0, 'a line about it');
    expect(await answer('good')).toBe('NOERROR 1');
    expect(await answer('odd')).toBe('NXDOMAIN 0');
    writeFileSync(join(directory, file), service('odd', '10.96.0.7'));
    await until(async () => (await answer('odd')) === 'NOERROR 1', 'the mended Service');
  });
});

describe('the volume of a ConfigMap', () => {
  /** As kubelet does it: a directory of its own, and one rename of a link. */
  const swap = (volume: string, version: string, text: string): void => {
    mkdirSync(join(volume, `..${version}`));
    writeFileSync(join(volume, `..${version}`, 'all.yaml'), text);
    symlinkSync(`..${version}`, join(volume, '..next'));
    renameSync(join(volume, '..next'), join(volume, '..data'));
  };

  it('is served anew after each swap, through a broken version and after it', async () => {
    const volume = join(directory, 'volume');
    mkdirSync(volume);
    swap(volume, 'v1', service('one', '10.96.0.1'));
    symlinkSync(join('..data', 'all.yaml'), join(volume, 'all.yaml'));
    await start(volume);
    expect(await answer('one')).toBe('NOERROR 1');
    expect(await answer('two')).toBe('NXDOMAIN 0');
    swap(volume, 'v2', service('two', '10.96.0.2'));
    // Both are in the cache by now: the change itself has to drop them.
    await until(async () => (await answer('two')) === 'NOERROR 1', 'the second version');
    expect(await answer('one')).toBe('NXDOMAIN 0');
    swap(volume, 'v3', 'kind: [\n');
    await until(() => loggedOf('all.yaml').length > 0, 'a line about the third');
    expect(await answer('two')).toBe('NOERROR 1');
    rmSync(join(volume, '..v2'), { recursive: true });
    swap(volume, 'v4', service('three', '10.96.0.3'));
    await until(async () => (await answer('three')) === 'NOERROR 1', 'the fourth version');
    expect(await answer('two')).toBe('NXDOMAIN 0');
  });
});
