import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FLAG } from '#dns/decode.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { ask, type Endpoint } from '#test/dns-client.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { FAILS, misbehave, outcomeOf, REPLIES, RIGHT, STREAM_REPLIES } from './hostile-replies.ts';

let endpoint: Endpoint;
let metricsPort: number;
let fake: FakeUpstream;
let server: ServerProcess;
let descriptors = 0;

const openDescriptors = (): number => readdirSync(`/proc/${server.pid}/fd`).length;
const sample = async (series: string): Promise<number> => {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(series))
      ?.split(' ')[1] ?? 0,
  );
};

beforeAll(async () => {
  endpoint = { address: '127.0.0.1', port: await freePort() };
  metricsPort = await freePort();
  fake = await FakeUpstream.open(misbehave);
  const stdin = `.:${endpoint.port} {
    bind 127.0.0.1
    prometheus 127.0.0.1:${metricsPort}
    errors
    cache
    forward fails.example ${fake.address} {
        read_timeout 100ms
        expire 1s
    }
    forward . ${fake.address} {
        expire 1s
    }
}
`;
  server = await startProcess(['-conf', 'stdin', '-udp-listener', 'batch'], { stdin });
  await sample('up');
  descriptors = openDescriptors();
});
afterAll(async () => {
  await server.stop();
  await fake.close();
});

let number = 0;
/** A name that nobody has asked for behaves. */
const askRight = async (transport: 'udp' | 'tcp'): Promise<string> =>
  outcomeOf(await ask(endpoint, `right-${number++}.example.`, 'A', { transport }));

/** What is waited for in vain is waited for shortly. */
const nameFor = (label: string, expected: string): string =>
  expected === FAILS ? `${label}.${number++}.fails.example.` : `${label}.${number++}.example.`;

const CASES = (['udp', 'tcp'] as const).flatMap((transport) =>
  Object.entries({ ...REPLIES, ...STREAM_REPLIES }).flatMap(([label, misbehaviour]) => {
    const expected = misbehaviour[transport];
    return expected === undefined ? [] : [[label, transport, expected] as const];
  }),
);

describe('of an upstream that misbehaves a client is told', () => {
  it.each(CASES)('%s over %s: %s', async (label, transport, expected) => {
    const asked = await ask(endpoint, nameFor(label, expected), 'A', { transport });
    expect(outcomeOf(asked)).toBe(expected);
    // As long as its health checks are answered, and they are, it is asked on.
    expect(await askRight(transport)).toBe(RIGHT);
  });

  it('with as much as the client takes, in any case', async () => {
    const large = await ask(endpoint, 'thousand-records.large.example.', 'A', { udpSize: 65_000 });
    expect(outcomeOf(large)).toBe('NOERROR 1000 records');
  });

  it('an RCODE of EDNS where it speaks EDNS', async () => {
    const reply = await ask(endpoint, 'badvers.example.', 'A', { udpSize: 1232 });
    expect(rcodeName(reply.rcode)).toBe('BADVERS');
  });

  it('that data are authentic only where it asks for that', async () => {
    const flags = async (isAuthenticData: boolean): Promise<number> =>
      (await ask(endpoint, 'all-flags.example.', 'A', { isAuthenticData })).flags & (FLAG.AD | FLAG.Z | FLAG.CD);
    expect([await flags(false), await flags(true)]).toEqual([0, FLAG.AD]);
  });
});

describe('after all that', () => {
  it('many at once are each told their own', async () => {
    const some = Array.from({ length: 2 * CASES.length }, (_, i) => CASES[i % CASES.length] as (typeof CASES)[number]);
    const outcomes = some.map(async ([label, transport, expected]) => {
      const reply = await ask(endpoint, nameFor(label, expected), 'A', { transport, udpSize: 4096 });
      return `${label} ${transport} ${outcomeOf(reply)}`;
    });
    // With EDNS these fit, or can be told.
    const isOther = (label: string): boolean => ['badvers', 'cname-to-itself', 'other-case'].includes(label);
    for (const [i, outcome] of (await Promise.all(outcomes)).entries()) {
      const [label, transport, expected] = some[i] as (typeof CASES)[number];
      if (!isOther(label)) expect(outcome).toBe(`${label} ${transport} ${expected}`);
    }
  });

  it('nothing is left: no query, no descriptor, no word of an error that is not caught', async () => {
    expect(await askRight('udp')).toBe(RIGHT);
    expect(await sample('cluster_dns_forward_in_flight')).toBe(0);
    // UDP sockets live on for a while, 16 of them; connections for `expire`, and until they are swept.
    await until(() => openDescriptors() <= descriptors + 16 + 2, 'descriptors are given back', 30_000);
    expect(server.stderr).toBe('');
    expect(await sample('coredns_panics_total')).toBe(0);
  });

  it('what was ignored is counted by reason', async () => {
    for (const reason of ['id', 'question', 'format'])
      for (const proto of ['udp', 'tcp']) {
        const labels = `proto="${proto}",reason="${reason}",to="${fake.address}"`;
        expect(await sample(`cluster_dns_forward_ignored_replies_total{${labels}}`)).toBeGreaterThan(0);
      }
  });
});
