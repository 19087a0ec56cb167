import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { CONTENT_TYPE, type Metrics } from '#metrics/metrics.ts';
import type { EndpointReply, EndpointRequest } from './endpoint.ts';

const compress = promisify(gzip);

/** The exposition of a registry, compressed where the client takes that. */
export const metricsReply = async (metrics: Metrics, { acceptsGzip }: EndpointRequest): Promise<EndpointReply> => {
  const text = await metrics.render();
  const headers = { 'Content-Type': CONTENT_TYPE };
  if (!acceptsGzip) return { status: 200, headers, body: text };
  return {
    status: 200,
    headers: { ...headers, 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' },
    body: await compress(text),
  };
};
