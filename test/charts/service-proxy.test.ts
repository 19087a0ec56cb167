import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { FIELDS } from '#proxy/config/fields.ts';
import { readConfiguration } from '#proxy/config/read-file.ts';
import { unexplainedValues } from '#test/chart-readme.ts';
import { at, CHARTS, helmTemplate, type Manifest, theOne } from '#test/helm.ts';
import { missing, titled } from '../root/needs.ts';

const reason = await missing('the chart service-proxy', ['helm']);

const CLUSTER_CIDR = '10.244.0.0/16';
const API_SERVER = { host: '192.0.2.1' };

/** Values as kubeadm leaves them open. */
const KUBEADM = `
apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection: {acceptContentTypes: "", burst: 0, contentType: "", qps: 0}
clusterCIDR: ${CLUSTER_CIDR}
configSyncPeriod: 0s
conntrack: {maxPerCore: null, min: null, tcpBeLiberal: false, tcpCloseWaitTimeout: null, tcpEstablishedTimeout: null, udpStreamTimeout: 0s, udpTimeout: 0s}
detectLocal: {bridgeInterface: "", interfaceNamePrefix: ""}
detectLocalMode: ""
enableProfiling: false
healthzBindAddress: ""
hostnameOverride: ""
iptables: {localhostNodePorts: null, masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s}
ipvs: {excludeCIDRs: null, minSyncPeriod: 0s, scheduler: "", strictARP: false, syncPeriod: 0s, tcpFinTimeout: 0s, tcpTimeout: 0s, udpTimeout: 0s}
kind: KubeProxyConfiguration
logging: {flushFrequency: 0, options: {json: {infoBufferSize: "0"}, text: {infoBufferSize: "0"}}, verbosity: 0}
metricsBindAddress: ""
mode: ""
nftables: {masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s}
nodePortAddresses: null
oomScoreAdj: null
portRange: ""
showHiddenMetricsForVersion: ""
winkernel: {enableDSR: false, forwardHealthCheckVip: false, networkName: "", rootHnsEndpointName: "", sourceVip: ""}
`;

const render = (config: object = {}, more: object = {}): Promise<readonly Manifest[]> =>
  helmTemplate('service-proxy', { apiServer: API_SERVER, config: { clusterCIDR: CLUSTER_CIDR, ...config }, ...more });
const pod = (manifests: readonly Manifest[], path: string): unknown =>
  at(theOne(manifests, 'DaemonSet'), `spec.template.spec.${path}`);
const words = (reading: Promise<unknown>): Promise<string> =>
  reading.then(
    () => '',
    (error: Error) => error.message,
  );
/** As the program reads the file that an argument of the container names. */
const configurationOf = (manifests: readonly Manifest[], container = 'containers.0'): Record<string, unknown> => {
  const args = pod(manifests, `${container}.args`) as readonly string[];
  const file = /^--config=\/etc\/service-proxy\/(.*)$/.exec(args.find((arg) => arg.startsWith('--config=')) ?? '')?.[1];
  const data = theOne(manifests, 'ConfigMap', 'service-proxy').data as Record<string, string>;
  const { fields, faults } = readConfiguration(`${file}`, data[`${file}`] ?? '');
  expect(faults).toEqual([]);
  return Object.fromEntries([...fields].map(([path, { value }]) => [path, value]));
};

