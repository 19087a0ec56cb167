import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '#test/property-runs.ts';
import { projectEndpointSlice } from '../objects/endpoint-slice.ts';
import { projectNamespace } from '../objects/namespace.ts';
import { projectNode } from '../objects/node.ts';
import { projectPod } from '../objects/pod.ts';
import { projectService } from '../objects/service.ts';
import { projectServiceCidr } from '../objects/service-cidr.ts';
import { completeCluster } from './complete.ts';
import { formatFault } from './fault.ts';
import { parseYaml } from './parse-yaml.ts';
import { readObjects } from './read-objects.ts';

const complete = (text: string) => {
  const { documents, faults } = parseYaml('a.yaml', text);
  const read = readObjects(documents);
  const cluster = completeCluster(read.objects, read.namespaces);
  cluster.services.map(projectService);
  cluster.endpointSlices.map(projectEndpointSlice);
  cluster.pods.map(projectPod);
  cluster.namespaces.map(projectNamespace);
  cluster.nodes.map(projectNode);
  cluster.serviceCidrs.map(projectServiceCidr);
  return [...faults, ...read.faults, ...cluster.faults].map(formatFault);
};

/** Any value where the API has something else, and often the very field names that are read. */
const odd: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constantFrom<unknown>(
      'web',
      'None',
      '10.96.0.7',
      '10.96.0.0/12',
      '010.0.0.1',
      'Local',
      'LoadBalancer',
      '',
      80,
      30080,
      -1,
      1.5,
      true,
      null,
      'NodePort',
      'TCP',
    ),
    fc.string(),
  ),
  list: fc.array(tie('any'), { maxLength: 3 }),
  mapping: fc.dictionary(
    fc.constantFrom(
      'name',
      'namespace',
      'labels',
      'type',
      'ports',
      'port',
      'nodePort',
      'targetPort',
      'protocol',
      'clusterIP',
      'clusterIPs',
      'selector',
      'ipFamilies',
      'ipFamilyPolicy',
      'podIP',
      'podIPs',
      'ip',
      'conditions',
      'addresses',
      'app',
      'toString',
      'items',
      'externalTrafficPolicy',
      'healthCheckNodePort',
      'sessionAffinity',
      'sessionAffinityConfig',
      'clientIP',
      'timeoutSeconds',
      'loadBalancerSourceRanges',
      'externalIPs',
      'topologyKeys',
      'loadBalancer',
      'ingress',
      'cidrs',
      'podCIDRs',
      'address',
    ),
    tie('any'),
    { maxKeys: 5 },
  ),
  any: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('list'), tie('mapping')),
})).any as fc.Arbitrary<unknown>;

describe('manifests with anything in any field', () => {
  it('give faults of one line, and never an exception', () => {
    const kind = fc.constantFrom(
      ...['Service', 'Pod', 'Endpoints', 'EndpointSlice', 'Namespace', 'Node', 'ServiceCIDR', 'List', 'Other'],
      7,
    );
    const metadata = fc.oneof(odd, fc.constant({ name: 'web', labels: { app: 'web' } }));
    const object = fc.record({
      apiVersion: fc.constantFrom('v1', '', 3),
      kind,
      metadata,
      spec: odd,
      status: odd,
      subsets: odd,
      endpoints: odd,
      items: odd,
    });
    fc.assert(
      fc.property(fc.array(object, { maxLength: 4 }), (objects) => {
        const faults = complete(objects.map((value) => JSON.stringify(value)).join('\n---\n'));
        expect(faults.filter((line) => line.includes('\n'))).toEqual([]);
      }),
      runs(300),
    );
  });

  it('may hold themselves', () => {
    const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: web}\n';
    expect(complete(`${service}spec: {type: NodePort, ports: [&a {port: &b [*b], nodePort: *b, name: *a}]}\n`)).toEqual(
      [
        expect.stringContaining('port (a list) is not a number from 1 to 65535'),
        expect.stringContaining('nodePort (a list) is not in the range 30000-32767'),
      ],
    );
  });
});
