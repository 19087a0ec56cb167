import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatFault } from '#kube/manifests/fault.ts';
import { loadCluster } from '#kube/manifests/load.ts';
import { asList, asObject, type RawObject } from '#kube/objects/json.ts';

const metaOf = (raw: RawObject) => asObject(raw.metadata);
const specOf = (raw: RawObject) => asObject(raw.spec);

describe('manifests as tutorials print them', () => {
  const cluster = loadCluster(['test/manifests/snippets']);

  it('are accepted, or refused with the place and the mend', () => {
    const at = 'test/manifests/snippets/';
    expect(cluster.faults.map(formatFault)).toEqual([
      `${at}no-name.yaml:3:1: this Service has no name: found (none), so it is left out: give it metadata.name`,
      `${at}slash-comments.yaml:6:3: not YAML: a comment begins with #, not with //: change it to #, in: // Which Pods are meant`,
      `${at}template.yaml:4:9: not YAML: this is a template: render it first (helm template), in: name: {{ include "chart.fullname" . }}`,
      `${at}slash-comments.yaml:19:13: Service default/behind-values: port "80 // the port of the Service" is not a number from 1 to 65535 (a comment begins with #, not with //), so this port is left out`,
      `${at}node-port-8081.yaml:12:17: Service default/my-app: nodePort 8081 is not in the range 30000-32767: choose one in it, or leave it out (one is allotted)`,
    ]);
  });

  it('do not keep each other from being served', () => {
    expect(cluster.services.map((raw) => metaOf(raw).name)).toEqual([
      'behind-values',
      'my-app',
      'untouched',
      'frontend',
    ]);
    expect(cluster.namespaces.map((raw) => metaOf(raw).name)).toContain('guestbook');
  });
});

describe('the examples', () => {
  const cluster = loadCluster(['examples']);
  const service = (namespace: string, name: string) =>
    specOf(cluster.services.find((raw) => metaOf(raw).namespace === namespace && metaOf(raw).name === name) ?? {});
  const endpoints = (name: string) =>
    cluster.endpointSlices
      .filter((raw) => asObject(metaOf(raw).labels)['kubernetes.io/service-name'] === name)
      .flatMap((raw) => asList(raw.endpoints).map(asObject));

  it('have no fault', () => {
    expect(cluster.faults).toEqual([]);
  });

  it('hold what they are known for', () => {
    expect(service('kube-system', 'kube-dns')).toMatchObject({
      clusterIP: '10.96.0.10',
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53 },
        { name: 'metrics', port: 9153 },
      ],
    });
    expect(service('default', 'hello-world').clusterIP).toBe('10.96.77.44');
    expect(service('default', 'kubernetes').clusterIP).toBe('10.96.0.1');
    expect(service('default', 'hostnames').type).toBe('NodePort');
    expect(endpoints('hostnames')).toHaveLength(3);
    expect(endpoints('webapp')).toHaveLength(2);
    expect(service('default', 'nginx').clusterIP).toBe('None');
    expect(endpoints('nginx').map(({ hostname }) => hostname)).toEqual(['web-0', 'web-1', 'web-2', 'web-3']);
    expect(endpoints('my-service').map(({ addresses }) => addresses)).toEqual([['1.2.3.4']]);
    expect(service('prod', 'my-service')).toMatchObject({
      type: 'ExternalName',
      externalName: 'my.database.example.com',
    });
    expect(endpoints('busybox-subdomain').map(({ hostname }) => hostname)).toEqual(['busybox-1', 'busybox-2']);
    expect(service('default', 'dual-stack').ipFamilies).toEqual(['IPv4', 'IPv6']);
    expect(asList(service('default', 'multi-port').ports)).toHaveLength(3);
  });

  it('are a cluster for the Service proxy: nodes, ranges, and every way in', () => {
    expect(
      cluster.nodes.map((raw) => [metaOf(raw).name, asObject(metaOf(raw).labels)['topology.kubernetes.io/zone']]),
    ).toEqual([
      ['n1', 'eu-1a'],
      ['n2', 'eu-1b'],
      ['n3', 'us-1a'],
    ]);
    expect(cluster.serviceCidrs.map((raw) => specOf(raw).cidrs)).toEqual([['10.96.0.0/12', 'fd00:10:96::/112']]);
    const addresses = (name: string) => endpoints(name).flatMap((endpoint) => asList(endpoint.addresses));
    expect(addresses('hello-world')).toEqual(['10.244.2.106', '10.244.2.107']);
    expect(addresses('hostnames')).toEqual(['10.168.0.10', '10.168.1.12', '10.168.2.21']);
    expect(endpoints('hostnames').map(({ nodeName, zone }) => [nodeName, zone])).toEqual([
      ['n1', 'eu-1a'],
      ['n2', 'eu-1b'],
      ['n3', 'us-1a'],
    ]);
    const nodePort = (name: string) => asList(service('default', name).ports).map((port) => asObject(port).nodePort);
    expect([nodePort('hostnames'), nodePort('hostnames-local')]).toEqual([[30_000], [30_001]]);
    expect(service('default', 'hostnames-local').externalTrafficPolicy).toBe('Local');
    expect(service('default', 'public').loadBalancerSourceRanges).toEqual(['198.51.100.0/24', '203.0.113.0/25']);
    expect(service('default', 'public-local').healthCheckNodePort).toBe(32_080);
    expect(nodePort('public-local')).toEqual([undefined]);
    expect(service('default', 'shop')).toMatchObject({ externalIPs: ['80.11.12.10'], sessionAffinity: 'ClientIP' });
    const keys = ['near-only', 'near-first', 'zone-only', 'zone-first'].map(
      (name) => service('default', name).topologyKeys,
    );
    expect(keys.map((each) => asList(each).length)).toEqual([1, 2, 2, 4]);
  });

  it('answer what their README says', () => {
    const rows = readFileSync('examples/README.md', 'utf8').matchAll(
      /dig [^`]* ([-a-z0-9]+)\.([-a-z]+)\.svc\.cluster\.local(?: AAAA)?` -> ([0-9a-f:.]+[0-9a-f])/g,
    );
    const stated = [...rows].map(([, name = '', namespace = '', address]) => ({ name, namespace, address }));
    expect(stated.length).toBeGreaterThanOrEqual(5);
    for (const { name, namespace, address } of stated) {
      const addresses = [
        ...asList(service(namespace, name).clusterIPs),
        ...endpoints(name).flatMap((endpoint) => asList(endpoint.addresses)),
      ];
      expect(addresses, `${name}.${namespace}`).toContain(address);
    }
  });
});
