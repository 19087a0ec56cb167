import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '#test/property-runs.ts';
import { projectEndpointSlice } from '../objects/endpoint-slice.ts';
import { projectNamespace } from '../objects/namespace.ts';
import { projectNode } from '../objects/node.ts';
import { projectPod } from '../objects/pod.ts';
import { projectService } from '../objects/service.ts';
import { projectServiceCidr } from '../objects/service-cidr.ts';
import type { KubeObject } from '../source.ts';
import { StateParser, type StateReading } from './state-parser.ts';
import { endLine, type StateHeader, stateChunks } from './state-text.ts';

const CLUSTER = '{"server":"https://192.0.2.1:6443","pods":false}';
const HEADER: StateHeader = { cluster: CLUSTER, savedAtMs: Date.parse('2026-01-02T03:04:05.678Z') };

const written = (objects: readonly KubeObject[], header = HEADER): Buffer =>
  Buffer.concat([...stateChunks(header, objects)]);

/** Read in pieces of so many octets. */
const readBack = (octets: Buffer, piece = octets.length, cluster = CLUSTER): StateReading => {
  const parser = new StateParser(cluster);
  for (let at = 0; at < octets.length; at += Math.max(1, piece)) {
    if (!parser.push(octets.subarray(at, at + Math.max(1, piece)))) break;
  }
  return parser.finish();
};

const reasonOf = (octets: Buffer, cluster = CLUSTER): string => {
  const reading = readBack(octets, octets.length, cluster);
  return reading.kind === 'unusable' ? reading.reason : reading.kind;
};

/** Any text, also with what has to be escaped and with halves of surrogate pairs. */
const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('', 'web', '\ud800', 'a\nb', '\0'));
const texts = fc.array(text, { maxLength: 4 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const labels = fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'constructor')), text, { maxKeys: 3 });
const metadata = fc.record({
  name: text.filter((name) => name !== ''),
  namespace: text,
  resourceVersion: text,
  labels: maybe(
    fc.oneof(
      labels,
      labels.map((all) => ({ ...all, 'kubernetes.io/service-name': 'web' })),
      fc.constant({ 'service.kubernetes.io/headless': '', 'service.kubernetes.io/service-proxy-name': 'other' }),
    ),
  ),
  annotations: maybe(
    fc.constantFrom('2026-01-02T03:04:05.678901Z', 'never', '+275760-09-13T00:00:00Z').map((time) => ({
      'endpoints.kubernetes.io/last-change-trigger-time': time,
    })),
  ),
  deletionTimestamp: maybe(fc.constantFrom('2026-01-02T03:04:05Z', null)),
});
const number = fc.integer({ min: -1, max: 65_536 });
const ports = fc.array(
  fc.record({ name: maybe(text), protocol: maybe(text), port: maybe(number), nodePort: maybe(number) }),
  { maxLength: 3 },
);
const policy = maybe(fc.oneof(text, fc.constantFrom('Local', 'Cluster')));
const ipMode = maybe(fc.constantFrom('VIP', 'Proxy'));
const service = fc
  .record({
    metadata,
    spec: fc.record({
      type: fc.oneof(text, fc.constantFrom('NodePort', 'LoadBalancer', 'ExternalName')),
      clusterIP: maybe(fc.oneof(text, fc.constant('None'))),
      clusterIPs: maybe(texts),
      externalName: maybe(text),
      externalIPs: maybe(texts),
      ports: maybe(ports),
      selector: maybe(labels),
      internalTrafficPolicy: policy,
      externalTrafficPolicy: policy,
      sessionAffinity: maybe(fc.constantFrom('None', 'ClientIP')),
      sessionAffinityConfig: maybe(fc.record({ clientIP: maybe(fc.record({ timeoutSeconds: number })) })),
      loadBalancerSourceRanges: maybe(texts),
      healthCheckNodePort: maybe(number),
      trafficDistribution: maybe(text),
      topologyKeys: maybe(texts),
    }),
    status: fc.record({
      loadBalancer: fc.record({ ingress: fc.array(fc.record({ ip: text, hostname: text, ipMode })) }),
    }),
  })
  .map(projectService);
const isSo = maybe(fc.boolean());
const named = fc.array(fc.record({ name: text }), { maxLength: 3 });
const slice = fc
  .record({
    metadata,
    addressType: maybe(fc.constantFrom('IPv4', 'IPv6', 'FQDN')),
    ports: maybe(ports),
    endpoints: fc.array(
      fc.record({
        addresses: texts,
        conditions: maybe(fc.record({ ready: isSo, serving: isSo, terminating: isSo })),
        hostname: maybe(text),
        targetRef: maybe(fc.record({ name: fc.oneof(text, fc.constant('x'.repeat(64))) })),
        nodeName: maybe(text),
        zone: maybe(text),
        hints: maybe(fc.record({ forZones: maybe(named), forNodes: maybe(named) })),
      }),
      { maxLength: 4 },
    ),
  })
  .map(projectEndpointSlice);
const pod = fc.record({ metadata, status: fc.record({ podIP: text }) }).map(projectPod);
const namespace = fc.record({ metadata }).map(projectNamespace);
const node = fc
  .record({
    metadata,
    spec: fc.record({
      podCIDR: maybe(text),
      podCIDRs: maybe(texts),
      taints: maybe(fc.constant([{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }])),
    }),
    status: fc.record({ addresses: maybe(fc.array(fc.record({ type: text, address: text }), { maxLength: 3 })) }),
  })
  .map(projectNode);
