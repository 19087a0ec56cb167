import type { RawObject } from '../objects/json.ts';
import { readMessage } from './read-message.ts';
import { type Schema, STATUS, UNKNOWN } from './schema.ts';

/** What every message of an API server begins with: `k8s` and a zero. */
export const MAGIC = Buffer.from('k8s\0', 'latin1');

/** Throws an Error where the octets don't begin as a message of an API server. */
export const checkMagic = (bytes: Uint8Array): void => {
  if (MAGIC.some((octet, i) => bytes[i] !== octet)) throw new Error('this is no message of an API server');
};

/** The object in an envelope, by the schema of what was asked for; a Status where the server has sent that. Throws an Error. */
export const readEnvelope = (bytes: Uint8Array, schema: Schema): RawObject => {
  checkMagic(bytes);
  const { typeMeta, raw } = readMessage(bytes.subarray(MAGIC.length), UNKNOWN);
  const { kind } = (typeMeta ?? {}) as RawObject;
  if (!(raw instanceof Uint8Array)) return {};
  return readMessage(raw, kind === 'Status' ? STATUS : schema);
};
