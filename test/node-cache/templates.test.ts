/** Corefile templates of the node-local cache with the built server: the one of examples/, and that of NodeLocal DNSCache's manifest. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nameFromText } from '#dns/name.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { ask } from '#test/dns-client.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, runProgram, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { STOCK_TEMPLATE } from '../../src/node-cache/config/testing.ts';

const SHIPPED = readFileSync(join(import.meta.dirname, '../../examples/node-cache/Corefile.base'), 'utf8');
const LOCAL = ['127.0.0.2', '127.0.0.3'] as const;

let directory: string;
let upstream: FakeUpstream;
let server: ServerProcess | null;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-node-cache-'));
  upstream = await FakeUpstream.open();
  server = null;
});
afterEach(async () => {
  await server?.stop();
  await upstream.close();
  rmSync(directory, { recursive: true });
});

const path = (name: string): string => join(directory, name);

/** On ports that are free, with a cluster's DNS that has one too: nothing else differs. */
const started = async (template: string): Promise<number> => {
  const [port, metrics, health, setup] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const text = template
    .replaceAll(':53 {', `:${port} {`)
    .replaceAll(':9253', `:${metrics}`)
    .replaceAll(':8080', `:${health}`)
    .replaceAll('__PILLAR__CLUSTER__DNS__', upstream.address);
  writeFileSync(path('Corefile.base'), text);
  const args = [
    '-localip',
    LOCAL.join(','),
    '-dns.port',
    String(port),
    '-setupinterface=false',
    '-setupiptables=false',
  ];
  args.push('-metrics-listen-address', `127.0.0.1:${setup}`, '-conf', path('Corefile'));
  args.push('-basecorefile', path('Corefile.base'), '-kubednscm', path('kube-dns'));
  server = await startProcess(['node-cache', ...args], { env: { KUBE_DNS_SERVICE_HOST: '10.96.200.1' } });
  expect((await fetch(`http://127.0.0.2:${health}/health`)).status).toBe(200);
  return port;
};

/** How the upstream was asked for a name. */
const protocolsOf = (name: string): readonly string[] =>
  upstream.asked
    .filter(({ message }) => message.questions[0]?.name === nameFromText(name))
    .map(({ protocol }) => protocol);

/** The ConfigMap as a kubelet mounts it. */
const mount = (state: string, files: Readonly<Record<string, string>>): void => {
  const volume = path('kube-dns');
  mkdirSync(join(volume, state), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(volume, state, name), text);
    rmSync(join(volume, name), { force: true });
    symlinkSync(join('..data', name), join(volume, name));
  }
  symlinkSync(state, join(volume, '..data_tmp'));
  renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
};

describe.each([
  ['of examples/', SHIPPED],
  ["of NodeLocal DNSCache's manifest", STOCK_TEMPLATE],
])('the template %s', (_, template) => {
  it('serves the cluster by TCP on all addresses', async () => {
    const port = await started(template);
    for (const address of LOCAL) {
      const reply = await ask({ address, port }, 'kubernetes.default.svc.cluster.local', 'A');
      expect(reply.rcode).toBe(RCODE.NOERROR);
      expect(reply.answer).toHaveLength(1);
    }
    expect(protocolsOf('kubernetes.default.svc.cluster.local')).toEqual(['tcp']);
  });

  it('takes over a stub domain, and loses nothing meanwhile', async () => {
    const port = await started(template);
    const endpoint = { address: LOCAL[0], port };
    let isOver = false;
    let answers = 0;
    const load = (async () => {
      while (!isOver) {
        const { rcode } = await ask(endpoint, 'kubernetes.default.svc.cluster.local', 'A');
        expect(rcode).toBe(RCODE.NOERROR);
        answers++;
      }
    })();
    mount('..first', { stubDomains: JSON.stringify({ 'acme.local': [upstream.address] }) });
    await until(async () => (await ask(endpoint, 'www.acme.local', 'A')).answer.length === 1);
    isOver = true;
    await load;
    expect(answers).toBeGreaterThan(10);
    await server?.saw('[INFO] node-cache: ');
    expect(protocolsOf('www.acme.local')).toEqual(['udp']);
  });

  it('is kept while what takes its place is broken', async () => {
    const port = await started(template);
    writeFileSync(path('Corefile.base'), `.:${port} {\n    bind __PILLAR__LOCAL__DNS__\n    cahce 30\n}\n`);
    await server?.saw(
      `[ERROR] node-cache: ${path('Corefile.base')}:3:5: Error during parsing: Unknown directive 'cahce' (did you mean "cache"?); the last good Corefile stays`,
    );
    expect((await ask({ address: LOCAL[1], port }, 'x.svc.cluster.local', 'A')).rcode).toBe(RCODE.NOERROR);
    expect(readFileSync(path('Corefile'), 'utf8')).toContain('cluster.local');
  });
});

