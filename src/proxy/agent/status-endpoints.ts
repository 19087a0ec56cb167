import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { EndpointHandler, EndpointReply, HttpEndpoint } from '#http-endpoint/endpoint.ts';
import { CONTENT_TYPE, type Metrics } from '#metrics/metrics.ts';
import type { ProxyMode } from '../rule-backend.ts';
import type { ProxyHealth } from './health.ts';
import type { ProxyMetrics } from './proxy-metrics.ts';

const compress = promisify(gzip);
const JSON_TYPE = { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' };

/** /healthz and /livez, for kubelet and load balancers. */
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
};

export interface Status {
  readonly metrics: Metrics;
  readonly mode: ProxyMode;
  /** The configuration in use, in the form of its file. */
  readonly configuration: unknown;
}

/** /metrics, and what else kube-proxy has beside it. */
export const serveStatus = (endpoint: HttpEndpoint, { metrics, mode, configuration }: Status): void => {
  endpoint.serve('/metrics', ({ acceptsGzip }) => metricsReply(metrics, acceptsGzip));
  endpoint.serve('/healthz', () => ({ status: 200, body: 'ok' }));
  endpoint.serve('/proxyMode', () => ({ status: 200, body: mode }));
  endpoint.serve('/configz', () => ({
    status: 200,
    headers: JSON_TYPE,
    body: JSON.stringify({ 'kubeproxy.config.k8s.io': configuration }),
  }));
};

const metricsReply = async (metrics: Metrics, acceptsGzip: boolean): Promise<EndpointReply> => {
  const text = await metrics.render();
  const headers = { 'Content-Type': CONTENT_TYPE };
  if (!acceptsGzip) return { status: 200, headers, body: text };
  return {
    status: 200,
    headers: { ...headers, 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' },
    body: await compress(text),
  };
};
