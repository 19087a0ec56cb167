import { describe, expect, it } from 'vitest';
import { asList, asObject } from '../objects/json.ts';
import { completeCluster } from './complete.ts';
import { formatFault } from './fault.ts';
import { parseYaml } from './parse-yaml.ts';
import { readObjects } from './read-objects.ts';

const complete = (text: string, serviceCidrs?: readonly string[]) => {
  const parsed = parseYaml('a.yaml', text);
  const { objects, namespaces, faults } = readObjects(parsed.documents);
  const cluster = completeCluster(objects, namespaces, serviceCidrs);
  return { ...cluster, faults: [...parsed.faults, ...faults, ...cluster.faults].map(formatFault) };
};
const service = (name: string, spec: string, namespace = 'default') =>
  `---\napiVersion: v1\nkind: Service\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;
const pod = (name: string, labels: string, more = '') =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: ${labels}}\n${more}\n`;
const specs = (cluster: { services: readonly unknown[] }) =>
  Object.fromEntries(
    cluster.services.map((raw) => [asObject(asObject(raw).metadata).name, asObject(asObject(raw).spec)]),
  );
const names = (list: readonly unknown[]) => list.map((raw) => asObject(asObject(raw).metadata).name);
const endpointsOf = (slice: unknown) => asList(asObject(slice).endpoints).map(asObject);

describe('ClusterIPs', () => {
  it('are the same in whatever order the manifests come', () => {
    const all = Array.from({ length: 40 }, (_, index) => service(`s${index}`, '{ports: [{port: 80}]}'));
    const first = complete(all.join(''));
    const second = complete(all.reverse().join(''));
    expect(first.services).toEqual(second.services);
    const ips = Object.values(specs(first)).map((spec) => String(asObject(spec).clusterIP));
    expect(new Set(ips).size).toBe(40);
    expect(ips.every((ip) => /^10\.(9[6-9]|10\d|11[01])\./.test(ip))).toBe(true);
  });

  it('do not move a given one, and go round it', () => {
    const small = ['10.0.0.0/30'];
    const cluster = complete(`${service('a', '{}')}${service('b', '{clusterIP: 10.0.0.1}')}`, small);
    expect(specs(cluster)).toMatchObject({ a: { clusterIP: '10.0.0.2' }, b: { clusterIP: '10.0.0.1' } });
    expect(cluster.faults).toEqual([]);
  });

  it('come in two families as the policy and the families say', () => {
    const cluster = complete(
      service('single', '{}') +
        service('six', '{ipFamilies: [IPv6]}') +
        service('prefer', '{ipFamilyPolicy: PreferDualStack}') +
        service('require', '{ipFamilyPolicy: RequireDualStack, clusterIP: "fd00:10:96::9"}') +
        service('headless', '{clusterIP: None, ipFamilyPolicy: PreferDualStack}') +
        service('outside', '{type: ExternalName, externalName: example.com}'),
    );
    const { single, six, prefer, require, headless, outside } = specs(cluster);
    expect(single?.clusterIPs).toEqual([expect.stringMatching(/^10\./)]);
    expect(six?.clusterIPs).toEqual([expect.stringMatching(/^fd00:10:96::/)]);
    expect(prefer?.clusterIPs).toEqual([expect.stringMatching(/^10\./), expect.stringMatching(/^fd00:/)]);
    expect(require).toMatchObject({ clusterIP: 'fd00:10:96::9', ipFamilies: ['IPv6', 'IPv4'] });
    expect(headless).toMatchObject({ clusterIPs: ['None'], ipFamilies: ['IPv4', 'IPv6'] });
    expect(outside).toEqual({ type: 'ExternalName', externalName: 'example.com', sessionAffinity: 'None' });
  });

  it('that two Services claim, or that are none, or that are used up, are reported', () => {
    const cluster = complete(
      service('a', '{clusterIP: 10.0.0.1}') +
        service('b', '{clusterIP: 10.0.0.1}') +
        service('c', '{clusterIP: 10.0.0.999}'),
      ['10.0.0.0/30'],
    );
    expect(cluster.faults).toEqual([
      'a.yaml:10:19: Service default/b: clusterIP 10.0.0.1 is the ClusterIP of Service default/a too: leave it out, or give another (another is allotted)',
      'a.yaml:15:19: Service default/c: clusterIP 10.0.0.999 is not an IP address: leave it out, or give another (another is allotted)',
      expect.stringContaining('Service default/c: no IPv4 ClusterIP is left to allot'),
    ]);
    expect(specs(cluster)).toMatchObject({ a: { clusterIP: '10.0.0.1' }, b: { clusterIP: '10.0.0.2' } });
    expect(specs(cluster).c).not.toHaveProperty('clusterIP');
  });
});

