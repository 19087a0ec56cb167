import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readNodeCacheFlags } from '#node-cache/config/read-flags.ts';
import type { NodeCacheSettings } from '#node-cache/settings.ts';
import { unexplainedValues } from '#test/chart-readme.ts';
import { at, CHARTS, helmTemplate, type Manifest, theOne } from '#test/helm.ts';
import { missing, needTestbed, titled } from '../root/needs.ts';

const reason = await missing('the chart node-local-dns', ['helm']);
const { reason: noTestbed, testbed } = await needTestbed('the chart node-local-dns asks a cluster', ['helm']);

const SHIPPED = join(CHARTS, '../examples/node-cache/Corefile.base');
const DNS_SERVER = '10.96.0.10';

const render = (config: object = {}, more: object = {}): Promise<readonly Manifest[]> =>
  helmTemplate('node-local-dns', { config: { dnsServer: DNS_SERVER, ...config }, ...more });
const pod = (manifests: readonly Manifest[], path: string): unknown =>
  at(theOne(manifests, 'DaemonSet'), `spec.template.spec.${path}`);
const argsOf = (manifests: readonly Manifest[], path = 'containers.0.args'): readonly string[] =>
  pod(manifests, path) as readonly string[];
const corefileOf = (manifests: readonly Manifest[]): string =>
  at(theOne(manifests, 'ConfigMap', 'node-local-dns'), 'data.Corefile') as string;
const words = (reading: Promise<unknown>): Promise<string> =>
  reading.then(
    () => '',
    (error: Error) => error.message,
  );

/** As the program reads the arguments, where the kubelet has told it of the Service. */
const settingsOf = (manifests: readonly Manifest[]): NodeCacheSettings => {
  const [command, ...args] = argsOf(manifests);
  expect(command).toBe('node-cache');
  const read = readNodeCacheFlags(args, { KUBE_DNS_UPSTREAM_SERVICE_HOST: '10.96.0.11' });
  if (!('settings' in read)) throw new Error(JSON.stringify(read));
  expect(read.warnings).toEqual([]);
  return read.settings;
};

