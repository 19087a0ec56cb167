import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordsFromText } from '#dns/record-text.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { ask, type Endpoint } from '#test/dns-client.ts';
import { type Asked, answerA, FakeUpstream, type Script } from '#test/fake-upstream.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { labelsOf, outcomeOf, REPLIES, RIGHT, STREAM_REPLIES } from './hostile-replies.ts';

const CLUSTER = 'web.default.svc.cluster.local.';
const CLUSTER_ADDRESS = '10.96.0.7';
const service = (name: string, spec: unknown): unknown => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec,
});
const OBJECTS = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } },
    service('web', { clusterIP: CLUSTER_ADDRESS, ports: [{ port: 80 }] }),
    ...['cname-loop', 'never', 'into-cluster', 'back'].map((name) =>
      service(`ext-${name}`, { type: 'ExternalName', externalName: `${name}.fails.example` }),
    ),
  ],
};

/** Records that nobody asked for, of names that are not the upstream's to speak of. */
const POISON = recordsFromText(
  [
    'victim.example. 300 IN A 203.0.113.66',
    `${CLUSTER} 300 IN A 203.0.113.66`,
    'com. 300 IN NS ns.evil.example.',
    'ns.evil.example. 300 IN A 203.0.113.66',
  ].join('\n'),
);
const right = recordsFromText('@ 300 IN A 192.0.2.1');
const soa = (ttl: number) => recordsFromText(`example. ${ttl} IN SOA ns.example. admin.example. 1 2 3 4 ${ttl}`);

const SCRIPTS: Readonly<Record<string, Script>> = {
  'poison-answer': (asked) => asked.reply({ answer: [...right, ...POISON] }),
  'poison-authority': (asked) => asked.reply({ answer: right, authority: POISON }),
  'poison-additional': (asked) => asked.reply({ answer: right, additional: POISON }),
  'poison-denial': (asked) =>
    asked.reply({ rcode: RCODE.NXDOMAIN, authority: [...soa(300), ...POISON], additional: POISON }),
  'into-cluster': (asked) =>
    asked.reply({ answer: recordsFromText(`@ 300 IN CNAME ${CLUSTER}\n${CLUSTER} 300 IN A 203.0.113.66`) }),
  back: (asked) => asked.reply({ answer: recordsFromText('@ 300 IN CNAME ext-back.default.svc.cluster.local.') }),
  'ttl-31': (asked) => asked.reply({ answer: recordsFromText('@ 2147483648 IN A 192.0.2.1') }),
  'ttl-32': (asked) => asked.reply({ answer: recordsFromText('@ 4294967295 IN A 192.0.2.1') }),
  'ttl-0': (asked) => asked.reply({ answer: recordsFromText('@ 0 IN A 192.0.2.1') }),
  'denial-ttl-32': (asked) => asked.reply({ rcode: RCODE.NXDOMAIN, authority: soa(4_294_967_295) }),
  'nodata-ttl-31': (asked) => asked.reply({ authority: soa(2_147_483_648) }),
  'denial-without-soa': (asked) => asked.reply({ rcode: RCODE.NXDOMAIN }),
  'nodata-without-soa': (asked) => asked.reply({}),
};

/** The upstream of the `serve_stale` blocks: what a name's first label says while it is hostile. */
let isHostile = false;
const staleScript = (asked: Asked, label: string): void => {
  const misbehaviour = REPLIES[label] ?? STREAM_REPLIES[label];
  if (isHostile && misbehaviour !== undefined) misbehaviour.script(asked);
  else asked.reply({ answer: recordsFromText('@ 1 IN A 192.0.2.1') });
};