describe.skipIf(reason !== '')(titled('the chart service-proxy', reason), () => {
  it('knows every field of a KubeProxyConfiguration', async () => {
    const schema: unknown = JSON.parse(await readFile(`${CHARTS}/service-proxy/values.schema.json`, 'utf8'));
    const known = Object.entries(at(schema, 'properties.config.properties') as object).flatMap(([name, field]) =>
      Object.keys((at(field, 'properties') ?? { '': 0 }) as object).map((inner) =>
        inner === '' ? name : `${name}.${inner}`,
      ),
    );
    expect(known.toSorted()).toEqual(['apiVersion', 'kind', ...FIELDS.map(({ path }) => path)].toSorted());
  });

  it('gives the fields to the program as they are', async () => {
    const config = {
      mode: 'iptables',
      iptables: { masqueradeAll: true, minSyncPeriod: '5s' },
      nodePortAddresses: ['192.0.2.0/24'],
      logging: { verbosity: 4 },
      featureGates: { A: true },
      ipvs: { excludeCIDRs: ['192.0.2.0/24'] },
    };
    const read = configurationOf(await render(config));
    expect(read).toMatchObject({
      mode: 'iptables',
      'iptables.masqueradeAll': true,
      'iptables.minSyncPeriod': 5000,
      nodePortAddresses: ['192.0.2.0/24'],
      'logging.verbosity': 4,
      'ipvs.excludeCIDRs': ['192.0.2.0/24'],
      clusterCIDR: CLUSTER_CIDR,
    });
  });

  it('takes the file that kubeadm has written for kube-proxy', async () => {
    const config = load(KUBEADM) as object;
    const read = configurationOf(await render(config, { prometheus: { service: { enabled: true } } }));
    expect(read).toMatchObject({ clusterCIDR: CLUSTER_CIDR, metricsBindAddress: '0.0.0.0:10249', oomScoreAdj: -997 });
    expect(read.hostnameOverride).toBeUndefined();
    const kubeconfig = { clientConnection: { kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf' } };
    expect(await words(render(kubeconfig))).toContain('is not in the Pod');
  });

  it('has the init container set what conntrack is asked for, and the proxy leave it', async () => {
    const manifests = await render({ conntrack: { min: 1_048_576, tcpEstablishedTimeout: '2h' } });
    expect(configurationOf(manifests, 'initContainers.0')).toMatchObject({
      'conntrack.min': 1_048_576,
      'conntrack.tcpEstablishedTimeout': 7_200_000,
    });
    const left = Object.entries(configurationOf(manifests)).filter(([path]) => path.startsWith('conntrack.'));
    expect(left.map(([path]) => path)).toHaveLength(FIELDS.filter(({ path }) => path.startsWith('conntrack.')).length);
    expect(left.map(([, value]) => value)).toSatisfy((values: unknown[]) => values.every((value) => !value));
    expect(pod(manifests, 'initContainers.0.securityContext.privileged')).toBe(true);
    expect(pod(manifests, 'containers.0.securityContext.privileged')).toBeUndefined();
  });

  it('is privileged where the proxy is to set it itself, as kube-proxy does', async () => {
    const manifests = await render({ conntrack: { min: 5 } }, { sysctls: 'proxy' });
    expect(configurationOf(manifests)).toMatchObject({ 'conntrack.min': 5 });
    expect(pod(manifests, 'containers.0.securityContext')).toEqual({ privileged: true, readOnlyRootFilesystem: true });
    expect(pod(manifests, 'initContainers')).toBeUndefined();
  });

  it('has nothing privileged where the node is set up by its owner', async () => {
    const manifests = await render({}, { sysctls: 'nobody' });
    expect(JSON.stringify(theOne(manifests, 'DaemonSet'))).not.toContain('"privileged"');
  });

  it('starts where kube-proxy has been told to leave', async () => {
    expect(pod(await render(), 'nodeSelector')).toEqual({
      'kubernetes.io/os': 'linux',
      'service-proxy': 'cluster-dns',
    });
    expect(pod(await render({}, { nodes: 'all' }), 'nodeSelector')).toEqual({ 'kubernetes.io/os': 'linux' });
  });

  it('never has two proxies on one node', async () => {
    const manifests = await render();
    expect(at(theOne(manifests, 'DaemonSet'), 'spec.updateStrategy.rollingUpdate.maxSurge')).toBe(0);
    expect(configurationOf(manifests).bindAddressHardFail).toBe(true);
    const updateStrategy = { rollingUpdate: { maxSurge: 1 } };
    expect(await words(render({}, { updateStrategy }))).toContain('maxSurge');
  });

  it('reaches the API server without a Service', async () => {
    const env = pod(await render({}, { apiServer: { host: 'fd00::1', port: 443 } }), 'containers.0.env');
    expect(env).toContainEqual({ name: 'KUBERNETES_SERVICE_HOST', value: 'fd00::1' });
    expect(env).toContainEqual({ name: 'KUBERNETES_SERVICE_PORT', value: '443' });
    const kubeconfig = { clientConnection: { kubeconfig: '/etc/kubernetes/kubeconfig' } };
    const manifests = await helmTemplate('service-proxy', {
      config: { clusterCIDR: CLUSTER_CIDR, ...kubeconfig },
      extraVolumes: [{ name: 'kubeconfig', secret: { secretName: 'kubeconfig' } }],
      extraVolumeMounts: [{ name: 'kubeconfig', mountPath: '/etc/kubernetes' }],
    });
    expect(configurationOf(manifests)['clientConnection.kubeconfig']).toBe('/etc/kubernetes/kubeconfig');
    expect(JSON.stringify(pod(manifests, 'containers.0.env'))).not.toContain('KUBERNETES_SERVICE_HOST');
  });

  it('may list and watch what rules are made of, and nothing else', async () => {
    const rules = at(theOne(await render(), 'ClusterRole'), 'rules') as { resources: string[]; verbs: string[] }[];
    expect(rules.flatMap(({ resources }) => resources).toSorted()).toEqual([
      'endpointslices',
      'nodes',
      'servicecidrs',
      'services',
    ]);
    expect([...new Set(rules.map(({ verbs }) => verbs.join()))]).toEqual(['list,watch']);
  });

  it('has metrics on all addresses where Prometheus is to read them', async () => {
    expect(configurationOf(await render()).metricsBindAddress).toBe('127.0.0.1:10249');
    const prometheus = { service: { enabled: true }, monitor: { enabled: true } };
    const manifests = await render({}, { prometheus });
    expect(configurationOf(manifests).metricsBindAddress).toBe('0.0.0.0:10249');
    expect(at(theOne(manifests, 'Service'), 'spec.ports.0.port')).toBe(10_249);
    const elsewhere = await render({ metricsBindAddress: '0.0.0.0:9999' }, { prometheus });
    expect(at(theOne(elsewhere, 'Service'), 'spec.ports.0.port')).toBe(9999);
  });

  it('is probed where its health is', async () => {
    const manifests = await render({ healthzBindAddress: '0.0.0.0:9256' });
    expect(pod(manifests, 'containers.0.readinessProbe.httpGet')).toEqual({ path: '/readyz', port: 9256 });
    expect(pod(manifests, 'containers.0.livenessProbe.httpGet')).toEqual({ path: '/livez', port: 9256 });
  });

  it('is started anew by a change of its configuration', async () => {
    const checksum = async (config: object): Promise<unknown> =>
      at(theOne(await render(config), 'DaemonSet'), 'spec.template.metadata.annotations')?.['checksum/config' as never];
    expect(await checksum({})).toBe(await checksum({}));
    expect(await checksum({})).not.toBe(await checksum({ nodePortAddresses: ['primary'] }));
  });

  it('cleans nodes only once the proxy on them is gone, and needs no value for it', async () => {
    const manifests = await helmTemplate('service-proxy', { mode: 'cleanup' });
    expect(manifests.map(({ kind }) => kind).toSorted()).toEqual(['DaemonSet', 'ServiceAccount']);
    expect(at(theOne(manifests, 'DaemonSet'), 'spec.updateStrategy.rollingUpdate')).toEqual({
      maxSurge: 0,
      maxUnavailable: '100%',
    });
    expect(pod(manifests, 'initContainers.0.args')).toEqual(['proxy', 'cleanup']);
  });

  it('says how to find the API server and the range of Pods', async () => {
    const apiServer = await words(helmTemplate('service-proxy', { config: { clusterCIDR: CLUSTER_CIDR } }));
    expect(apiServer).toContain("get configmap kube-proxy -o jsonpath='{.data.kubeconfig\\.conf}' | grep server:");
    const range = await words(helmTemplate('service-proxy', { apiServer: API_SERVER }));
    expect(range).toContain("get configmap kube-proxy -o jsonpath='{.data.config\\.conf}' | grep clusterCIDR");
    await expect(render({ clusterCIDR: '', detectLocalMode: 'NodeCIDR' })).resolves.toBeDefined();
  });

  it('explains each value in its README', async () => {
    expect(await unexplainedValues('service-proxy')).toEqual([]);
  });

  it.each([
    ['a field in other letters', { config: { clusterCidr: CLUSTER_CIDR } }, 'clusterCidr'],
    ['a field of a section that is not there', { config: { nftables: { minSync: '1s' } } }, 'minSync'],
    ['a duration without a unit', { config: { iptables: { syncPeriod: '30' } } }, 'syncPeriod'],
    ['a mode that is not there', { config: { mode: 'userspace' } }, 'mode'],
    ['a URL for a host', { apiServer: { host: 'https://192.0.2.1:6443' } }, 'host'],
  ])('refuses %s by its name', async (_, values, name) => {
    expect(await words(helmTemplate('service-proxy', values))).toContain(name);
  });
});