const serviceCidr = fc.record({ metadata, spec: fc.record({ cidrs: maybe(texts) }) }).map(projectServiceCidr);
const objects = fc.array(
  fc.oneof(service, slice, pod, namespace, node, serviceCidr).map((object) => object as KubeObject),
  { maxLength: 12 },
);

const FEW = [
  projectNamespace({ metadata: { name: 'shop', resourceVersion: '1' } }),
  projectService({
    metadata: { name: 'web', namespace: 'shop', resourceVersion: '2' },
    spec: { clusterIP: '10.96.0.7' },
  }),
] as KubeObject[];

/** A file with these lines and an end that fits. */
const sealed = (...lines: string[]): Buffer => {
  const body = lines.map((line) => `${line}\n`).join('');
  return Buffer.from(`${body}${endLine(lines.length - 1, createHash('sha256').update(body).digest('hex'))}\n`);
};
const headerLine = written([]).toString().split('\n')[0] as string;

describe('a state', () => {
  it('is read back as it was written, whatever the objects are and however it comes in', () => {
    fc.assert(
      fc.property(objects, fc.nat(), (before, piece) => {
        const octets = written(before);
        expect(readBack(octets, 1 + (piece % octets.length))).toEqual({
          kind: 'state',
          header: HEADER,
          objects: before,
          bytes: octets.length,
        });
      }),
      runs(300),
    );
  });

  it('is of no use where it is cut anywhere', () => {
    const octets = written(FEW);
    for (let length = 0; length < octets.length; length++)
      expect([length, readBack(octets.subarray(0, length)).kind]).toEqual([length, 'unusable']);
    expect(reasonOf(octets.subarray(0, 0))).toBe('it is empty');
    expect(reasonOf(octets.subarray(0, -1))).toBe('it is cut short');
  });

  it('is of no use where any octet is another one', () => {
    const octets = written(FEW);
    fc.assert(
      fc.property(fc.nat(octets.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(octets);
        damaged[at] = (damaged[at] as number) ^ change;
        expect(readBack(damaged).kind).toBe('unusable');
      }),
      runs(2000),
    );
  });

  it('is of no use where octets are lost, doubled or put in, also in several places', () => {
    const octets = written(FEW);
    const place = fc.tuple(fc.nat(octets.length), fc.nat(40), fc.uint8Array({ maxLength: 40 }));
    fc.assert(
      fc.property(fc.array(place, { minLength: 1, maxLength: 4 }), (places) => {
        let damaged = octets;
        for (const [at, lost, put] of places)
          damaged = Buffer.concat([damaged.subarray(0, at), put, damaged.subarray(at + lost)]);
        fc.pre(!damaged.equals(octets));
        expect(readBack(damaged).kind).toBe('unusable');
      }),
      runs(1000),
    );
  });

  it('is never what it was not meant to be: any octets are refused without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        expect(readBack(Buffer.from(octets)).kind).toBe('unusable');
      }),
      runs(500),
    );
  });

  it('says why it is of no use', () => {
    const octets = written(FEW);
    expect(reasonOf(octets, '{"server":"https://192.0.2.2"}')).toBe(
      'it is of another cluster, or of other kinds and labels',
    );
    expect(reasonOf(Buffer.from('apiVersion: v1\nkind: Config\n'))).toBe('it is no state file');
    expect(reasonOf(Buffer.from(octets.toString().replace('"version":1', '"version":2')))).toBe(
      'its format is version 2, and this server knows version 1',
    );
    expect(reasonOf(Buffer.from(octets.toString().replace('10.96.0.7', '10.96.0.8')))).toBe(
      'it is damaged: its checksum does not fit',
    );
    expect(reasonOf(Buffer.concat([octets, octets]))).toBe('something follows its end');
    expect(reasonOf(Buffer.concat([octets, Buffer.from('x')]))).toBe('something follows its end');
  });

  it('is of no use where a line is no object that is kept, even if all else fits', () => {
    for (const line of [
      '',
      '[]',
      'null',
      '{"kind":"Secret","metadata":{"name":"a"}}',
      '{"kind":"toString"}',
      '{"kind":"Pod"}',
    ])
      expect(reasonOf(sealed(headerLine, line))).toBe('it is damaged: line 2 is no object');
    expect(reasonOf(sealed(headerLine))).toBe('state');
    expect(reasonOf(sealed(headerLine.replace('2026-', 'x')))).toBe('its header is damaged');
  });

  it('shares texts and lists between its objects, as a list does', () => {
    const raw = (name: string) => ({
      metadata: { name, namespace: 'a-namespace-of-its-own' },
      ports: [{ name: 'a-port-of-its-own', port: 8080 }],
      endpoints: [{ addresses: ['10.244.0.1'], nodeName: 'a-node-of-its-own' }],
    });
    const reading = readBack(written(['a', 'b'].map((name) => projectEndpointSlice(raw(name)) as KubeObject)));
    const listed = projectEndpointSlice(raw('c'));
    if (reading.kind !== 'state') throw new Error(reading.reason);
    for (const object of reading.objects) expect(object).toHaveProperty('ports', listed?.ports);
    const lists = reading.objects.map((object) => (object.kind === 'EndpointSlice' ? object.ports : null));
    expect(lists[0]).toBe(listed?.ports);
    expect(lists[1]).toBe(lists[0]);
  });
});