describe.skipIf(reason !== '')(titled('the chart node-local-dns', reason), () => {
  it('has the template that is shipped, unchanged', async () => {
    const shipped = await readFile(SHIPPED, 'utf8');
    expect(await readFile(`${CHARTS}/node-local-dns/corefile/Corefile.base`, 'utf8')).toBe(shipped);
    expect(corefileOf(await render())).toBe(shipped);
  });

  // What a value replaces in the template has to be there: a template that is written anew must not lose it without a word.
  it.each([
    ['config.dnsDomain', { dnsDomain: 'cluster.example' }, {}, 'cluster.example:53 {'],
    ['config.healthPort', { healthPort: 9254 }, {}, 'health __PILLAR__LOCAL__DNS__:9254'],
    ['config.metricsPort', { metricsPort: 9999 }, {}, 'prometheus :9999'],
    ['config.cacheMemory', { cacheMemory: '64Mi' }, {}, 'memory 64Mi'],
    ['config.enableLogging', { enableLogging: true }, {}, 'errors\n    log\n'],
    ['config.commProtocol', { commProtocol: 'prefer_udp' }, {}, '        prefer_udp\n        max_age 30s'],
    ['serviceWatch', {}, { serviceWatch: { enabled: true } }, '    service_watch\n'],
  ])('has the template follow %s', async (_, config, more, expected) => {
    const before = corefileOf(await render());
    const after = corefileOf(await render(config, more));
    expect(before).not.toContain(expected);
    expect(after).toContain(expected);
  });

  it('changes all places of the template at once', async () => {
    const text = corefileOf(
      await render(
        { metricsPort: 9999, healthPort: 9254, commProtocol: 'prefer_udp', dnsDomain: 'a.example' },
        { serviceWatch: { enabled: true } },
      ),
    );
    expect(text).not.toMatch(/9253|8080|force_tcp|udp_fallback|cluster\.local|# service_watch/);
  });

  it('keeps denials as long as answers where a watch drops them, which is not all of them in the reverse zones', async () => {
    const denials = (text: string) => [...text.matchAll(/denial 9984 (\d+)/g)].map(([, seconds]) => seconds);
    expect(denials(corefileOf(await render()))).toEqual(['1', '1', '1']);
    const watched = corefileOf(await render({}, { serviceWatch: { enabled: true } }));
    expect(denials(watched)).toEqual(['30', '1', '1']);
    expect(watched.match(/^ {4}service_watch$/gm)).toHaveLength(3);
    expect(watched).not.toContain('a second later');
  });

  it('takes a template of your own as it is', async () => {
    const customConfig = '.:53 {\n    bind __PILLAR__LOCAL__DNS__\n    whoami\n}\n';
    expect(corefileOf(await render({ customConfig, metricsPort: 9999 }))).toBe(customConfig);
  });

  it.each([
    ['the link-local address and the cluster IP', {}, ['169.254.20.10', DNS_SERVER]],
    [
      'both families, from lists',
      { localDns: ['169.254.20.10', 'fd00::10'], dnsServer: [DNS_SERVER, 'fd00:10:96::a'] },
      ['169.254.20.10', 'fd00::10', DNS_SERVER, 'fd00:10:96::a'],
    ],
    [
      'both families, from texts',
      { localDns: '169.254.20.10, fd00::10', dnsServer: '10.96.0.10,fd00:10:96::a' },
      ['169.254.20.10', 'fd00::10', DNS_SERVER, 'fd00:10:96::a'],
    ],
    ['IPv6 alone', { localDns: 'fd00::10', dnsServer: 'fd00:10:96::a' }, ['fd00::10', 'fd00:10:96::a']],
    ['the cluster IP alone', { localDns: '' }, [DNS_SERVER]],
    ['its own address alone beside IPVS', { kubeProxyMode: 'ipvs', dnsServer: '' }, ['169.254.20.10']],
  ])('has the cache answer on %s', async (_, config, expected) => {
    const manifests = await render(config);
    expect(settingsOf(manifests).addresses.map(({ address }) => address)).toEqual(expected);
    expect(pod(manifests, 'containers.0.livenessProbe.httpGet.host')).toBe(expected[0]);
  });

  it('hands every setting to the program', async () => {
    const manifests = await render({
      rules: 'iptables',
      fallback: '10.96.0.12',
      interfaceName: 'dns0',
      setupInterface: true,
      skipTeardown: true,
      healthPort: 9254,
      setupMetricsPort: 9354,
      logFormat: 'json',
      extraArgs: ['-udp-listener=dgram'],
    });
    expect(settingsOf(manifests)).toMatchObject({
      rules: 'iptables',
      fallback: { 4: '10.96.0.12' },
      interfaceName: 'dns0',
      skipTeardown: true,
      healthPort: 9254,
      metricsAddress: ':9354',
      logFormat: 'json',
      udpListener: 'dgram',
    });
  });

  it('has queries fall back to dnsServer, which stays where the release goes', async () => {
    expect(settingsOf(await render()).fallback[4]).toBe(DNS_SERVER);
    expect(settingsOf(await render({ kubeProxyMode: 'ipvs' })).fallback[4]).toBe(DNS_SERVER);
  });

  it('lets two Pods be on a node in an update: no ports, and the new one first', async () => {
    const manifests = await render();
    expect(pod(manifests, 'containers.0.ports')).toBeUndefined();
    expect(at(theOne(manifests, 'DaemonSet'), 'spec.updateStrategy.rollingUpdate')).toEqual({
      maxSurge: 1,
      maxUnavailable: 0,
    });
    // The file that it looks at is the one that the program writes, on a volume of this Pod alone.
    expect(pod(manifests, 'containers.0.startupProbe.exec.command.2')).toContain(settingsOf(manifests).pidfile);
    expect(at(pod(manifests, 'volumes'), '2')).toMatchObject({ name: 'run', emptyDir: {} });
  });

  it('has no right in the API but with serviceWatch, and then to list and watch', async () => {
    const manifests = await render();
    expect(manifests.filter(({ apiVersion }) => apiVersion.startsWith('rbac.'))).toEqual([]);
    expect(pod(manifests, 'automountServiceAccountToken')).toBe(false);
    const watching = await render({}, { serviceWatch: { enabled: true } });
    expect(pod(watching, 'automountServiceAccountToken')).toBe(true);
    expect(at(theOne(watching, 'ClusterRole'), 'rules')).toEqual([
      { apiGroups: [''], resources: ['services'], verbs: ['list', 'watch'] },
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
    ]);
  });

  it('cleans nodes only once the cache on them is gone', async () => {
    const manifests = await helmTemplate('node-local-dns', { mode: 'cleanup' });
    expect(manifests.map(({ kind }) => kind).toSorted()).toEqual(['DaemonSet', 'Service', 'ServiceAccount']);
    expect(at(theOne(manifests, 'DaemonSet'), 'spec.updateStrategy.rollingUpdate')).toEqual({
      maxSurge: 0,
      maxUnavailable: '100%',
    });
    expect(argsOf(manifests, 'initContainers.0.args').slice(0, 2)).toEqual(['node-cache', 'cleanup']);
  });

  it('can have a release and a namespace that YAML would take for something else', async () => {
    const manifests = await helmTemplate(
      'node-local-dns',
      { config: { dnsServer: DNS_SERVER }, fullnameOverride: '123' },
      { release: 'n', namespace: '1e3' },
    );
    for (const { metadata } of manifests)
      expect(Object.values({ ...metadata.labels, name: metadata.name })).toSatisfy((values: unknown[]) =>
        values.every((value) => typeof value === 'string'),
      );
  });

  it('says how to find the cluster IP, and that the namespace is not that of the DNS', async () => {
    const fault = await words(helmTemplate('node-local-dns', {}));
    expect(fault).toContain("kubectl -n kube-system get service kube-dns -o jsonpath='{.spec.clusterIPs}'");
    expect(fault).toContain('--set config.dnsServer=');
    const elsewhere = helmTemplate('node-local-dns', { config: { dnsServer: DNS_SERVER } }, { namespace: 'default' });
    expect(await words(elsewhere)).toContain('Add --namespace kube-system');
  });

  it('explains each value in its README', async () => {
    expect(await unexplainedValues('node-local-dns')).toEqual([]);
  });

  it.each([
    ['a misspelled key', { config: { dnsserver: DNS_SERVER } }, 'dnsserver'],
    ['a key of the wrong place', { localDns: '169.254.20.10' }, 'localDns'],
    ['a key that is not there', { prometheus: { monitor: { enable: true } } }, 'enable'],
    ['no address', { config: { dnsServer: 'kube-dns' } }, 'dnsServer'],
    ['a port that is none', { config: { healthPort: 99_999 } }, 'healthPort'],
    ['a mode that is not there', { config: { kubeProxyMode: 'ebpf' } }, 'kubeProxyMode'],
  ])('refuses %s by its name', async (_, values, name) => {
    expect(await words(helmTemplate('node-local-dns', values))).toContain(name);
  });

  it('wants the Service that a ServiceMonitor looks at', async () => {
    const prometheus = { service: { enabled: false }, monitor: { enabled: true } };
    expect(await words(render({}, { prometheus }))).toContain('prometheus.service.enabled');
  });
});

describe.skipIf(noTestbed !== '')(titled('the chart node-local-dns at a cluster', noTestbed), () => {
  it('finds the cluster IPs of kube-dns by itself', async () => {
    try {
      await testbed.apply(
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'kube-dns', namespace: 'kube-system' },
          spec: { clusterIP: '10.96.0.53', clusterIPs: ['10.96.0.53', 'fd00:10:96::53'] },
        }),
      );
      const args = ['--dry-run=server', '--kubeconfig', testbed.kubeconfig];
      const manifests = await helmTemplate('node-local-dns', {}, { args });
      expect(argsOf(manifests)).toContain('-localip=169.254.20.10,10.96.0.53,fd00:10:96::53');
    } finally {
      await testbed.stop();
    }
  });
});
