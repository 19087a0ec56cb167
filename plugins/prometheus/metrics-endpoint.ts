import { joinHostPort } from '#dns/address.ts';
import { textFromName } from '#dns/name.ts';
import { claimEndpoint, type OpenEndpoint } from '#http-endpoint/claim.ts';
import { metricsReply } from '#http-endpoint/metrics-reply.ts';
import { declareAlways } from '#metrics/always.ts';
import type { Metrics } from '#metrics/metrics.ts';
import { declareProcess } from '#metrics/process-metrics.ts';
import { declareAllRuntime, declareRuntime } from '#metrics/runtime-metrics.ts';
import type { BlockInfo, Services } from '#plugin/index.ts';
import type { PrometheusOptions } from './options.ts';
import { readWebConfig } from './web-config.ts';

/** The /metrics endpoint of one server block, and the gauges that tell what is configured. */
export class MetricsEndpoint {
  readonly #options: PrometheusOptions;
  readonly #block: BlockInfo;
  readonly #services: Services;
  readonly #releases: (() => Promise<void>)[] = [];
  #open: OpenEndpoint | null = null;
  #endPath: (() => void) | null = null;

  constructor(options: PrometheusOptions, block: BlockInfo, services: Services) {
    this.#options = options;
    this.#block = block;
    this.#services = services;
  }

  async start(): Promise<void> {
    const { metrics, shared, sharedPorts, isLenient, log, revision, version } = this.#services;
    const { address, webConfigFile, hasRuntimeMetrics } = this.#options;
    declareAlways(metrics);
    declareProcess(metrics);
    await (hasRuntimeMetrics ? declareAllRuntime(metrics) : declareRuntime(metrics));
    metrics
      .gauge({
        name: 'coredns_build_info',
        help: 'Always 1; its labels tell version and runtime.',
        labels: ['version', 'revision', 'goversion'],
      })
      .at(version, revision, `node${process.version}`)
      .set(1);
    this.#exposePlugins(metrics);
    const ownLog = log.plugin('prometheus');
    const tls = webConfigFile === '' ? null : await readWebConfig(webConfigFile);
    this.#open = await claimEndpoint({
      shared,
      address,
      isLenient,
      warn: (message) => ownLog.warning(message),
      tls,
      ports: sharedPorts,
    });
    this.#endPath = this.#open?.endpoint.serve('/metrics', (request) => metricsReply(metrics, request)) ?? null;
  }

  async stop(): Promise<void> {
    for (const release of this.#releases.splice(0)) await release();
    // Closing takes a while where another instance has the port, too: whoever comes meanwhile is answered.
    await this.#open?.release();
    this.#endPath?.();
    this.#open = null;
  }

  /** coredns_plugin_enabled of each plugin that sees queries. Shared: a series goes with the last configuration that has it. */
  #exposePlugins(metrics: Metrics): void {
    const family = metrics.gauge({
      name: 'coredns_plugin_enabled',
      help: 'Always 1 for a plugin that sees the queries of this server and zone.',
      labels: ['server', 'zone', 'view', 'name'],
    });
    const { keys, settings, instances, defaultHosts } = this.#block;
    const names = [...instances].filter(([, { handle }]) => handle !== undefined).map(([name]) => name);
    const hosts = settings.listenHosts.length > 0 ? settings.listenHosts : (defaultHosts ?? ['']);
    for (const { transport, zone, port } of keys)
      for (const host of hosts)
        for (const name of names) {
          const labels = [`${transport}://${joinHostPort(host, port)}`, textFromName(zone), '', name];
          const lease = this.#services.shared.claim(`plugin_enabled/${labels.join(' ')}`, () => {
            family.at(...labels).set(1);
            return { close: () => family.remove(...labels) };
          });
          this.#releases.push(() => lease.release());
        }
  }
}
