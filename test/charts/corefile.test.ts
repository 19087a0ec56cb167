import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ChartRow, chartRows } from '#test/chart-rows.ts';
import { at, helmTemplate } from '#test/helm.ts';
import { POD_IP, PodScene } from '#test/pod-box/pod-scene.ts';
import { ownWorkload } from '#test/pod-box/rendered-pod.ts';
import { until } from '#test/until.ts';
import { readDig } from '../root/dig.ts';
import { needTestbed, titled } from '../root/needs.ts';

const TITLE = 'what the charts render, run';
const { reason, testbed } = await needTestbed(TITLE, [
  'root',
  'helm',
  'ip',
  'ss',
  'dig',
  'curl',
  'nft',
  'openssl',
  'setpriv',
  'nsenter',
]);

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let scene: PodScene;

  beforeAll(async () => {
    scene = await PodScene.start(testbed);
  });
  afterEach(async () => {
    await scene.clear();
  });
  afterAll(async () => {
    await scene?.stop();
    await testbed.stop();
  });

  const start = async ({ chart, values, asks }: ChartRow) => {
    const all = await helmTemplate(chart, values);
    const workload = ownWorkload(all);
    const family =
      asks.some(({ server }) => server.includes(':')) && !asks.some(({ server }) => server.includes('.')) ? 6 : 4;
    const box = await scene.run(all, workload, { family });
    await box.ready();
    return box;
  };
  /** All of them, sooner or later, and no others. */
  const usesItsRights = async (): Promise<void> => {
    await until(() => scene.api.unused.length === 0, 'the use of all rights', 30_000).catch(() => undefined);
    const seen = { unused: scene.api.unused, refused: scene.api.refused };
    expect(seen, scene.output).toEqual({ unused: [], refused: [] });
  };
  const ask = async (
    server: string,
    port: number,
    name: string,
    type: string,
    protocol: 'udp' | 'tcp',
  ): Promise<string> => {
    const reply = await scene.inside([
      'dig',
      '+retry=0',
      '+time=5',
      protocol === 'tcp' ? '+tcp' : '+notcp',
      `@${server}`,
      '-p',
      `${port}`,
      name,
      type,
    ]);
    const { status, answer } = readDig(reply);
    if (status === '') return reply;
    return answer.length === 0
      ? status
      : answer
          .map((line) => line.split(/\s+/).at(-1))
          .toSorted()
          .join(' ');
  };

  const servers = chartRows().filter(({ chart, asks }) => chart !== 'service-proxy' && asks.length > 0);
  it.each(
    servers,
  )('answers as soon as the probes do, with the rights that it has and no more: $chart with values $name', async (row) => {
    const box = await start(row);
    const declared = box.pod.ports.map(
      ({ containerPort, protocol = 'TCP' }) => `${containerPort}/${protocol.toLowerCase()}`,
    );
    for (const { server, port, name, type, expected } of row.asks)
      for (const protocol of ['udp', 'tcp'] as const)
        if (declared.length === 0 || declared.includes(`${port}/${protocol}`))
          expect([name, protocol, await ask(server || POD_IP[4], port, name, type, protocol)]).toEqual([
            name,
            protocol,
            expected,
          ]);
    const probed = box.pod.probes.flatMap((probe) => (probe.kind === 'http' ? [`${probe.port}/tcp`] : []));
    // On the node's network ports are left undeclared. A TCP port that the Service has not is open all the same.
    if (declared.length > 0) {
      const open = await scene.openPorts();
      expect(declared.filter((port) => !open.includes(port))).toEqual([]);
      const isKnown = (port: string): boolean =>
        [...declared, ...probed, ...declared.map((one) => one.replace('udp', 'tcp'))].includes(port);
      expect(open.filter((port) => !isKnown(port))).toEqual([]);
    }
    const metrics = box.pod.ports.find(({ name }) => name === 'metrics');
    if (metrics !== undefined)
      expect(await box.get(POD_IP[4], metrics.containerPort, '/metrics')).toContain('coredns_build_info');
    await usesItsRights();
  });

  const proxies = chartRows('service-proxy').filter(({ values }) => !('mode' in values));
  it.each(
    proxies,
  )('has the rules of Services on the node once the probes answer: $chart with values $name', async (row) => {
    const { values, chart } = row;
    const all = await helmTemplate(chart, values);
    const workload = ownWorkload(all);
    // As the kubelet does: it sets what the proxy itself may not.
    if (at(workload, 'spec.template.spec.initContainers.0.name') === 'sysctls')
      expect(await (await scene.run(all, workload, { init: 'sysctls' })).process.exited).toBe(0);
    const box = await scene.run(all, workload);
    await box.ready();
    await until(async () =>
      `${await scene.inside(['nft', 'list', 'ruleset'])}${await scene.inside(['iptables-save'])}`.includes(
        '10.96.77.44',
      ),
    );
    await usesItsRights();
  });
});