let directory: string;
let endpoint: Endpoint;
let fake: FakeUpstream;
let server: ServerProcess;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-hostile-'));
  writeFileSync(join(directory, 'objects.json'), JSON.stringify(OBJECTS));
  endpoint = { address: '127.0.0.1', port: await freePort() };
  fake = await FakeUpstream.open((asked) => {
    const labels = labelsOf(asked);
    const [label = ''] = labels;
    if (labels.includes('stale')) staleScript(asked, label);
    else (SCRIPTS[label] ?? REPLIES[label]?.script ?? answerA)(asked);
  });
  const stale = (zone: string, mode: string): string => `${zone}.stale.example:${endpoint.port} {
    bind 127.0.0.1
    cache {
        success 1024 60 0
        serve_stale 1h ${mode}
    }
    forward . ${fake.address} {
        read_timeout 100ms
    }
}
`;
  const stdin = `.:${endpoint.port} {
    bind 127.0.0.1
    cache
    kubernetes cluster.local
    forward fails.example ${fake.address} {
        read_timeout 100ms
    }
    forward . ${fake.address}
}
${stale('immediate', 'immediate')}${stale('verify', 'verify')}${stale('patient', 'verify 20ms')}`;
  server = await startProcess(['-conf', 'stdin', '-manifests', directory, '-udp-listener', 'batch'], { stdin });
});
afterAll(async () => {
  await server.stop();
  await fake.close();
  rmSync(directory, { recursive: true, force: true });
});

const outcome = async (name: string, transport: 'udp' | 'tcp' = 'udp'): Promise<string> =>
  outcomeOf(await ask(endpoint, name, 'A', { transport, udpSize: 4096 }));
/** How often the upstream was asked for a name. */
const asked = (name: string): number =>
  fake.asked.filter((query) => `${labelsOf(query).join('.')}.` === name && query.message.questions[0]?.type === 1)
    .length;

describe('records that nobody asked for', () => {
  it.each([
    ['poison-answer', `${RIGHT} 203.0.113.66 203.0.113.66 NS 203.0.113.66`],
    ['poison-authority', RIGHT],
    ['poison-additional', RIGHT],
    ['poison-denial', 'NXDOMAIN'],
  ])('of %s are never an answer to another question', async (label, expected) => {
    for (const transport of ['udp', 'tcp'] as const)
      for (let n = 0; n < 3; n++) expect(await outcome(`${label}.example.`, transport)).toBe(expected);
    expect(asked(`${label}.example.`)).toBe(1);
    for (const name of ['victim.example.', 'ns.evil.example.']) {
      const before = asked(name);
      expect(await outcome(`${label}.${name}`)).toBe(expected);
      expect(asked(name)).toBe(before);
      expect(await outcome(name)).toBe(RIGHT);
      // The first time it is the upstream that is asked, later the cache.
      expect(asked(name)).toBe(1);
    }
    expect(await outcome(CLUSTER)).toBe(`NOERROR ${CLUSTER_ADDRESS}`);
    expect(asked(CLUSTER)).toBe(0);
  });

  it('at the end of a chain into the cluster are told to who asked, and to nobody else', async () => {
    for (let n = 0; n < 3; n++) expect(await outcome('into-cluster.example.')).toBe('NOERROR CNAME 203.0.113.66');
    expect(await outcome(CLUSTER)).toBe(`NOERROR ${CLUSTER_ADDRESS}`);
  });

  it.each([
    ['cname-loop', 'NOERROR CNAME CNAME CNAME CNAME'],
    ['into-cluster', 'NOERROR CNAME CNAME 203.0.113.66'],
    ['back', 'NOERROR CNAME CNAME'],
  ])('are no way into the cluster for an ExternalName to %s', async (label, expected) => {
    for (let n = 0; n < 3; n++) expect(await outcome(`ext-${label}.default.svc.cluster.local.`)).toBe(expected);
    expect(await outcome(CLUSTER)).toBe(`NOERROR ${CLUSTER_ADDRESS}`);
  });

  it('an ExternalName that nobody resolves is answered in the end', async () => {
    expect(await outcome('ext-never.default.svc.cluster.local.')).toMatch(/^(SERVFAIL|NOERROR CNAME)$/);
  });
});

