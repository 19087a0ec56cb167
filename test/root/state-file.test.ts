import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RCODE } from '#dns/registry/rcodes.ts';
import { projectEndpointSlice } from '#kube/objects/endpoint-slice.ts';
import { projectNamespace } from '#kube/objects/namespace.ts';
import { projectService } from '#kube/objects/service.ts';
import type { KubeObject } from '#kube/source.ts';
import { clusterIdentity } from '#kube/state/cluster-identity.ts';
import { readStateFile } from '#kube/state/read-state.ts';
import { writeStateFile } from '#kube/state/write-state.ts';
import { run } from '#test/command.ts';
import { PROGRAM } from '#test/process.ts';
import { until } from '#test/until.ts';
import { AskedServer } from './api-faults/asked-server.ts';
import { namespace, service, slice, together } from './cluster-objects.ts';
import { needTestbed, titled } from './needs.ts';

const TITLE = 'a cluster that is kept in a file';
const { reason, testbed } = await needTestbed(TITLE, ['kubectl', 'etcd', 'mount', 'umount', 'root']);

const nameOf = (service: string): string => `${service}.kept.svc.cluster.local.`;

/** A kubeconfig of a server without TLS. */
const writeConfig = (folder: string, server: string): string => {
  const file = join(folder, 'kubeconfig');
  const config = {
    'current-context': 'context',
    clusters: [{ name: 'cluster', cluster: { server } }],
    users: [{ name: 'user', user: {} }],
    contexts: [{ name: 'context', context: { cluster: 'cluster', user: 'user' } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
};

let folder = '';
let stateFile = '';
let server: AskedServer | null = null;

const start = async (startupTimeout = '20s', url = testbed.http): Promise<AskedServer> => {
  const lines = `startup_timeout ${startupTimeout}\n        state ${stateFile}`;
  server = await AskedServer.start(writeConfig(folder, url), PROGRAM, lines);
  return server;
};
/** Over UDP: addresses, or the rcode where there are none; NODATA is 0. */
const answers = (on: AskedServer, ...services: string[]): Promise<(string | number)[]> =>
  Promise.all(services.map(async (name) => (await on.addresses(nameOf(name))) || (await on.query(nameOf(name))).rcode));
const metric = async (on: AskedServer, name: string): Promise<number> =>
  Number(new RegExp(`^cluster_dns_kubernetes_${name}\\b.* (\\S+)$`, 'm').exec(await on.scrape())?.[1]);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cluster-dns-state-file-'));
  stateFile = join(folder, 'kept', 'state');
  mkdirSync(dirname(stateFile));
});
afterEach(async () => {
  await server?.stop();
  server = null;
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  const WHOLE = together(
    namespace('kept'),
    service('web', '10.96.8.1', 'kept'),
    service('headless', 'None', 'kept'),
    slice('headless', ['10.244.8.1', '10.244.8.2'], 'kept'),
    service('gone', '10.96.8.2', 'kept'),
  );
  const SERVFAIL = RCODE.SERVFAIL;

  beforeEach(() => testbed.apply(WHOLE));
  afterEach(async () => {
    // Some tests leave it running, and that is said.
    await testbed.startApi().catch(() => undefined);
    await testbed.kubectl(['delete', 'services', '--all', '-n', 'kept']);
  });
  afterAll(() => testbed.stop());

  it('is answered for after a restart without an API server, and is as it is when that is back', async () => {
    await (await start()).stop();
    expect(readdirSync(dirname(stateFile))).toEqual(['state']);
    expect(statSync(stateFile).mode & 0o777).toBe(0o600);
    await testbed.kubectl(['delete', 'service', 'gone', '-n', 'kept']);
    await testbed.apply(service('new', '10.96.8.3', 'kept'));
    await testbed.killApi();

    const again = await start();
    expect(await again.ready()).toBe('200 OK');
    const known = ['10.96.8.1', '10.244.8.1,10.244.8.2', '10.96.8.2'];
    expect(await answers(again, 'web', 'headless', 'gone')).toEqual(known);
    const { answer, rcode } = await again.query(nameOf('web'), 'AAAA');
    expect([answer, rcode]).toEqual([[], RCODE.NOERROR]);
    expect((await again.query('1.8.96.10.in-addr.arpa.', 'PTR')).answer).toHaveLength(1);
    expect(await answers(again, 'new', 'nobody')).toEqual([SERVFAIL, SERVFAIL]);
    expect((await again.query('9.9.96.10.in-addr.arpa.', 'PTR')).rcode).toBe(SERVFAIL);
    expect(again.process.stdout).toMatch(
      /\[WARNING\] plugin\/kubernetes: answering from \S+, the cluster as it was \d+s ago \(\d+ Services, 1 EndpointSlices, \d+ Namespaces\)/,
    );
    expect([await metric(again, 'restored'), await metric(again, 'state_bytes')]).toEqual([
      1,
      statSync(stateFile).size,
    ]);
    expect(await metric(again, 'state_age_seconds')).toBeGreaterThan(0);

    const seen = { new: new Set<string | number>(), gone: new Set<string | number>() };
    const followed = until(
      async () => {
        const [added, gone] = await answers(again, 'new', 'gone');
        seen.new.add(added as string | number);
        seen.gone.add(gone as string | number);
        return added === '10.96.8.3' && gone === RCODE.NXDOMAIN;
      },
      'what happened meanwhile',
      40_000,
    );
    await Promise.all([testbed.startApi(), followed]);
    expect([...seen.new]).toEqual([SERVFAIL, '10.96.8.3']);
    // Between its deletion and the end of the other lists it is not known.
    expect([...seen.gone].filter((one) => one !== SERVFAIL)).toEqual(['10.96.8.2', RCODE.NXDOMAIN]);
    await again.process.saw('the cluster has been listed, and is no longer taken from');
    expect(await answers(again, 'web', 'nobody')).toEqual(['10.96.8.1', RCODE.NXDOMAIN]);
    expect(await metric(again, 'restored')).toBe(0);
  });

  it('is there after a SIGKILL, too', async () => {
    const first = await start();
    await until(() => readdirSync(dirname(stateFile)).includes('state'));
    first.process.signal('SIGKILL');
    await first.process.exited;
    await testbed.killApi();
    const again = await start();
    expect(await again.ready()).toBe('200 OK');
    expect(await answers(again, 'web', 'nobody')).toEqual(['10.96.8.1', SERVFAIL]);
    again.process.signal('SIGKILL');
    await again.process.exited;
    // It has written nothing of what it took from there.
    expect(await metricAfterRestart()).toBe(1);
  });

  const metricAfterRestart = async (): Promise<number> => metric(await start(), 'restored');

  it('is not taken from a file with one octet changed, which is said; once there is a cluster the file is right again', async () => {
    await (await start()).stop();
    const octets = readFileSync(stateFile);
    const damaged = Buffer.from(octets);
    const at = octets.indexOf('10.96.8.1');
    damaged[at + 8] = '9'.charCodeAt(0);
    writeFileSync(stateFile, damaged);
    await testbed.killApi();
    const again = await start('2s');
    expect(await again.ready()).toBe('503 kubernetes');
    expect(await answers(again, 'web')).toEqual([SERVFAIL]);
    expect(again.process.stdout).toContain(
      `[WARNING] plugin/kubernetes: the state in ${stateFile} is not used: it is damaged: its checksum does not fit`,
    );
    expect(readFileSync(stateFile)).toEqual(damaged);
    await testbed.startApi();
    await until(async () => (await again.ready()) === '200 OK', 'ready', 40_000);
    await until(() => readFileSync(stateFile).includes('10.96.8.1"'));
    expect(await answers(again, 'web')).toEqual(['10.96.8.1']);
  });

  describe('on a disk that is full', () => {
    let disk = '';
    beforeAll(async () => {
      disk = mkdtempSync(join(tmpdir(), 'cluster-dns-full-'));
      await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    });
    afterAll(async () => {
      await run('umount', [disk]);
      rmSync(disk, { recursive: true });
    });

    it('keeps its old file, is said once and counted, and is written again when there is room', async () => {
      stateFile = join(disk, 'state');
      await (await start()).stop();
      const old = readFileSync(stateFile);
      await testbed.apply(service('new', '10.96.8.3', 'kept'));
      const filler = join(disk, 'filler');
      for (const size of [4096, 1]) fill(filler, size);

      const full = await start();
      await full.process.saw("plugin/kubernetes: the state can't be written to");
      expect(full.process.stdout).toMatch(/ENOSPC: no space left on device, write; what is there stays, trying again/);
      expect(await answers(full, 'web', 'new', 'nobody')).toEqual(['10.96.8.1', '10.96.8.3', RCODE.NXDOMAIN]);
      expect(await full.scrape()).toContain(`state_writes_total{file="${stateFile}",result="failed"} 1`);
      expect(readdirSync(disk).sort()).toEqual(['filler', 'state']);
      expect(readFileSync(stateFile)).toEqual(old);

      rmSync(filler);
      await full.stop();
      expect(full.process.lines.filter((line) => line.includes("can't be written"))).toHaveLength(1);
      expect(full.process.stdout).toContain(`the state is written to ${stateFile} again`);
      expect(readFileSync(stateFile, 'utf8')).toContain('10.96.8.3');
      expect(readdirSync(disk)).toEqual(['state']);
    });
  });
});

/** Writes to a file, so many octets at a time, until there is no room for more. */
const fill = (file: string, size: number): void => {
  const octets = Buffer.alloc(size, '.');
  try {
    for (;;) writeFileSync(file, octets, { flag: 'a' });
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  }
};

describe('a state of 20,000 Services with 2 endpoints each', () => {
  const SERVICES = 20_000;
  /** Where nobody listens. */
  const URL = 'http://127.0.0.1:9';

  const objects = function* (): Generator<KubeObject> {
    for (let i = 0; i < SERVICES; i++) {
      const metadata = { name: `svc-${i}`, namespace: `load-${i % 10}`, resourceVersion: String(i) };
      const clusterIP = `10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
      const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
      yield projectService({ metadata, spec: { clusterIP, ports, selector: { app: `svc-${i}` } } }) as KubeObject;
      const labels = { 'kubernetes.io/service-name': metadata.name };
      const endpoint = (n: number) => ({
        addresses: [`10.${244 + n}.${(i >> 8) & 255}.${i & 255}`],
        conditions: { ready: true },
        nodeName: `node-${i % 100}`,
        targetRef: { kind: 'Pod', name: `svc-${i}-7d4b9c6f5-${n}` },
      });
      const raw = { metadata: { ...metadata, name: `svc-${i}-x`, labels }, addressType: 'IPv4', ports };
      yield projectEndpointSlice({ ...raw, endpoints: [endpoint(0), endpoint(1)] }) as KubeObject;
    }
    for (let i = 0; i < 10; i++) yield projectNamespace({ metadata: { name: `load-${i}` } }) as KubeObject;
  };

  it('is written and read without holding up what else there is to do', async () => {
    const filter = { hasPods: false, hasEndpointSlices: true, labelSelector: '', namespaceLabelSelector: '' };
    const identity = await clusterIdentity({ kind: 'endpoint', url: URL }, filter);
    const all = [...objects()];
    /** ms it took, and the longest that a timer of 1 ms was late. */
    const measured = async <T>(title: string, work: () => Promise<T>): Promise<T> => {
      const delays = monitorEventLoopDelay({ resolution: 1 });
      delays.enable();
      const began = performance.now();
      const result = await work();
      const ms = Math.round(performance.now() - began);
      delays.disable();
      console.log(`${title}: ${ms} ms, event loop at most ${Math.round(delays.max / 1e6)} ms late`);
      return result;
    };
    const bytes = await measured('written', () =>
      writeStateFile(stateFile, { cluster: identity, savedAtMs: Date.now() }, all),
    );
    const read = await measured('read', () => readStateFile(stateFile, identity));
    if (read.kind !== 'state') throw new Error(read.kind);
    expect([read.objects.length, read.objects.at(-20)]).toEqual([all.length, all.at(-20)]);
    console.log(`${(bytes / 1e6).toFixed(1)} MB`);

    const began = performance.now();
    const on = await start('20s', URL);
    const listening = performance.now() - began;
    expect(await on.addresses('svc-19999.load-9.svc.cluster.local.')).toBe('10.96.78.31');
    console.log(
      `from the start of a process to the first right answer, nobody at the API server's address: ${Math.round(listening)} ms, ${Math.round(on.process.residentMiB())} MiB`,
    );
    expect((await on.query('svc-20000.load-0.svc.cluster.local.')).rcode).toBe(RCODE.SERVFAIL);
  });
});
