import type { IncomingMessage } from 'node:http';
import { asObject, asText } from '../objects/json.ts';
import { readEnvelope } from '../protobuf/envelope.ts';
import { STATUS } from '../protobuf/schema.ts';
import { isProtobuf } from './format.ts';
import { KubeError } from './kube-error.ts';

const GONE = 410;
const MAX_BODY_BYTES = 64 * 1024;
/** A server that asks for more than this is asked again all the same. */
const MAX_RETRY_AFTER_MS = 300_000;

/** The KubeError for a response that is not a 200, with the message of the Status object in its body. */
export const statusError = async (response: IncomingMessage): Promise<KubeError> => {
  const status = response.statusCode ?? 0;
  const body = await beginningOf(response);
  const message = messageOf(body, isProtobuf(response)) || response.statusMessage || 'no reason given';
  return new KubeError(status === GONE ? 'KUBE_EXPIRED' : 'KUBE_STATUS', `HTTP ${status}: ${message}`, {
    status,
    retryAfterMs: retryAfterMs(response.headers['retry-after']),
  });
};

/** The KubeError for the Status object of an ERROR event. */
export const eventError = (raw: unknown): KubeError => {
  const { code, message, reason } = asObject(raw);
  const status = typeof code === 'number' ? code : 0;
  const isExpired = status === GONE || reason === 'Expired' || reason === 'Gone';
  const text = asText(message) || asText(reason) || 'no reason given';
  return new KubeError(isExpired ? 'KUBE_EXPIRED' : 'KUBE_STATUS', `watch ended by the server: ${text}`, { status });
};

const beginningOf = async (response: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of response) {
      parts.push(part as Buffer);
      bytes += (part as Buffer).length;
      if (bytes > MAX_BODY_BYTES) break;
    }
  } catch {
    // The status line is what counts; the reason may be cut off.
  }
  return Buffer.concat(parts);
};

const messageOf = (body: Buffer, isProto: boolean): string => {
  try {
    return asText(asObject(isProto ? readEnvelope(body, STATUS) : JSON.parse(body.toString('utf8'))).message);
  } catch {
    // Not a Status object: a proxy in between may answer with a page of HTML.
    return '';
  }
};

const retryAfterMs = (header: string | undefined): number => {
  const seconds = Number(header ?? '');
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : 0;
};