it("the shipped template answers what it knew while the cluster's DNS is away, and SERVFAIL to all else", async () => {
  const port = await started(SHIPPED.replaceAll('success 9984 30', 'success 9984 1 1'));
  const endpoint = { address: LOCAL[0], port };
  await ask(endpoint, 'web.shop.svc.cluster.local', 'A');
  const asked = upstream.asked.length;
  upstream.script = () => undefined;
  // Expired when it is asked for again.
  await until(async () => {
    const { answer } = await ask(endpoint, 'web.shop.svc.cluster.local', 'A');
    expect(answer).toHaveLength(1);
    return upstream.asked.length > asked;
  });
  expect((await ask(endpoint, 'other.shop.svc.cluster.local', 'A')).rcode).toBe(RCODE.SERVFAIL);
});

describe('a node cache that cannot start', () => {
  const run = async (template: string | null, ...more: string[]) => {
    if (template !== null) writeFileSync(path('Corefile.base'), template);
    const args = [
      '-localip',
      '127.0.0.2',
      '-setupinterface=false',
      '-setupiptables=false',
      '-kubednscm',
      path('kube-dns'),
    ];
    args.push('-metrics-listen-address', `127.0.0.1:${await freePort()}`, '-dns.port', String(await freePort()));
    args.push('-conf', path('Corefile'), '-basecorefile', path('Corefile.base'), ...more);
    const { code, stdout, stderr } = await runProgram(['node-cache', ...args]);
    return { code, stdout, stderr };
  };

  it('lacks the Service of the upstream', async () => {
    const { code, stdout, stderr } = await run(SHIPPED);
    expect(code).toBe(1);
    expect(stdout).toContain('[WARNING] node-cache: KUBE_DNS_SERVICE_HOST is not in the environment: ');
    expect(stderr).toContain(
      `${path('Corefile.base')}:22:15: there is no address for __PILLAR__CLUSTER__DNS__: KUBE_DNS_SERVICE_HOST is not in the environment`,
    );
    expect(stderr).toContain('hint: the Service "kube-dns" (-upstreamsvc) must be in the namespace of this Pod');
  });

  it('lacks its template', async () => {
    const { code, stderr } = await run(null);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `node-cache: -basecorefile: ENOENT: no such file or directory, open '${path('Corefile.base')}'\n`,
    );
  });

  it('has a template with faults, all of which are told', async () => {
    const { code, stderr } = await run(
      '.:53 {\n    bind __PILLAR__LOCAL__DNS__ wlan9\n    rewrite name a b\n    cahce\n}\n',
    );
    expect(code).toBe(1);
    const places = [...stderr.matchAll(/Corefile\.base:(\d+:\d+): /g)].map(([, place]) => place);
    expect(places).toEqual(['2:33', '3:5', '4:5']);
    expect(stderr).toContain('  2 |     bind __PILLAR__LOCAL__DNS__ wlan9\n');
  });

  it('may not write its Corefile', async () => {
    const { code, stderr } = await run('.:53 {\n    bind __PILLAR__LOCAL__DNS__\n}\n', '-conf', path('none/Corefile'));
    expect(code).toBe(1);
    expect(stderr).toContain("node-cache: the Corefile can't be written: ENOENT");
    expect(stderr).toContain('-conf must name a file in a directory that is there and may be written');
  });

  it('has flags with faults, all of which are told', async () => {
    const { code, stderr } = await run(null, '-localip', '10.96.0.300,::1', '-rules', 'ebtables', '-locallip', '1');
    expect(code).toBe(1);
    expect(stderr.split('\n')).toEqual([
      'node-cache: flag provided but not defined: -locallip (did you mean "-localip"?)',
      'node-cache: -localip: "10.96.0.300" is not an IP address',
      'node-cache: -rules: "ebtables" is none of nftables, iptables and none',
      '',
    ]);
  });
});
