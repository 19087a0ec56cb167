import type { IncomingMessage } from 'node:http';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** What is asked for: protobuf, a third of the octets and less to read, and JSON from servers that have no other. */
export const ACCEPT = `${PROTOBUF}, application/json`;

/** Whether a body is protobuf; else it is JSON, or whatever stands between here and the server has made up. */
export const isProtobuf = ({ headers }: Pick<IncomingMessage, 'headers'>): boolean =>
  headers['content-type']?.startsWith(PROTOBUF) ?? false;