describe('node ports', () => {
  const portsOf = (cluster: { services: readonly unknown[] }, name: string) =>
    asList(specs(cluster)[name]?.ports).map((port) => asObject(port).nodePort);

  it('are allotted for NodePort and LoadBalancer alone, one number for both protocols of a port', () => {
    const dns = 'ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}]';
    const cluster = complete(
      service('node', `{type: NodePort, ${dns}}`) +
        service('lb', `{type: LoadBalancer, ${dns}}`) +
        service('none', `{type: LoadBalancer, allocateLoadBalancerNodePorts: false, ${dns}}`) +
        service('plain', `{${dns}}`),
    );
    const [udp, tcp] = portsOf(cluster, 'node');
    expect(udp).toBe(tcp);
    expect(Number(udp)).toBeGreaterThanOrEqual(30000);
    expect(Number(udp)).toBeLessThanOrEqual(32767);
    expect(portsOf(cluster, 'lb')).not.toContain(udp);
    expect(portsOf(cluster, 'none')).toEqual([undefined, undefined]);
    expect(portsOf(cluster, 'plain')).toEqual([undefined, undefined]);
  });

  it('outside the range are reported with the mend, and the Service is served with another', () => {
    const cluster = complete(service('web', '{type: NodePort, ports: [{port: 80, nodePort: 8081}]}'));
    expect(cluster.faults).toEqual([
      'a.yaml:5:53: Service default/web: nodePort 8081 is not in the range 30000-32767: choose one in it, or leave it out (one is allotted)',
    ]);
    expect(Number(portsOf(cluster, 'web')[0])).toBeGreaterThanOrEqual(30000);
  });

  it('that are taken, or on a Service that has none, are reported', () => {
    const cluster = complete(
      service('a', '{type: NodePort, ports: [{port: 80, nodePort: 30080}]}') +
        service('b', '{type: NodePort, ports: [{port: 80, nodePort: 30080}]}') +
        service('c', '{ports: [{port: 80, nodePort: 30081}]}'),
    );
    expect(cluster.faults).toEqual([
      expect.stringContaining('Service default/b: nodePort 30080 is taken by Service default/a'),
      expect.stringContaining('Service default/c: nodePort 30081 needs type NodePort or LoadBalancer'),
    ]);
    expect(portsOf(cluster, 'a')).toEqual([30080]);
    expect(portsOf(cluster, 'b')).not.toEqual([30080]);
    expect(portsOf(cluster, 'c')).toEqual([undefined]);
  });
});

