/** Templates that users of NodeLocal DNSCache have: each is filled in and read as the server reads it, or refused by name. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { faultLine } from '#corefile/diagnostics.ts';
import { type KubeDnsConfig, NO_KUBE_DNS } from '#node-cache/config/kube-dns-config.ts';
import { corefileOf, renderTemplate } from '#node-cache/config/template.ts';
import { runCommand } from '../../src/cli/commands.ts';
import { COREFILE_SAMPLES, type CorefileSample } from './corefile-samples.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'node-cache-samples-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

/** What is wrong with the Corefile that is made from a sample, a line each. */
const faultsOf = async (sample: CorefileSample, kubeDns: KubeDnsConfig = NO_KUBE_DNS): Promise<readonly string[]> => {
  const { template, addresses, clusterDns, environment = {}, imported = {} } = sample;
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  for (const [path, text] of Object.entries(imported)) {
    mkdirSync(join(directory, dirname(path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  const corefile = join(directory, 'Corefile');
  const settings = {
    addresses: addresses.map((address) => ({ address, family: isIPv4(address) ? 4 : 6 }) as const),
    dnsPort: 53,
    clusterDns,
    upstreamService: 'kube-dns-upstream',
    baseCorefile: join(directory, 'Corefile.base'),
    corefile,
  };
  const rendered = renderTemplate(template, settings, kubeDns);
  if (rendered.faults.length > 0) return rendered.faults.map(faultLine);
  writeFileSync(corefile, corefileOf(rendered));
  let said = '';
  const io = {
    stdout: () => undefined,
    stderr: (text: string) => {
      said += text;
    },
  };
  return (await runCommand(['check', corefile], io)) === 0
    ? []
    : said.split('\n').filter((line) => /^\S+:\d+:\d+: /.test(line));
};

const served = COREFILE_SAMPLES.filter(({ refused }) => refused === undefined);
const refused = COREFILE_SAMPLES.filter((sample) => sample.refused !== undefined);

describe.each(served)('the template of $title', (sample) => {
  it('is served', async () => {
    expect(await faultsOf(sample)).toEqual([]);
  });

  it('goes with name servers and stub domains of the kube-dns ConfigMap', async () => {
    const kubeDns = {
      stubDomains: new Map([['stub.example', ['192.0.2.1:10053', '192.0.2.2']]]),
      upstreamNameservers: ['192.0.2.3', '192.0.2.4'],
    };
    expect(await faultsOf(sample, kubeDns)).toEqual([]);
  });
});

describe.each(refused)('the template of $title', (sample) => {
  it('is refused by name, every line at once', async () => {
    const patterns = sample.refused ?? [];
    expect(await faultsOf(sample)).toEqual(patterns.map((pattern) => expect.stringMatching(pattern)));
  });
});
