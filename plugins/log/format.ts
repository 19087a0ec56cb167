import { MIN_UDP_OCTETS } from '#dns/edns.ts';
import { uncompressedOctets } from '#dns/message-size.ts';
import { textFromName } from '#dns/name.ts';
import { className } from '#dns/registry/classes.ts';
import { OPCODE } from '#dns/registry/opcodes.ts';
import { RCODE, rcodeName } from '#dns/registry/rcodes.ts';
import { rrTypeName } from '#dns/registry/rr-types.ts';
import type { Query, Reply } from '#plugin/index.ts';

/** What stands for a value that there is not. */
export const EMPTY_VALUE = '-';

/** A query and what became of it; `reply` is null where there is none. */
export interface Logged {
  readonly query: Query;
  readonly reply: Reply | null;
  readonly durationMs: number;
}

type Value = (logged: Logged) => string;

/** A piece of a format: text as it is, a label such as `{type}`, or the name of a piece of metadata. */
export interface FormatNode {
  readonly kind: 'literal' | 'label' | 'metadata';
  readonly value: string;
}

const addressText = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** Seconds to the nanosecond, without final zeros. */
const secondsText = (ms: number): string =>
  String(
    Number((ms / 1000).toFixed(9))
      .toFixed(9)
      .replace(/\.?0+$/, ''),
  );

const bufferSize = ({ request, transport }: Query): number =>
  transport === 'udp' ? Math.max(MIN_UDP_OCTETS, request.edns?.udpSize ?? 0) : 65_535;

/** Header flags of the reply as they are sent. */
const flagsText = ({ query, reply }: Logged): string => {
  if (reply?.kind !== 'answer') return EMPTY_VALUE;
  const { opcode, isRecursionDesired, isCheckingDisabled } = query.request;
  const isQuery = opcode === OPCODE.QUERY;
  let flags = 'qr';
  if (reply.isAuthoritative) flags += ',aa';
  if (reply.isTruncated) flags += ',tc';
  if (isQuery && isRecursionDesired) flags += ',rd';
  if (reply.isRecursionAvailable) flags += ',ra';
  if (reply.isAuthenticData) flags += ',ad';
  if (isQuery && isCheckingDisabled) flags += ',cd';
  return flags;
};

const rcodeText = ({ reply }: Logged): string => {
  if (reply?.kind === 'transfer') return rcodeName(RCODE.NOERROR);
  return reply?.kind === 'answer' ? rcodeName(reply.rcode).replace(/^RCODE(?=\d)/, '') : EMPTY_VALUE;
};

const VALUES: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['{type}', ({ query }) => rrTypeName(query.type)],
  ['{name}', ({ query }) => textFromName(query.name)],
  ['{class}', ({ query }) => className(query.class)],
  ['{proto}', ({ query }) => (query.transport === 'udp' ? 'udp' : 'tcp')],
  ['{size}', ({ query }) => String(query.request.octets)],
  ['{remote}', ({ query }) => addressText(query.peer.address)],
  ['{port}', ({ query }) => String(query.peer.port)],
  ['{local}', ({ query }) => addressText(query.peer.localAddress)],
  ['{>id}', ({ query }) => String(query.request.id)],
  ['{>opcode}', ({ query }) => String(query.request.opcode)],
  ['{>do}', ({ query }) => String(query.isDnssecOk)],
  ['{>bufsize}', ({ query }) => String(bufferSize(query))],
  ['{rcode}', rcodeText],
  [
    '{rsize}',
    ({ query, reply }) => (reply?.kind === 'answer' ? String(uncompressedOctets(query.request.question, reply)) : '0'),
  ],
  ['{duration}', ({ durationMs }) => `${secondsText(durationMs)}s`],
  ['{>rflags}', flagsText],
]);

/** All labels that stand for a value. */
export const LABELS: readonly string[] = [...VALUES.keys()];

/**
 * Takes a format apart. A label is found from its closing brace backwards, so `{ {type} }` has one; what is in braces and no label
 * stays as it is. CoreDNS: plugin/pkg/replacer.
 */
export const parseFormat = (format: string): FormatNode[] => {
  const nodes: FormatNode[] = [];
  const literal = (value: string): void => {
    if (value !== '') nodes.push({ kind: 'literal', value });
  };
  let rest = format;
  for (let close = rest.indexOf('}'); close >= 0; close = rest.indexOf('}')) {
    const open = rest.slice(0, close).lastIndexOf('{');
    const word = open < 0 ? '' : rest.slice(open, close + 1);
    const isMetadata = word.startsWith('{/');
    if (VALUES.has(word) || isMetadata) {
      literal(rest.slice(0, open));
      nodes.push(isMetadata ? { kind: 'metadata', value: word.slice(2, -1) } : { kind: 'label', value: word });
    } else literal(rest.slice(0, close + 1));
    rest = rest.slice(close + 1);
  }
  literal(rest);
  return nodes;
};

/** Gives the value of a piece of metadata, or null where nothing provides it. */
export type MetadataOf = (query: Query, name: string) => string | null;

const noMetadata: MetadataOf = () => null;

/** Compiles a format into a function that writes the line for a query. */
export const compileFormat = (format: string, metadata: MetadataOf = noMetadata): Value => {
  const values = parseFormat(format).map(({ kind, value }): Value | string => {
    if (kind === 'literal') return value;
    if (kind === 'metadata') return ({ query }) => metadata(query, value) ?? EMPTY_VALUE;
    return VALUES.get(value) as Value;
  });
  return (logged) => {
    let line = '';
    for (const value of values) line += typeof value === 'string' ? value : value(logged);
    return line;
  };
};
