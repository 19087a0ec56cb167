import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCluster } from '#kube/manifests/load.ts';
import { CapturedIo } from '#test/captured-io.ts';
import { runManifests } from './manifests.ts';
import { runPod } from './pod.ts';

let directory: string;
let io: CapturedIo;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'manifests-cli-'));
  io = new CapturedIo();
});
afterEach(() => rmSync(directory, { recursive: true }));

const documents = () => loadAll(io.out) as { kind: string; metadata: { name: string; namespace?: string } }[];

describe('cluster-dns manifests', () => {
  it('prints every object of the examples once, completed, and nothing to complain about', async () => {
    expect(await runManifests(['examples'], io)).toBe(0);
    expect(io.err).toBe('');
    const keys = documents().map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.filter((key) => key.startsWith('Endpoints '))).toEqual([]);
    expect(keys.filter((key) => key.startsWith('EndpointSlice default/my-service'))).toHaveLength(1);
    expect(keys.slice(0, 3)).toEqual(['Namespace /default', 'Namespace /kube-system', 'Namespace /prod']);
  });

  it('prints what means the same when it is read again', async () => {
    await runManifests(['examples'], io);
    mkdirSync(join(directory, 'again'));
    writeFileSync(join(directory, 'again', 'all.yaml'), io.out);
    const { faults, ...again } = loadCluster([join(directory, 'again')]);
    const { faults: _, ...first } = loadCluster(['examples']);
    expect(faults).toEqual([]);
    expect(again).toEqual(first);
  });

  it('reports a fault, prints the rest, and ends with 1', async () => {
    writeFileSync(join(directory, 'a.yaml'), 'a: [\n');
    writeFileSync(join(directory, 'b.yaml'), 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n');
    expect(await runManifests([directory], io)).toBe(1);
    expect(io.err).toContain(`${join(directory, 'a.yaml')}:`);
    expect(documents().map(({ metadata }) => metadata.name)).toContain('shop');
  });

  it('allots from the ranges that are given', async () => {
    writeFileSync(
      join(directory, 'a.yaml'),
      'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n',
    );
    expect(await runManifests([directory, '-service-cidr', '10.43.0.0/16'], io)).toBe(0);
    expect(io.out).toMatch(/clusterIP: 10\.43\./);
  });

  it('ends with 2 and says how to use it when the arguments are wrong', async () => {
    expect(await runManifests([], io)).toBe(2);
    expect(await runManifests(['examples', '--service-cidr', '10.0.0.0'], io)).toBe(2);
    expect(await runManifests(['--nope'], io)).toBe(2);
    expect(io.err).toContain('--service-cidr 10.0.0.0 is not a range of addresses');
    expect(io.err).toContain('usage: cluster-dns manifests');
  });
});

describe('cluster-dns pod', () => {
  it('prints resolv.conf and the Service variables of a Pod', async () => {
    const resolvConf = join(directory, 'resolv.conf');
    writeFileSync(resolvConf, 'nameserver 192.0.2.1\nsearch corp.example\n');
    expect(await runPod(['default/busybox1', '-manifests', 'examples', '--resolv-conf', resolvConf], io)).toBe(0);
    expect(io.out).toContain(
      '# /etc/resolv.conf\nsearch default.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    expect(io.out).toContain('\nKUBERNETES_SERVICE_HOST=10.96.0.1\n');
    expect(io.out).toContain('\nHELLO_WORLD_PORT_80_TCP=tcp://10.96.77.44:80\n');
    expect(io.out).not.toContain('NGINX_SERVICE_HOST');
    expect(io.err).toBe('');
  });

  it('takes the settings of kubelet, and tells of its warnings on stderr', async () => {
    const resolvConf = join(directory, 'none');
    const flags = ['--cluster-dns=169.254.20.10,10.0.0.1', '--cluster-dns', '10.0.0.2', '--cluster-dns', '10.0.0.3'];
    expect(await runPod(['busybox1', '--cluster-domain', 'corp.', '--resolv-conf', resolvConf, ...flags], io)).toBe(0);
    expect(io.out).toContain(
      'search default.svc.corp svc.corp corp\nnameserver 169.254.20.10\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions',
    );
    expect(io.err).toContain('# Warning DNSConfigForming: Nameserver limits were exceeded');
    expect(io.err).toContain(`# ${resolvConf}: there is no such file`);
  });

  it('names Pods that there are when there is none of that name', async () => {
    expect(await runPod(['shop/busybox1'], io)).toBe(1);
    expect(io.err).toBe('cluster-dns pod: there is no Pod shop/busybox1 in examples; there is default/busybox1\n');
  });

  it('ends with 2 when the arguments are wrong', async () => {
    expect(await runPod([], io)).toBe(2);
    expect(await runPod(['a/b', '--cluster-dns', 'x'], io)).toBe(2);
    expect(io.err).toContain('--cluster-dns x is not an IP address');
  });
});
