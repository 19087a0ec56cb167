import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeApiServer, NODES, refuse, SERVICE_CIDRS, SERVICES, SLICES } from '#test/fake-api-server.ts';
import { until } from '#test/until.ts';
import { readCluster } from './cluster.ts';
import { ProxyFault } from './fault.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-proxy-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

const faultsOf = (reading: Promise<unknown>): Promise<readonly string[]> =>
  reading.then(
    () => [],
    (error: unknown) => {
      if (error instanceof ProxyFault) return error.lines;
      throw error;
    },
  );
const service = (name: string) => ({
  metadata: { name, namespace: 'default' },
  spec: { clusterIP: '10.96.0.7', ports: [{ port: 80 }] },
});

describe('a cluster of manifests', () => {
  it('is read whole, in an order that files do not change', async () => {
    const text = (name: string) =>
      `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {ports: [{port: 80}]}\n`;
    writeFileSync(join(directory, '1.yaml'), text('b'));
    writeFileSync(join(directory, '2.yaml'), text('a'));
    const { objects, faults } = await readCluster({ kind: 'manifests', directories: [directory] });
    expect(objects.map(({ kind, name }) => `${kind} ${name}`).filter((text) => text.startsWith('Service'))).toEqual([
      'Service a',
      'Service b',
    ]);
    expect(faults).toEqual([]);
  });

  it('with a fault gives its place, and all the rest', async () => {
    writeFileSync(join(directory, 'a.yaml'), 'kind: Service\nspec: [\n');
    const { faults } = await readCluster({ kind: 'manifests', directories: [directory] });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`${join(directory, 'a.yaml')}:`);
  });

  it('that is not there is refused', async () => {
    const missing = join(directory, 'none');
    expect(await faultsOf(readCluster({ kind: 'manifests', directories: [missing] }))).toEqual([
      `${missing} is not a directory`,
    ]);
  });
});

describe('a cluster behind a kubeconfig', () => {
  let api: FakeApiServer;
  beforeEach(async () => {
    api = new FakeApiServer();
    await api.start();
  });
  afterEach(() => api.stop());

  const kubeconfig = (server: string): string => {
    const file = join(directory, 'config');
    const cluster = { name: 'c', cluster: { server } };
    const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
    writeFileSync(
      file,
      JSON.stringify({
        clusters: [cluster],
        contexts: [context],
        users: [{ name: 'u', user: {} }],
        'current-context': 'x',
      }),
    );
    return file;
  };

  it('is listed once, and left', async () => {
    api.put(SERVICES, service('web'));
    api.put(NODES, { metadata: { name: 'node-1' } });
    const { objects } = await readCluster({ kind: 'kubeconfig', file: kubeconfig(api.url) });
    expect(objects.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['Node node-1', 'Service web']);
    await until(() => api.connections === 0, 'its connections to be closed');
  });

  it('that refuses is told in its own words', async () => {
    api.always(({ path }) => path === SLICES, refuse(403, 'endpointslices is forbidden'));
    const file = kubeconfig(api.url);
    const faults = await faultsOf(readCluster({ kind: 'kubeconfig', file }));
    expect(faults[0]).toMatch(new RegExp(`^--kubeconfig ${file}: failed to list .*endpointslices is forbidden`));
  });

  it('that keeps Nodes and ServiceCIDRs to itself is read all the same, and it is said', async () => {
    for (const kept of [NODES, SERVICE_CIDRS]) api.always(({ path }) => path === kept, refuse(403, 'is forbidden'));
    api.put(SERVICES, service('web'));
    const { objects, notes } = await readCluster({ kind: 'kubeconfig', file: kubeconfig(api.url) });
    expect(objects.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['Service web']);
    expect(notes.join('\n')).toMatch(/failed to list .*nodes/i);
  });

  it('that is away ends the wait', async () => {
    await api.stop();
    const faults = await faultsOf(readCluster({ kind: 'kubeconfig', file: kubeconfig(api.url) }));
    expect(faults.join('\n')).toMatch(/failed to list .*ECONNREFUSED/);
  });

  it('that never answers is given up in time', async () => {
    api.always(
      ({ path }) => path === SERVICES,
      () => true,
    );
    const faults = await faultsOf(readCluster({ kind: 'kubeconfig', file: kubeconfig(api.url) }, 300));
    expect(faults[0]).toContain('has not been listed in 0.3 s');
  });

  it('of the Pod can not be read outside of one', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
    expect(await faultsOf(readCluster({ kind: 'in-cluster' }))).toEqual([
      expect.stringMatching(/^the cluster of this Pod: unable to load in-cluster configuration/),
    ]);
  });

  it('can not be read without its file', async () => {
    const file = join(directory, 'none');
    expect(await faultsOf(readCluster({ kind: 'kubeconfig', file }))).toEqual([
      `--kubeconfig ${file}: stat ${file}: no such file or directory`,
    ]);
  });
});
