/** Protocols whose flows outlive their endpoint: a TCP connection ends by itself, and is never touched. */
export type FlowProtocol = 'udp' | 'sctp';

/** A flow of the connection table: who was asked, and who answers. */
export interface Flow {
  readonly protocol: FlowProtocol;
  readonly to: FlowEnd;
  /** Where replies come from: the endpoint where there was DNAT, else `to`. */
  readonly answeredBy: FlowEnd;
}

export interface FlowEnd {
  readonly address: string;
  readonly port: number;
}

/**
 * Flows of a `conntrack -L`, a line each:
 * `udp 17 29 src=A dst=B sport=1 dport=53 [UNREPLIED] src=C dst=A sport=53 dport=1 mark=0 use=1`. The first four are those of the
 * first packet, the others of the reply. Flows of a zone are another's, such as Open vSwitch.
 */
export const readFlows = (text: string, protocol: FlowProtocol): readonly Flow[] => {
  const flows: Flow[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith(protocol) || / (orig-|reply-)?zone=/.test(line)) continue;
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, to, toPort, from, fromPort] = match as unknown as [string, string, string, string, string];
    flows.push({
      protocol,
      to: { address: to, port: Number(toPort) },
      answeredBy: { address: from, port: Number(fromPort) },
    });
  }
  return flows;
};

const LINE = / src=\S+ dst=(\S+) sport=\d+ dport=(\d+) .*?src=(\S+) dst=\S+ sport=(\d+) dport=\d+/;
