import { describe, expect, it } from 'vitest';
import { textFromName } from '#dns/name.ts';
import { setupPlugin, testServices } from '#plugin/testing.ts';
import definition from './index.ts';
import type { KubernetesInstance } from './instance.ts';
import type { KubernetesOptions } from './options.ts';

const setup = (lines: string, args = '', zones = ['cluster.local.']) => {
  const { instance, faults } = setupPlugin(definition, `kubernetes ${args} {\n${lines}\n}`, { zones });
  return { options: (instance as KubernetesInstance | null)?.options as KubernetesOptions, faults };
};
const faultsOf = (lines: string, args = '', zones?: string[]): string[] =>
  setup(lines, args, zones).faults.list.map(({ message, token }) => `${token?.text}: ${message}`);
const ARGUMENT = 'Error during parsing: Wrong argument count or unexpected line ending after';

describe('the kubernetes directive', () => {
  it('has the defaults of CoreDNS', () => {
    const { options, faults } = setup('');
    expect(faults.list).toEqual([]);
    expect(options).toMatchObject({
      origin: { kind: 'api', connection: { kind: 'in-cluster' } },
      labels: '',
      namespaceLabels: '',
      podMode: 'disabled',
      hasEndpointPodNames: false,
      hasEndpoints: true,
      isEmptyServiceIgnored: false,
      fallthroughZones: [],
      ttlSeconds: 5,
      startupTimeoutMs: 5000,
    });
    expect(options.zones.map(textFromName)).toEqual(['cluster.local.']);
  });

  it('reads every option', () => {
    const { options, faults } = setup(`pods verified
      endpoint_pod_names
      noendpoints
      namespaces a b
      namespaces c
      labels tier in (web, api),app=x
      fallthrough in-addr.arpa 10.0.0.0/8
      ttl 30
      ignore empty_service and more
      startup_timeout 1m30s
      apiserver_qps 50.5
      apiserver_burst 100
      apiserver_max_inflight 0`);
    expect(faults.list).toEqual([]);
    expect(options).toMatchObject({
      podMode: 'verified',
      hasEndpointPodNames: true,
      hasEndpoints: false,
      labels: 'app=x,tier in (api,web)',
      ttlSeconds: 30,
      isEmptyServiceIgnored: true,
      startupTimeoutMs: 90_000,
    });
    expect([...options.namespaces]).toEqual(['a', 'b', 'c']);
    expect(options.fallthroughZones.map(textFromName)).toEqual(['in-addr.arpa.', '10.in-addr.arpa.']);
  });

  it('takes the first zone that is not reverse for the targets of reverse names', () => {
    expect(textFromName(setup('', '10.0.0.0/8 in-addr.arpa a.test b.test').options.primaryZone)).toBe('a.test.');
    expect(textFromName(setup('', 'in-addr.arpa').options.primaryZone)).toBe('in-addr.arpa.');
    expect(faultsOf('', '10.0.0.0/8 ip6.arpa')).toEqual([]);
    expect(faultsOf('', '10.0.0.0/8 fd00::/64')).toEqual(['10.0.0.0/8: non-reverse zone name must be used']);
    expect(faultsOf('', '', ['10.in-addr.arpa.'])).toEqual(['kubernetes: non-reverse zone name must be used']);
  });

  it('reports all faults of a block together', () => {
    expect(faultsOf('pods maybe\nttl 5000\nfoo\nlabels')).toEqual([
      'maybe: wrong value for pods: maybe,  must be one of: disabled, verified, insecure',
      '5000: Error during parsing: ttl must be in range [0, 3600]: 5000',
      "foo: Error during parsing: unknown property 'foo'",
      `labels: ${ARGUMENT} 'labels'`,
    ]);
  });

  it.each([
    ['pods', `pods: ${ARGUMENT} 'pods'`],
    ['pods insecure verified', `verified: ${ARGUMENT} 'verified'`],
    ['endpoint', `endpoint: ${ARGUMENT} 'endpoint'`],
    ['tls a b', `b: ${ARGUMENT} 'b'`],
    ['kubeconfig', `kubeconfig: ${ARGUMENT} 'kubeconfig'`],
    ['kubeconfig a b c', `c: ${ARGUMENT} 'c'`],
    ['manifests', `manifests: ${ARGUMENT} 'manifests'`],
    ['namespaces', `namespaces: ${ARGUMENT} 'namespaces'`],
    ['endpoint_pod_names x', `x: ${ARGUMENT} 'x'`],
    ['noendpoints x', `x: ${ARGUMENT} 'x'`],
    ['zonal x', `x: ${ARGUMENT} 'x'`],
    ['ttl', `ttl: ${ARGUMENT} 'ttl'`],
    ['startup_timeout', `startup_timeout: ${ARGUMENT} 'startup_timeout'`],
    ['ttl abc', 'abc: strconv.Atoi: parsing "abc": invalid syntax'],
    ['ttl 1e3', '1e3: strconv.Atoi: parsing "1e3": invalid syntax'],
    [
      'ttl 99999999999999999999',
      '99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range',
    ],
    ['ttl -1', '-1: Error during parsing: ttl must be in range [0, 3600]: -1'],
    ['startup_timeout abc', 'abc: failed to parse startup_timeout: abc, time: invalid duration "abc"'],
    ['startup_timeout 5', '5: failed to parse startup_timeout: 5, time: missing unit in duration "5"'],
    ['startup_timeout 5x', '5x: failed to parse startup_timeout: 5x, time: unknown unit "x" in duration "5x"'],
    [
      'apiserver_qps abc',
      'abc: Error during parsing: invalid apiserver_qps "abc": strconv.ParseFloat: parsing "abc": invalid syntax',
    ],
    [
      'apiserver_qps 1e400',
      '1e400: Error during parsing: invalid apiserver_qps "1e400": strconv.ParseFloat: parsing "1e400": value out of range',
    ],
    ['apiserver_qps -10', '-10: Error during parsing: apiserver_qps must be >= 0'],
    [
      'apiserver_burst x',
      'x: Error during parsing: invalid apiserver_burst "x": strconv.Atoi: parsing "x": invalid syntax',
    ],
    ['apiserver_max_inflight -1', '-1: Error during parsing: apiserver_max_inflight must be >= 0'],
    ['ignore x', "x: unable to parse ignore value: 'x'"],
    [
      'labels a in (b',
      `a: unable to parse label selector value: 'a in (b': couldn't parse the selector string "a in (b": unable to parse requirement: found '', expected: ',' or ')'`,
    ],
    [
      'namespace_labels a in (b',
      `a: unable to parse namespace_label selector value: 'a in (b': couldn't parse the selector string "a in (b": unable to parse requirement: found '', expected: ',' or ')'`,
    ],
    [
      'namespaces a\nnamespace_labels b=c',
      'namespace_labels: Error during parsing: namespaces and namespace_labels cannot both be set',
    ],
    [
      'multicluster other.test',
      'other.test: Error during parsing: is not authoritative for the multicluster zone other.test. (authoritative zones: [cluster.local.])',
    ],
  ])('refuses %s', (lines, message) => {
    expect(faultsOf(lines)).toEqual([message]);
  });

  it('refuses by name what is not built yet, with what to do', () => {
    for (const line of ['zonal', 'multicluster cluster.local']) {
      const [fault] = setup(line).faults.list;
      expect(fault?.message).toMatch(/is not built yet$/);
      expect(fault?.hint).toMatch(/^remove it/);
    }
    expect(faultsOf('multicluster')).toEqual([]);
    expect(faultsOf('zonal\nnoendpoints')).toContain(
      'zonal: Error during parsing: zonal requires the endpoint cache; remove noendpoints',
    );
  });

  it('is refused where it stands twice in a server block', () => {
    const { faults } = setupPlugin(definition, 'kubernetes a.test\nkubernetes b.test');
    expect(faults.list.map(({ message }) => message)).toEqual(['this plugin can only be used once per Server Block']);
  });
});

