/** Corefiles that distributions and clouds ship: what fits starts with the real program and answers, the rest is told by name and line. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CapturedIo } from '#test/captured-io.ts';
import { ask } from '#test/dns-client.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, startProcess } from '#test/process.ts';
import { runCommand } from '../../src/cli/commands.ts';

const FOLDER = 'test/cli/corefiles';

/** Those that must be told, with the line of the file and the directive; all others start. */
const TOLD: Readonly<Record<string, readonly string[]>> = {
  'aks.yaml': ['33 template', '38 template'],
  'k3s-custom.yaml': ['45 rewrite'],
  'kops-ipv6.yaml': ['30 dns64'],
  'kubeadm-1.13.Corefile': ['7 upstream', '11 proxy'],
  'openshift.yaml': ['50 chaos'],
};
/** A template is no Corefile; test/root/node-cache starts such. */
const TEMPLATES = ['gke.yaml'];

const files = readdirSync(FOLDER);
const started = files.filter((file) => !(file in TOLD) && !TEMPLATES.includes(file));

/** Text of the Corefile, and of the keys beside it. */
const textsOf = (file: string): Readonly<Record<string, string>> => {
  const text = readFileSync(join(FOLDER, file), 'utf8');
  if (!file.endsWith('.yaml')) return { Corefile: text };
  const [configMap] = loadAll(text) as { readonly data: Readonly<Record<string, string>> }[];
  return configMap?.data ?? {};
};

const compat = async (file: string) => {
  const io = new CapturedIo();
  const code = await runCommand(['check', '--compat', '-o', 'json', join(FOLDER, file)], io);
  const lines: readonly { line: number; status: string; subject: string; notes: readonly unknown[] }[] = JSON.parse(
    io.out,
  ).corefiles.flatMap((one: { compatibility: { texts: { lines: unknown[] }[] } }) =>
    one.compatibility.texts.flatMap((text) => text.lines),
  );
  return { code, lines };
};

it('tells of no file that is not there', () => {
  expect(files).toEqual(expect.arrayContaining([...Object.keys(TOLD), ...TEMPLATES]));
  for (const name of ['kubeadm', 'kind', 'minikube', 'eks', 'microk8s', 'k3s', 'rke2'])
    expect(started.some((file) => file.startsWith(name))).toBe(true);
});

describe.each(Object.entries(TOLD))('%s', (file, places) => {
  it('is told by name and line', async () => {
    const { code, lines } = await compat(file);
    const bad = lines.filter(({ status, notes }) => ['missing', 'gone', 'wrong'].includes(status) && notes.length > 0);
    expect(code).toBe(1);
    expect(bad.map(({ line, subject }) => `${line} ${subject}`)).toEqual(places);
  });
});

describe.each([...started, ...TEMPLATES])('%s', (file) => {
  it('fits', async () => {
    const { code, lines } = await compat(file);
    expect(lines.filter(({ status }) => ['missing', 'gone', 'wrong'].includes(status))).toEqual([]);
    expect(code).toBe(0);
  });
});

describe.each(started)('the server with the Corefile of %s', (file) => {
  let directory: string;
  let upstream: FakeUpstream;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-dns-vendor-'));
    upstream = await FakeUpstream.open();
  });
  afterAll(async () => {
    await upstream.close();
    rmSync(directory, { recursive: true });
  });

  it('starts, answers names of the cluster and passes the others on', async () => {
    const [port, health, ready, metrics] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const { Corefile = '', ...beside } = textsOf(file);
    for (const [key, text] of Object.entries(beside)) writeFileSync(join(directory, key), text);
    // Ports of its own, the upstream of this test, and files where they are here: nothing else is changed.
    const text = Corefile.replace(/^(\S*):(53|5353) \{/gm, `$1:${port} {`)
      .replace(/^( *)health\b/gm, `$1health 127.0.0.1:${health}`)
      .replace(/^( *)ready\b/gm, `$1ready 127.0.0.1:${ready}`)
      .replace(/^( *)prometheus\s+\S+/gm, `$1prometheus 127.0.0.1:${metrics}`)
      .replace(/^( *forward\s+)\. (?:[\d.]+ ?|"?\/etc\/resolv\.conf"?)+/gm, `$1. ${upstream.address}`)
      .replaceAll('/etc/coredns/', `${directory}/`);
    const path = join(directory, 'Corefile');
    writeFileSync(path, text);
    const server = await startProcess(['-conf', path, '-manifests', 'examples']);
    try {
      const at = { address: '127.0.0.1', port };
      const own = await ask(at, 'hello-world.default.svc.cluster.local.', 'A');
      expect([own.rcode, own.answer.length]).toEqual([0, 1]);
      const other = await ask(at, 'www.example.org.', 'A');
      expect([other.rcode, other.answer.length]).toEqual([0, 1]);
      expect(upstream.asked.length).toBeGreaterThan(0);
      expect((await fetch(`http://127.0.0.1:${health}/health`)).status).toBe(200);
      expect((await fetch(`http://127.0.0.1:${ready}/ready`)).status).toBe(200);
      expect(await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()).toContain(
        'coredns_dns_requests_total{',
      );
    } finally {
      // Not SIGTERM: some have a lameduck of five seconds.
      server.signal('SIGQUIT');
      await server.exited;
    }
  });
});
