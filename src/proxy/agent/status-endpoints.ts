import type { EndpointHandler, HttpEndpoint } from '#http-endpoint/endpoint.ts';
import { metricsReply } from '#http-endpoint/metrics-reply.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { ProxyMode } from '../rule-backend.ts';
import type { ProxyHealth } from './health.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

const JSON_TYPE = { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' };

/** /healthz and /livez, for kubelet and load balancers, and /readyz, which kube-proxy has not, for rollouts. */
export const serveHealth = (endpoint: HttpEndpoint, health: ProxyHealth, metrics: ProxyMetrics): void => {
  const reply =
    (what: 'healthz' | 'livez'): EndpointHandler =>
    () => {
      const { status, body } = health.body(what === 'healthz');
      metrics.probed(what, status);
      return { status, headers: JSON_TYPE, body: `${JSON.stringify(body)}\n` };
    };
  endpoint.serve('/healthz', reply('healthz'));
  endpoint.serve('/livez', reply('livez'));
  endpoint.serve('/readyz', () => {
    const body = `${JSON.stringify(health.body(false).body)}\n`;
    return { status: health.isReady ? 200 : 503, headers: JSON_TYPE, body };
  });
};

export interface Status {
  readonly metrics: Metrics;
  readonly mode: ProxyMode;
  /** The configuration in use, in the form of its file. */
  readonly configuration: unknown;
}

/** /metrics, and what else kube-proxy has beside it. */
export const serveStatus = (endpoint: HttpEndpoint, { metrics, mode, configuration }: Status): void => {
  endpoint.serve('/metrics', (request) => metricsReply(metrics, request));
  endpoint.serve('/healthz', () => ({ status: 200, body: 'ok' }));
  endpoint.serve('/proxyMode', () => ({ status: 200, body: mode }));
  endpoint.serve('/configz', () => ({
    status: 200,
    headers: JSON_TYPE,
    body: JSON.stringify({ 'kubeproxy.config.k8s.io': configuration }),
  }));
};