describe('TTLs beyond reason', () => {
  it.each([
    ['ttl-31', RIGHT, 3600],
    ['ttl-32', RIGHT, 3600],
    ['ttl-0', RIGHT, 5],
    ['denial-ttl-32', 'NXDOMAIN', 1800],
    ['nodata-ttl-31', 'NOERROR', 1800],
  ])('as of %s are held to what the cache allows', async (label, expected, most) => {
    for (let n = 0; n < 2; n++) {
      const reply = await ask(endpoint, `${label}.example.`, 'A');
      expect(outcomeOf(reply)).toBe(expected);
      for (const { ttl } of [...reply.answer, ...reply.authority]) {
        expect(ttl).toBeLessThanOrEqual(most);
        expect(ttl).toBeGreaterThan(most / 2);
      }
    }
    expect(asked(`${label}.example.`)).toBe(1);
  });
});

describe('what may not be kept is asked for again', () => {
  it.each([
    ['denial-without-soa', 'NXDOMAIN'],
    ['nxdomain-with-answer', 'NXDOMAIN 192.0.2.1'],
    ['refused', 'REFUSED'],
    ['formerr', 'FORMERR'],
    ['tc-with-records', 'NOERROR TC 192.0.2.1'],
    ['cname-loop', 'NOERROR CNAME CNAME CNAME'],
    ['error-without-question', 'REFUSED'],
  ])('%s', async (label, expected) => {
    const name = `${label}.again.example.`;
    for (let n = 1; n <= 3; n++) {
      expect(await outcome(name)).toBe(expected);
      expect(asked(name)).toBe(n);
    }
  });

  it.each([
    ['servfail', 'SERVFAIL'],
    ['notimp', 'NOTIMP'],
    ['nodata-without-soa', 'NOERROR'],
  ])('but a storm of %s is held off for a while', async (label, expected) => {
    const name = `${label}.storm.example.`;
    expect(await outcome(name)).toBe(expected);
    const storm = await Promise.all(Array.from({ length: 100 }, () => outcome(name)));
    expect(new Set(storm)).toEqual(new Set([expected]));
    expect(asked(name)).toBe(1);
  });
});

describe.each(['immediate', 'verify', 'patient'])('serve_stale, %s', (mode) => {
  const LABELS = [
    ...['garbage', 'never', 'other-id', 'other-name', 'no-question', 'error-without-question', 'tc-empty', 'cut'],
    ...['nxdomain-with-answer', 'servfail', 'refused', 'formerr', 'notimp', 'badvers', 'qr-clear', 'pointer-bomb'],
  ];
  const nameOf = (label: string): string => `${label}.${mode}.stale.example.`;

  it.each([
    ['udp', LABELS],
    ['tcp', [...LABELS, 'closes', 'resets', 'closes-in-the-middle', 'length-0', 'too-slow']],
  ] as const)('gives what it had instead of what an upstream says that misbehaves over %s', async (transport, labels) => {
    isHostile = false;
    const all = (): Promise<string[]> => Promise.all(labels.map((label) => outcome(nameOf(label), transport)));
    expect(new Set(await all())).toEqual(new Set([RIGHT]));
    isHostile = true;
    const ttlOf = async (label: string): Promise<number | undefined> =>
      (await ask(endpoint, nameOf(label), 'A', { transport, udpSize: 4096 })).answer[0]?.ttl;
    // The TTL of what is stale is 0: from then on each reply is one that the upstream has spoilt.
    for (const label of labels) await until(async () => (await ttlOf(label)) === 0, `${label} is stale`);
    for (let n = 0; n < 3; n++) expect(new Set(await all())).toEqual(new Set([RIGHT]));
    isHostile = false;
    for (const label of labels) await until(async () => (await ttlOf(label)) === 1, `${label} is fresh again`);
  });
});
