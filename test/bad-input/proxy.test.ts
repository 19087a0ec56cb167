/** Clusters that are wrong, in all modes of the Service proxy: what is wrong is left out, and nothing of it reaches the tools. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../src/cli/commands.ts';

const MODES = ['nftables', 'iptables', 'ipvs'] as const;
const GOOD = [
  'apiVersion: v1\nkind: Service\nmetadata: {name: good}\nspec: {clusterIP: 10.96.0.9, ports: [{port: 80}]}\n',
  'apiVersion: v1\nkind: Endpoints\nmetadata: {name: good}\nsubsets: [{addresses: [{ip: 10.244.0.9}], ports: [{port: 8080}]}]\n',
];
const NODE =
  'apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, address: 172.18.0.2}]}\n';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-bad-proxy-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const render = async (mode: string, ...documents: string[]): Promise<{ text: string; faults: string }> => {
  writeFileSync(join(directory, 'all.yaml'), [...GOOD, ...documents].join('---\n'));
  let text = '';
  let faults = '';
  const io = {
    stdout: (part: string) => {
      text += part;
    },
    stderr: (part: string) => {
      faults += part;
    },
  };
  const flags = ['--mode', mode, '--manifests', directory, '--node', 'n1', '--detect-local-mode', 'NodeCIDR'];
  await runCommand(['proxy', 'render', ...flags], io);
  return { text, faults };
};
const service = (spec: string, name = 'odd'): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${JSON.stringify(name)}}\nspec: {clusterIP: 10.96.0.8, ${spec}}\n`;
const slice = (more: string, name = 'odd-1'): string =>
  `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: ${name}, labels: {kubernetes.io/service-name: odd}}\naddressType: IPv4\n${more}\n`;
const PORT = 'ports: [{port: 80}]';

/** What would be a command, where it got into a text as it is. */
const ATTACK = '\\nflush ruleset\\n-F\\n';

const cases: readonly (readonly [what: string, documents: readonly string[]])[] = [
  [
    'a port whose name is a command',
    [
      service(`ports: [{name: "x${ATTACK}", port: 80}]`),
      slice(`ports: [{name: "x${ATTACK}", port: 80}]\nendpoints: [{addresses: [10.244.0.1]}]`),
    ],
  ],
  [
    'a port whose name is a command, and affinity',
    [
      service(`sessionAffinity: ClientIP, ports: [{name: "x${ATTACK}", port: 80}]`),
      slice(`ports: [{name: "x${ATTACK}", port: 80}]\nendpoints: [{addresses: [10.244.0.1]}]`),
    ],
  ],
  ['a Service whose name is a command', [service(PORT, 'odd\nflush ruleset\n-F\n')]],
  [
    'an endpoint whose address is a command',
    [service(PORT), slice(`ports: [{port: 8080}]\nendpoints: [{addresses: ["10.244.0.1${ATTACK}"]}]`)],
  ],
  [
    'addresses that are commands',
    [
      service(
        `externalIPs: ["1.2.3.4${ATTACK}"], loadBalancerSourceRanges: ["10.0.0.0/8${ATTACK}"], type: LoadBalancer, ${PORT}`,
      ),
    ],
  ],
  [
    'a node whose podCIDR is a command',
    [NODE.replace('status:', `spec: {podCIDR: "10.244.0.0/24${ATTACK}"}\nstatus:`)],
  ],
  [
    'a range of ClusterIPs that is a command',
    [
      `apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: a}\nspec: {cidrs: ["10.96.0.0/12${ATTACK}"]}\n`,
    ],
  ],
  ['a slice without ports and addresses', [service(PORT), slice('endpoints: [{addresses: []}, {}]')]],
  [
    'an endpoint of the other family',
    [service(PORT), slice('ports: [{port: 8080}]\nendpoints: [{addresses: ["fd00::1"]}]')],
  ],
  ['ports that are none', [service('ports: [{port: 0}, {port: 70000}, {port: x}, {port: 80, protocol: ICMP}]')]],
];

describe.each(MODES)('in %s mode', (mode) => {
  it.each(cases)('%s is left out, and the rest is rendered', async (_, documents) => {
    const { text } = await render(mode, ...documents, ...(documents.join().includes('kind: Node') ? [] : [NODE]));
    expect(text).toContain('10.96.0.9');
    expect(text).toContain('10.244.0.9');
    expect(text.split('\n').filter((line) => /^\s*(flush ruleset|-F)/.test(line))).toEqual([]);
    expect(text).not.toContain('flush ruleset');
    expect(text).not.toContain('undefined');
    expect(text).not.toContain('NaN');
  });

  it('one endpoint in two slices is one', async () => {
    const endpoint = 'ports: [{port: 8080}]\nendpoints: [{addresses: [10.244.0.1]}]';
    const { text } = await render(mode, service(PORT), slice(endpoint), slice(endpoint, 'odd-2'), NODE);
    const { text: once } = await render(mode, service(PORT), slice(endpoint), NODE);
    expect(text).toBe(once);
    expect(text).toContain('10.244.0.1');
  });

  it('addresses with leading zeros are decimal', async () => {
    const { text } = await render(
      mode,
      service(PORT),
      slice('ports: [{port: 8080}]\nendpoints: [{addresses: [010.244.000.011]}]'),
      NODE,
    );
    expect(text).toContain('10.244.0.11');
    expect(text).not.toMatch(/010\.244|\.000\./);
  });
});