describe('EndpointSlices', () => {
  it('hold the Pods that a selector means, with their readiness, names and nodes', () => {
    const cluster = complete(
      service('web', '{selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}') +
        pod(
          'a',
          '{app: web, tier: x}',
          'spec: {hostname: first, subdomain: web, nodeName: n1}\nstatus: {podIP: 10.244.0.7}',
        ) +
        pod(
          'b',
          '{app: web}',
          'spec: {hostname: second, subdomain: other}\nstatus: {podIP: 10.244.0.8, conditions: [{type: Ready, status: "False"}]}',
        ) +
        pod('c', '{app: web}', 'status: {podIP: 10.244.0.9, phase: Succeeded}') +
        pod('d', '{app: web}', 'status: {podIP: 10.244.0.10, phase: Pending}') +
        pod('e', '{app: db}', 'status: {podIP: 10.244.0.11}'),
    );
    expect(cluster.faults).toEqual([]);
    expect(cluster.endpointSlices).toHaveLength(1);
    const [slice] = cluster.endpointSlices;
    expect(slice).toMatchObject({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    });
    expect(endpointsOf(slice)).toEqual([
      {
        addresses: ['10.244.0.7'],
        conditions: { ready: true, serving: true, terminating: false },
        hostname: 'first',
        nodeName: 'n1',
        targetRef: { kind: 'Pod', namespace: 'default', name: 'a' },
      },
      expect.objectContaining({
        addresses: ['10.244.0.8'],
        conditions: { ready: false, serving: false, terminating: false },
      }),
      expect.objectContaining({
        addresses: ['10.244.0.10'],
        conditions: { ready: false, serving: false, terminating: false },
      }),
    ]);
    expect(endpointsOf(slice)[1]).not.toHaveProperty('hostname');
  });

  it('publish Pods that are not ready where the Service says so, and none that are going unless it does', () => {
    const gone = `---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {app: web}, deletionTimestamp: "2026-01-01T00:00:00Z"}\n`;
    const ready = (spec: string) =>
      asObject(endpointsOf(complete(service('web', spec) + gone).endpointSlices[0])[0]?.conditions);
    expect(ready('{selector: {app: web}}')).toEqual({ ready: false, serving: true, terminating: true });
    expect(ready('{selector: {app: web}, publishNotReadyAddresses: true}').ready).toBe(true);
  });

  it('find a named port in each Pod, and part Pods that have it at different numbers', () => {
    const container = (port: number) => `spec: {containers: [{ports: [{name: web, containerPort: ${port}}]}]}`;
    const cluster = complete(
      service(
        'web',
        '{selector: {app: web}, ports: [{name: http, port: 80, targetPort: web}, {name: dns, port: 53, protocol: UDP, targetPort: web}]}',
      ) +
        pod('a', '{app: web}', container(8080)) +
        pod('b', '{app: web}', container(9090)) +
        pod('c', '{app: web}', container(8080)),
    );
    const byPort = cluster.endpointSlices.map((slice) => [asObject(slice).ports, endpointsOf(slice).length]);
    expect(byPort).toEqual(
      expect.arrayContaining([
        [[{ name: 'http', protocol: 'TCP', port: 8080 }], 2],
        [[{ name: 'http', protocol: 'TCP', port: 9090 }], 1],
      ]),
    );
    expect(new Set(names(cluster.endpointSlices)).size).toBe(2);
  });

  it('are one for each family of a dual-stack Service', () => {
    const cluster = complete(
      service('web', '{ipFamilyPolicy: RequireDualStack, selector: {app: web}, ports: [{port: 80}]}') +
        pod('a', '{app: web}', 'status: {podIP: 10.244.0.7, podIPs: [{ip: 10.244.0.7}, {ip: "fd00::7"}]}') +
        pod('b', '{app: web}', 'status: {podIP: 10.244.0.8}'),
    );
    const addresses = cluster.endpointSlices.map((slice) => endpointsOf(slice).flatMap(({ addresses }) => addresses));
    expect(addresses).toEqual(expect.arrayContaining([['10.244.0.7', '10.244.0.8'], ['fd00::7']]));
    expect(addresses).toHaveLength(2);
  });

  it('that are given stay the only ones of their Service', () => {
    const given = `---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\nendpoints: [{addresses: [10.9.9.9]}]\nports: []\n`;
    const cluster = complete(service('web', '{selector: {app: web}}') + pod('a', '{app: web}') + given);
    expect(names(cluster.endpointSlices)).toEqual(['web-1']);
  });

  it('mirror Endpoints that are written by hand, ready and not, in both families', () => {
    const endpoints = `---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: db, labels: {team: x}}\nsubsets:\n- addresses: [{ip: 1.2.3.4, hostname: one}, {ip: "fd00::1"}, {ip: nope}]\n  notReadyAddresses: [{ip: 1.2.3.5}]\n  ports: [{name: sql, port: 5432}]\n`;
    const cluster = complete(service('db', '{ports: [{name: sql, port: 5432}]}') + endpoints);
    expect(cluster.faults).toEqual([
      'a.yaml:11:67: Endpoints default/db: "nope" is not an IP address, so it is left out',
    ]);
    expect(cluster.endpointSlices.map((slice) => asObject(slice).addressType).sort()).toEqual(['IPv4', 'IPv6']);
    const four = cluster.endpointSlices.find((slice) => asObject(slice).addressType === 'IPv4');
    expect(endpointsOf(four)).toMatchObject([
      { addresses: ['1.2.3.4'], hostname: 'one', conditions: { ready: true } },
      { addresses: ['1.2.3.5'], conditions: { ready: false } },
    ]);
    expect(asObject(asObject(four?.metadata).labels)).toMatchObject({ team: 'x', 'kubernetes.io/service-name': 'db' });
  });

  it('report Endpoints without a Service, and slices that belong to none', () => {
    const cluster = complete(
      '---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: b}\n',
    );
    expect(cluster.faults).toEqual([
      'a.yaml:8:1: EndpointSlice default/b belongs to no Service: give it the label kubernetes.io/service-name',
      'a.yaml:2:1: Endpoints default/a: there is no Service of that name, so nothing is served for it',
    ]);
  });
});

