// Renders the charts into manifests for who has kubectl alone: `npm run deploy`, or `node deploy/render.mjs DIRECTORY`. Needs Helm 3.
// test/charts/deploy.test.ts holds the result to the charts.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** What can't be known stands there in capitals, which no API server, registry or kubelet takes for something else. */
const MANIFESTS = [
  {
    file: 'cluster-dns.yaml',
    chart: 'cluster-dns',
    about:
      'The DNS of the cluster, in the place of its CoreDNS: Deployment coredns and Service kube-dns are taken over under their names.',
    values: { adopt: true, service: { clusterIP: '10.96.0.10' }, image: { repository: 'REGISTRY/cluster-dns' } },
    fillIn: [
      'REGISTRY',
      '10.96.0.10 (the cluster IP of the Service kube-dns)',
      'cluster.local (the domain of the cluster)',
    ],
  },
  {
    file: 'cluster-dns-beside.yaml',
    chart: 'cluster-dns',
    // Other names than those above: whoever has tried it and takes it out takes nothing away from what has been put in.
    release: 'cluster-dns-beside',
    about: 'The same beside the DNS of the cluster, to be tried: a Service with an address that nobody asks by itself.',
    values: {
      isClusterService: false,
      service: { clusterIP: 'auto' },
      image: { repository: 'REGISTRY/cluster-dns' },
    },
    fillIn: ['REGISTRY', 'cluster.local (the domain of the cluster)'],
  },
  {
    file: 'node-local-dns.yaml',
    chart: 'node-local-dns',
    about: 'A DNS cache on each node.',
    values: { config: { dnsServer: '10.96.0.10' }, image: { repository: 'REGISTRY/cluster-dns-node' } },
    fillIn: [
      'REGISTRY',
      '10.96.0.10 (the cluster IP of the Service kube-dns)',
      '169.254.20.10 (the address of the cache, where that is taken)',
      'cluster.local (the domain of the cluster)',
    ],
  },
  {
    file: 'service-proxy.yaml',
    chart: 'service-proxy',
    about: 'The Service proxy, on nodes with the label service-proxy=cluster-dns.',
    values: {
      apiServer: { host: 'API-SERVER' },
      config: { clusterCIDR: '10.244.0.0/16' },
      image: { repository: 'REGISTRY/cluster-dns-node' },
    },
    fillIn: [
      'REGISTRY',
      'API-SERVER (address or name of the API server, which no Service is needed for; the port 6443 stands below it)',
      '10.244.0.0/16 (the range of Pod addresses)',
    ],
  },
];

/** What Helm has for itself; whoever goes on with Helm gets it from there. */
const OF_HELM = /^ *(helm\.sh\/chart|app\.kubernetes\.io\/managed-by): .*\n/gm;

const render = ({ chart, release = chart, values }) =>
  execFileSync(
    'helm',
    ['template', release, join(ROOT, 'charts', chart), '--namespace', 'kube-system', '--skip-tests', '--values', '-'],
    { input: JSON.stringify(values), encoding: 'utf8' },
  );

const header = ({ chart, about, fillIn }) =>
  [
    about,
    `Rendered from charts/${chart} by \`npm run deploy\`: change the chart, not this file.`,
    'To fill in, see README.md here:',
    ...fillIn.map((what) => `  ${what}`),
  ]
    .map((line) => `# ${line}\n`)
    .join('');

const directory = process.argv[2] ?? import.meta.dirname;
mkdirSync(directory, { recursive: true });
for (const manifest of MANIFESTS)
  writeFileSync(join(directory, manifest.file), header(manifest) + render(manifest).replace(OF_HELM, ''));
