import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { decodeMessage } from '#dns/decode.ts';
import { foldName, labelsOf, textFromName, type WireName } from '#dns/name.ts';
import { failure } from '#plugin/index.ts';
import { setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import { until } from '#test/until.ts';
import loop from './index.ts';
import { LoopGuard } from './loop-guard.ts';
import { askItself } from './probe.ts';

const fatals: string[] = [];
const services = testServices({ fatal: (message) => void fatals.push(message) });
const { block } = setupPlugin(loop, 'loop', { services, zones: ['example.org.'] });
const reply = failure(2);
const next = () => reply;
const see = (guard: LoopGuard, name: WireName, type = 'HINFO') => {
  const query = testQuery(textFromName(name), type);
  guard.handle(query, next);
  return query;
};

describe('loop', () => {
  it('ends the process when its own query comes by a third time', () => {
    const guard = new LoopGuard(block, services);
    fatals.length = 0;
    see(guard, guard.name);
    see(guard, guard.name);
    expect(fatals).toEqual([]);
    see(guard, guard.name);
    expect(fatals).toEqual([
      `plugin/loop: Loop (10.240.0.1:40212 -> :53) detected for zone "example.org.", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${textFromName(guard.name)}"`,
    ]);
    see(guard, guard.name);
    expect(fatals).toHaveLength(1);
  });

  it('passes every query on, and forbids repeating its own name only', () => {
    const guard = new LoopGuard(block, services);
    const own = testQuery(textFromName(guard.name), 'HINFO');
    expect(guard.handle(own, next)).toBe(reply);
    expect(own.provenance.isRepeatable).toBe(false);
    expect(see(guard, guard.name, 'A').provenance.isRepeatable).toBe(true);
    expect(see(guard, testQuery('x.example.org.', 'HINFO').name).provenance.isRepeatable).toBe(true);
  });

  it('asks for a name below the first zone of its block that can not be guessed', () => {
    const [one, two] = [new LoopGuard(block, services), new LoopGuard(block, services)];
    expect(labelsOf(one.name).slice(2)).toEqual(['example', 'org']);
    expect(one.name).not.toBe(two.name);
    expect(foldName(one.name)).toBe(one.name);
  });

  it('counts nothing after it was stopped', () => {
    const guard = new LoopGuard(block, services);
    fatals.length = 0;
    guard.stop();
    for (let i = 0; i < 5; i++) see(guard, guard.name);
    expect(fatals).toEqual([]);
  });

  it('asks until there is an answer, and starts counting anew each time', async () => {
    let asked = 0;
    const guard: LoopGuard = new LoopGuard(block, services, async () => {
      asked++;
      see(guard, guard.name);
      return asked === 2;
    });
    fatals.length = 0;
    guard.start();
    await until(() => asked === 2);
    see(guard, guard.name);
    expect(fatals).toEqual([]);
    see(guard, guard.name);
    expect(fatals).toHaveLength(1);
    guard.stop();
  });

  it.each([
    ['loop argument', "Error during parsing: Wrong argument count or unexpected line ending after 'argument'"],
    ['loop\nloop', 'this plugin can only be used once per Server Block'],
  ])('refuses %j', (stanza, message) => {
    expect(setupPlugin(loop, stanza).faults.list.map((fault) => fault.message)).toEqual([message]);
  });
});

describe("loop's query to itself", () => {
  const { name } = new LoopGuard(block, services);
  const { signal } = new AbortController();

  it('is answered by whatever listens, over UDP', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    const questions: unknown[] = [];
    server.on('message', (bytes, peer) => {
      const message = decodeMessage(bytes);
      questions.push('questions' in message ? message.questions[0] : message);
      server.send(bytes, peer.port, peer.address);
    });
    expect(await askItself({ host: '', port, name, signal })).toBe(true);
    expect(questions).toEqual([{ name, type: 13, class: 1 }]);
    server.close();
  });

  it('is not answered where nobody listens, or the server is stopped', async () => {
    const closed = createSocket('udp4').bind(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address();
    const stopped = askItself({ host: '127.0.0.1', port, name, signal: AbortSignal.abort() });
    expect(await stopped).toBe(false);
    closed.close();
    await once(closed, 'close');
    expect(await askItself({ host: '127.0.0.1', port, name, signal })).toBe(false);
  });
});
