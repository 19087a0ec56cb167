import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Log } from '#log/log.ts';
import { ManifestSource, type ManifestSourceOptions } from './manifest-source.ts';
import type { Change, Kind, SourceFilter } from './source.ts';

const ALL: SourceFilter = { hasPods: true, hasEndpointSlices: true, labelSelector: '', namespaceLabelSelector: '' };

let root: string;
let directory: string;
let lines: string[];
let running: ManifestSource[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'manifest-source-'));
  directory = join(root, 'manifests');
  mkdirSync(directory);
  lines = [];
  running = [];
});
afterEach(async () => {
  for (const source of running) await source.stop();
  rmSync(root, { recursive: true });
});

const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
const service = (name: string, ip: string, labels = '{}') =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, labels: ${labels}}\nspec: {clusterIP: ${ip}, selector: {app: ${name}}, ports: [{port: 80}]}\n`;
const pod = (name: string, app: string, more = '') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {app: ${app}}}\n${more}\n`;

/** The source's changes, applied as a store would, and a way to wait for them. */
const run = (options: Partial<ManifestSourceOptions> = {}) => {
  const log = new Log({
    write: (level, _source, message) => void lines.push(`${level} ${message}`),
    flush: async () => undefined,
  });
  const source = new ManifestSource({ directories: [directory], filter: ALL, log, ...options });
  running.push(source);
  const objects = new Map<string, Extract<Change, { type: 'set' }>['object']>();
  const changes: string[] = [];
  const synced: Kind[] = [];
  const told = new EventEmitter();
  source.start({
    change: (change) => {
      const { kind, namespace, name } = change.type === 'set' ? change.object : change;
      changes.push(`${change.type} ${kind} ${namespace}/${name}`);
      if (change.type === 'set') objects.set(`${kind} ${namespace}/${name}`, change.object);
      else objects.delete(`${kind} ${namespace}/${name}`);
      told.emit('change');
    },
    synced: (kind) => void synced.push(kind),
  });
  const until = (isTrue: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = () => {
        if (!isTrue()) return;
        told.off('change', look);
        resolve();
      };
      told.on('change', look);
      look();
    });
  const ipOf = (name: string) => {
    const found = objects.get(`Service default/${name}`);
    return found?.kind === 'Service' ? found.clusterIPs[0] : undefined;
  };
  return { source, objects, changes, synced, until, ipOf };
};
const warnings = () => lines.filter((line) => line.startsWith('warning'));