describe('the origin of cluster data', () => {
  const originOf = (lines: string, manifestDirectories: string[] = []) => {
    const services = testServices({ manifestDirectories });
    const { instance } = setupPlugin(definition, `kubernetes {\n${lines}\n}`, { services, zones: ['a.test.'] });
    return (instance as KubernetesInstance).options.origin;
  };

  it('is a kubeconfig before an endpoint', () => {
    expect(originOf('endpoint http://a:1\nkubeconfig file context')).toEqual({
      kind: 'api',
      connection: { kind: 'kubeconfig', file: 'file', context: 'context' },
    });
  });

  it('is the first endpoint, with its TLS files', () => {
    expect(originOf('endpoint https://a:1 https://b:1\ntls cert key ca')).toEqual({
      kind: 'api',
      connection: { kind: 'endpoint', url: 'https://a:1', tls: { cert: 'cert', key: 'key', ca: 'ca' } },
    });
    expect(setup('endpoint https://a:1 https://b:1').faults.warnings.map(({ message }) => message)).toEqual([
      "Multiple endpoints have been deprecated, only the first specified endpoint 'https://a:1' is used",
    ]);
  });

  it('is a directory of manifests where the block or the command line names one', () => {
    expect(originOf('manifests one two\nendpoint http://a:1')).toEqual({
      kind: 'manifests',
      directories: ['one', 'two'],
    });
    expect(originOf('', ['three'])).toEqual({ kind: 'manifests', directories: ['three'] });
    expect(originOf('endpoint http://a:1', ['three']).kind).toBe('api');
  });
});
