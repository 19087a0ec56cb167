import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { ApiConnection } from '../api/connection.ts';
import { clusterIdentity } from './cluster-identity.ts';

const filter = { hasPods: false, hasEndpointSlices: true, labelSelector: '', namespaceLabelSelector: '' };
const place = mkdtempSync(join(tmpdir(), 'cluster-dns-identity-'));
afterAll(() => rmSync(place, { recursive: true }));

const kubeconfig = (name: string, server: string): ApiConnection => {
  const file = join(place, name);
  const config = {
    'current-context': 'a',
    contexts: [{ name: 'a', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: { exec: { apiVersion: 'v1', command: '/no/such/program' } } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return { kind: 'kubeconfig', file };
};

describe('what a state is of', () => {
  it('is the server, whatever leads to it', async () => {
    const one = await clusterIdentity(kubeconfig('one', 'https://192.0.2.1:6443'), filter);
    expect(JSON.parse(one)).toMatchObject({ server: 'https://192.0.2.1:6443', pods: false });
    expect(await clusterIdentity(kubeconfig('moved', 'https://192.0.2.1:6443/'), filter)).toBe(one);
    expect(await clusterIdentity({ kind: 'endpoint', url: 'https://192.0.2.1:6443' }, filter)).toBe(one);
    expect(await clusterIdentity(kubeconfig('one', 'https://192.0.2.2:6443'), filter)).not.toBe(one);
  });

  it('is what is watched', async () => {
    const connection = { kind: 'endpoint', url: 'http://127.0.0.1:8001' } as const;
    const filters = [
      filter,
      { ...filter, hasPods: true },
      { ...filter, hasEndpointSlices: false },
      { ...filter, labelSelector: 'a=b' },
      { ...filter, namespaceLabelSelector: 'a=b' },
    ];
    const all = await Promise.all(filters.map((one) => clusterIdentity(connection, one)));
    expect(new Set(all).size).toBe(filters.length);
  });

  it('has no credentials in it, and is there where the configuration is not', async () => {
    expect(await clusterIdentity({ kind: 'endpoint', url: 'https://me:secret@192.0.2.1' }, filter)).not.toContain(
      'secret',
    );
    expect(await clusterIdentity({ kind: 'kubeconfig', file: join(place, 'none') }, filter)).toContain('"server":""');
  });
});