describe('ManifestSource', () => {
  it('gives everything within start, and is synced after it', () => {
    write('a.yaml', `${service('web', '10.96.0.7')}---\n${pod('web-0', 'web')}`);
    write('b.json', JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }));
    write('notes.txt', 'kind: Service');
    write('.hidden.yaml', service('hidden', '10.96.0.8'));
    mkdirSync(join(directory, 'dir.yaml'));
    const { source, objects, synced } = run();
    expect(source.isSynced()).toBe(true);
    expect(synced).toEqual(['Namespace', 'Service', 'EndpointSlice', 'Pod']);
    expect([...objects.keys()]).toEqual([
      'Namespace /default',
      'Namespace /kube-system',
      'Namespace /shop',
      'Service default/web',
      expect.stringMatching(/^EndpointSlice default\/web-/),
      'Pod default/web-0',
    ]);
    expect(warnings()).toEqual([]);
  });

  it('gives only what differs when a file changes, comes or goes', async () => {
    write('a.yaml', service('a', '10.96.0.1'));
    write('b.yaml', service('b', '10.96.0.2'));
    const { changes, until, ipOf } = run();
    changes.length = 0;
    write('a.yaml', service('a', '10.96.0.9'));
    await until(() => ipOf('a') === '10.96.0.9');
    write('c.yaml', service('c', '10.96.0.3'));
    await until(() => ipOf('c') !== undefined);
    unlinkSync(join(directory, 'b.yaml'));
    await until(() => ipOf('b') === undefined);
    expect(changes).toEqual(['set Service default/a', 'set Service default/c', 'delete Service default/b']);
  });

  it('sees each swap of a ConfigMap volume', async () => {
    const volume = (version: string, ip: string) => {
      mkdirSync(join(directory, version));
      writeFileSync(join(directory, version, 'web.yaml'), service('web', ip));
      symlinkSync(version, join(directory, '..data_tmp'));
      renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
    };
    volume('..1', '10.96.0.1');
    symlinkSync(join('..data', 'web.yaml'), join(directory, 'web.yaml'));
    const { until, ipOf } = run();
    expect(ipOf('web')).toBe('10.96.0.1');
    for (const [version, ip] of [
      ['..2', '10.96.0.2'],
      ['..3', '10.96.0.3'],
    ] as const) {
      volume(version, ip);
      await until(() => ipOf('web') === ip);
      expect(ipOf('web')).toBe(ip);
    }
  });

  it('keeps what it had while the directory is gone, and reads it again when it is back', async () => {
    write('a.yaml', service('a', '10.96.0.1'));
    write('z.yaml', service('z', '10.96.0.26'));
    const { until, ipOf, objects } = run({ pollMs: 10 });
    rmSync(directory, { recursive: true });
    await expect.poll(() => warnings().join()).toContain('there is no such directory: what it had stays');
    expect(ipOf('a')).toBe('10.96.0.1');
    mkdirSync(directory);
    write('a.yaml', service('a', '10.96.0.2'));
    await until(() => ipOf('a') === '10.96.0.2' && !objects.has('Service default/z'));
    write('a.yaml', service('a', '10.96.0.3'));
    await until(() => ipOf('a') === '10.96.0.3');
    expect(lines.at(-1)).not.toContain('no such directory');
  });

  it('waits for a directory that is not there yet', async () => {
    const later = join(root, 'later');
    const { source, until, ipOf } = run({ directories: [later], pollMs: 10 });
    expect(source.isSynced()).toBe(true);
    expect(warnings()).toEqual([`warning manifests: ${later}: there is no such directory`]);
    mkdirSync(later);
    writeFileSync(join(later, 'a.yaml'), service('a', '10.96.0.1'));
    await until(() => ipOf('a') === '10.96.0.1');
    expect(ipOf('a')).toBe('10.96.0.1');
  });

  it('looks by itself where nothing tells of changes', async () => {
    write('a.yaml', service('a', '10.96.0.1'));
    const watch = () => {
      throw new Error('ENOSPC: no space left on device, watch');
    };
    const { until, ipOf } = run({ watch, pollMs: 10 });
    write('a.yaml', service('a', '10.96.0.2'));
    await until(() => ipOf('a') === '10.96.0.2');
    expect(ipOf('a')).toBe('10.96.0.2');
  });

  it('reports a file that is no YAML with its place, and serves the rest', () => {
    write('bad.yaml', `${service('good', '10.96.0.1')}---\nkind: Service\nspec:\n  // ports\n  ports: []\n`);
    write('web.yaml', service('web', '10.96.0.2'));
    const { ipOf } = run();
    expect(warnings()).toEqual([
      `warning manifests: ${join(directory, 'bad.yaml')}:8:3: not YAML: a comment begins with #, not with //: change it to #, in: // ports`,
    ]);
    expect(ipOf('good')).toBe('10.96.0.1');
    expect(ipOf('web')).toBe('10.96.0.2');
  });

  it('keeps the last good objects of a file that breaks, says so once, and takes the mended one', async () => {
    write('a.yaml', service('a', '10.96.0.1'));
    const { until, ipOf } = run();
    write('a.yaml', `${service('a', '10.96.0.2')}---\nb: [\n`);
    await expect.poll(() => warnings()).toEqual([expect.stringContaining("(the file's last good objects stay)")]);
    write('b.yaml', service('b', '10.96.0.3'));
    await until(() => ipOf('b') !== undefined);
    expect(ipOf('a')).toBe('10.96.0.1');
    expect(warnings()).toHaveLength(1);
    write('a.yaml', service('a', '10.96.0.4'));
    await until(() => ipOf('a') === '10.96.0.4');
    expect(lines).toContain('info manifests: all faults are mended');
  });

  it('refuses a file that is too large, and serves the rest', () => {
    write('huge.yaml', '');
    truncateSync(join(directory, 'huge.yaml'), 10 * 1024 * 1024);
    write('web.yaml', service('web', '10.96.0.2'));
    const { ipOf } = run();
    expect(warnings()).toEqual([
      `warning manifests: ${join(directory, 'huge.yaml')}: 10485760 bytes are more than the 8388608 that a manifest may have: split the file`,
    ]);
    expect(ipOf('web')).toBe('10.96.0.2');
  });

  it('reads past a pipe, which would never end', () => {
    execFileSync('mkfifo', [join(directory, 'pipe.yaml')]);
    write('web.yaml', service('web', '10.96.0.2'));
    expect(run().ipOf('web')).toBe('10.96.0.2');
  });

  it('reads several directories as one cluster', () => {
    const other = join(root, 'other');
    mkdirSync(other);
    write('a.yaml', service('web', '10.96.0.1'));
    writeFileSync(join(other, 'b.yaml'), pod('web-0', 'web', 'status: {podIP: 10.244.0.7}'));
    const { objects } = run({ directories: [directory, other] });
    const slice = [...objects.values()].find(({ kind }) => kind === 'EndpointSlice');
    expect(slice).toMatchObject({ endpoints: [{ addresses: ['10.244.0.7'], isReady: true, targetName: 'web-0' }] });
  });

  it('gives what an API server would for the selectors, and only the kinds that are wanted', () => {
    write(
      'a.yaml',
      `${service('a', '10.96.0.1', '{tier: x}')}---\n${service('b', '10.96.0.2')}---\n${pod('a-0', 'a')}`,
    );
    write('n.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: x}}\n');
    const filter = { hasPods: true, hasEndpointSlices: true, labelSelector: 'tier=x', namespaceLabelSelector: 'team' };
    const selected = run({ filter });
    expect([...selected.objects.keys()]).toEqual([
      'Namespace /shop',
      'Service default/a',
      expect.stringMatching(/^EndpointSlice default\/a-/),
    ]);
    const few = run({ filter: { ...ALL, hasPods: false, hasEndpointSlices: false } });
    expect(few.synced).toEqual(['Namespace', 'Service']);
    expect([...few.objects.keys()].filter((key) => /^(Pod|Endpoint)/.test(key))).toEqual([]);
  });

  it('gives the Nodes and ServiceCIDRs that are asked for, whatever the selectors say, and no Namespaces where they are not', () => {
    const node = (name: string): string => `---\napiVersion: v1\nkind: Node\nmetadata: {name: ${name}}\n`;
    const cidr =
      '---\napiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: kubernetes}\nspec: {cidrs: [10.43.0.0/16]}\n';
    write('a.yaml', `${service('a', '10.43.0.1')}${node('n1')}${node('n2')}${cidr}`);
    const filter = { ...ALL, hasNamespaces: false, labelSelector: 'tier=x', hasServiceCidrs: true };
    const all = run({ filter: { ...filter, nodes: 'all' } });
    expect(all.synced).toEqual(['ServiceCIDR', 'Node', 'Service', 'EndpointSlice', 'Pod']);
    expect([...all.objects.keys()]).toEqual(['ServiceCIDR /kubernetes', 'Node /n1', 'Node /n2']);
    expect(all.objects.get('ServiceCIDR /kubernetes')).toMatchObject({ cidrs: ['10.43.0.0/16'] });
    const one = run({ filter: { ...filter, nodes: { name: 'n2' }, hasServiceCidrs: false } });
    expect([...one.objects.keys()]).toEqual(['Node /n2']);
    expect([...run().objects.keys()]).toEqual(['Namespace /default', 'Namespace /kube-system', 'Service default/a']);
  });

  it('leaves out Pods that have ended', () => {
    write(
      'a.yaml',
      `${pod('a', 'x', 'status: {phase: Succeeded}')}---\n${pod('b', 'x', 'status: {phase: Unknown}')}---\n${pod('c', 'x')}`,
    );
    const { objects } = run();
    expect([...objects.keys()].filter((key) => key.startsWith('Pod'))).toEqual(['Pod default/c']);
  });

  it('gives every change a version of its own', () => {
    write('a.yaml', `${service('a', '10.96.0.1')}---\n${service('b', '10.96.0.2')}`);
    const versions = [...run().objects.values()].map(({ resourceVersion }) => resourceVersion);
    expect(versions.every((version) => version !== '')).toBe(true);
    expect(new Set(versions).size).toBe(versions.length);
  });

  it('serves the examples without a fault', () => {
    const { ipOf } = run({ directories: ['examples'] });
    expect(warnings()).toEqual([]);
    expect(ipOf('hello-world')).toBe('10.96.77.44');
  });
});