describe('Pods', () => {
  it('get an address of each family where they have none, always the same, and count as running', () => {
    const text = pod('a', '{}') + pod('b', '{}', 'status: {phase: Failed}');
    const [a, b] = complete(text).pods.map((raw) => asObject(raw.status));
    expect(a).toMatchObject({ phase: 'Running', podIP: expect.stringMatching(/^10\.244\./) });
    expect(asList(a?.podIPs)).toEqual([{ ip: a?.podIP }, { ip: expect.stringMatching(/^fd00:10:244::/) }]);
    expect(b).toEqual({ phase: 'Failed' });
    expect(complete(pod('z', '{}') + text).pods[0]).toEqual(complete(text).pods[0]);
  });

  it('with an address that is none get another, and are reported', () => {
    const cluster = complete(pod('a', '{}', 'status: {podIP: 10.244.0}'));
    expect(cluster.faults).toEqual([
      'a.yaml:5:17: Pod default/a: podIP "10.244.0" is not an IP address: leave it out, or correct it (one is allotted)',
    ]);
    expect(asObject(cluster.pods[0]?.status).podIP).toMatch(/^10\.244\.\d+\.\d+$/);
  });
});

describe('objects', () => {
  it('make the Namespaces that they live in, whatever their kind', () => {
    const cluster = complete(
      service('a', '{}', 'shop') +
        '---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: work}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team, labels: {a: b}}\n',
    );
    expect(names(cluster.namespaces)).toEqual(['default', 'kube-system', 'shop', 'team', 'work']);
    expect(cluster.namespaces[3]).toMatchObject({
      metadata: { labels: { a: 'b', 'kubernetes.io/metadata.name': 'team' } },
    });
    expect(cluster.faults).toEqual([]);
  });

  it('are taken out of Lists, typed ones too', () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n- {apiVersion: v1, kind: Service, metadata: {}}\n---\napiVersion: v1\nkind: ServiceList\nitems:\n- {apiVersion: v1, metadata: {name: b}}\n`;
    const cluster = complete(list);
    expect(names(cluster.services)).toEqual(['a', 'b']);
    expect(cluster.faults).toEqual([
      'a.yaml:5:35: this Service has no name: found (none), so it is left out: give it metadata.name',
    ]);
  });

  it('of another group that have the same kind are none of ours', () => {
    const cluster = complete('apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n');
    expect(cluster.services).toEqual([]);
    expect(cluster.faults).toEqual([]);
  });

  it('without a kind, with a bad name, or that are there twice are reported with their place, and the rest is kept', () => {
    const text = `replicas: 1\n---\n- a\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: My_Service\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: 8\n${service('web', '{clusterIP: 10.96.0.7}')}${service('web', '{clusterIP: 10.96.0.8}')}---\nkind: Service\nmetadata: {name: old}\n`;
    const cluster = complete(text);
    expect(cluster.faults).toEqual([
      'a.yaml:1:1: has no kind, so it is left out: a manifest has apiVersion, kind and metadata',
      'a.yaml:3:1: is not an object, so it is left out: a manifest has apiVersion, kind and metadata',
      `a.yaml:8:9: Service name "My_Service" is not a DNS name, so it is left out: use at most 63 lower case letters, digits and '-', a letter or digit first and last`,
      'a.yaml:13:9: this Service has no name: found 8, so it is left out: write metadata.name as text, in quotes',
      'a.yaml:25:1: Service default/old has no apiVersion: kubectl needs v1',
      'a.yaml:20:1: Service default/web is in a.yaml:15 already, and that one counts: remove one of them',
    ]);
    expect(names(cluster.services)).toEqual(['old', 'web']);
    expect(specs(cluster).web?.clusterIP).toBe('10.96.0.7');
  });

  it('with a // comment behind a value are reported where it stands', () => {
    const cluster = complete(
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: web // the app\n  ports:\n  - port: 80 // http\n  - port: 81\n    name: b\n',
    );
    expect(cluster.faults).toEqual([
      `a.yaml:7:10: Service default/web: selector app "web // the app" is not a label's value (a comment begins with #, not with //)`,
      'a.yaml:9:11: Service default/web: port "80 // http" is not a number from 1 to 65535 (a comment begins with #, not with //), so this port is left out',
      'a.yaml:9:5: Service default/web: a Service with several ports needs a name for each',
    ]);
    expect(names(cluster.services)).toEqual(['web']);
  });

  it('lose what a server wrote, so that kubectl can apply them', () => {
    const cluster = complete(
      'apiVersion: v1\nkind: Service\nmetadata: {name: a, uid: x, resourceVersion: "7", annotations: {k: v}}\n',
    );
    expect(asObject(cluster.services[0]?.metadata)).toEqual({
      name: 'a',
      namespace: 'default',
      annotations: { k: 'v' },
    });
  });
});
