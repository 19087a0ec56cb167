import type { ProxyMode } from '#proxy/rule-backend.ts';
import type { RawFlow } from './raw-case.ts';

/** A flow as a line of text, and the modes that it is for. */
export interface TextFlow {
  /** null for all modes of its case. */
  readonly modes: readonly ProxyMode[] | null;
  readonly flow: RawFlow;
}

const LINE =
  /^(?:\((?<modes>[a-z, ]+)\) )?(?<who>.+?) (?<from>[0-9a-f.:]+)(?: by (?<by>\S+))? -> (?<to>\S+):(?<port>\d+)\/(?<protocol>tcp|udp|sctp) => (?<fate>.+)$/;

const FATES = ['rejected', 'dropped', 'accepted', 'untouched'];

/**
 * Reads `WHO FROM [by INTERFACE] -> TO:PORT/PROTOCOL => FATE`, FATE being `rejected`, `dropped`, `accepted`, `untouched`, or the endpoints
 * that may get the packet, `masqueraded` before them or not. `(MODE, MODE)` before it: it holds in these modes alone.
 */
export const readFlow = (line: string): TextFlow => {
  const found = LINE.exec(line)?.groups;
  if (found === undefined) throw new Error(`no flow: ${line}`);
  const { modes, from = '', by, to = '', port, protocol = '', fate = '' } = found;
  const isMasqueraded = fate.startsWith('masqueraded ');
  const endpoints = FATES.includes(fate) ? [] : fate.replace('masqueraded ', '').split(' ');
  return {
    modes: modes === undefined ? null : (modes.split(', ') as ProxyMode[]),
    flow: {
      name: line,
      from,
      to: to.replace(/^\[|\]$/g, ''),
      proto: protocol.toUpperCase(),
      dport: Number(port),
      ...(by === undefined ? {} : { inInterface: by }),
      endpoints,
      masq: isMasqueraded,
      rejected: fate === 'rejected',
      dropped: fate === 'dropped',
      accepted: fate === 'accepted',
      passthrough: fate === 'untouched',
    },
  };
};
