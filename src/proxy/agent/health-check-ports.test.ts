import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '#kube/api/clock.ts';
import { Log } from '#log/log.ts';
import { freePort } from '#test/process.ts';
import { until } from '#test/until.ts';
import type { ServicePort, ServicePorts } from '../model/service-port.ts';
import { HealthCheckPorts } from './health-check-ports.ts';

const lines: string[] = [];
let isHealthy = true;
let ports: HealthCheckPorts | null = null;
const open = (): HealthCheckPorts => {
  const log = new Log({ write: (level, _, text) => lines.push(`${level}: ${text}`), flush: async () => undefined });
  ports = new HealthCheckPorts({ clock: systemClock, log, isHealthy: () => isHealthy });
  return ports;
};
afterEach(async () => {
  await ports?.close();
  isHealthy = true;
  lines.length = 0;
});

const portsOf = (healthCheckNodePort: number, localReadyCount: number): ServicePorts =>
  new Map([
    ['ns/web/tcp', { namespace: 'ns', name: 'web', healthCheckNodePort, localReadyCount } as unknown as ServicePort],
  ]);
/** 0 where nobody listens. */
const codeAt = (port: number, host = '127.0.0.1'): Promise<number> =>
  fetch(`http://${host}:${port}/healthz`, { headers: { connection: 'close' } }).then(
    ({ status }) => status,
    () => 0,
  );

describe('health check node ports', () => {
  it('say 200 with ready endpoints on the node and healthy rules, else 503', async () => {
    const port = await freePort();
    const servers = open();
    servers.update('IPv4', portsOf(port, 1), null, 'all');
    await until(async () => (await codeAt(port)) === 200);
    isHealthy = false;
    expect(await codeAt(port)).toBe(503);
    isHealthy = true;
    servers.update('IPv4', portsOf(port, 0), new Set(['ns/web/tcp']), 'all');
    expect(await codeAt(port)).toBe(503);
  });

  it('end with their Service', async () => {
    const port = await freePort();
    const servers = open();
    servers.update('IPv4', portsOf(port, 1), null, ['127.0.0.1']);
    await until(async () => (await codeAt(port)) === 200);
    servers.update('IPv4', new Map(), new Set(['ns/web/tcp']), ['127.0.0.1']);
    await until(async () => (await codeAt(port)) === 0);
  });

  it('count the endpoints of the family that has more, on one socket', async () => {
    const port = await freePort();
    const servers = open();
    servers.update('IPv4', portsOf(port, 0), null, 'all');
    servers.update('IPv6', portsOf(port, 2), null, 'all');
    await until(async () => (await codeAt(port)) === 200);
    const reply = await fetch(`http://127.0.0.1:${port}/`);
    expect(reply.headers.get('x-load-balancing-endpoint-weight')).toBe('2');
    expect(lines).toEqual([]);
  });

  it('that another program has are told, once', async () => {
    const port = await freePort();
    const first = open();
    first.update('IPv4', portsOf(port, 1), null, ['127.0.0.1']);
    await until(async () => (await codeAt(port)) === 200);
    const second = open();
    second.update('IPv4', portsOf(port, 1), null, ['127.0.0.1']);
    second.update('IPv4', portsOf(port, 1), null, ['127.0.0.1']);
    await until(() => lines.length > 0);
    expect(lines).toEqual([
      `error: health check node port of ns/web: listen tcp 127.0.0.1:${port}: bind: address already in use`,
    ]);
    await first.close();
  });
});
