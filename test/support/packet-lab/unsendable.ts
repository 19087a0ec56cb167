import { readFileSync } from 'node:fs';
import type { PacketCase } from '#test/packet-table/packet-case.ts';

/** Why flows of a protocol can't be sent here; '' where they can. */
export const whyUnsendable = (protocol: string): string => {
  if (protocol !== 'sctp') return '';
  const hasKernel = /^SCTP\b/m.test(readFileSync('/proc/net/protocols', 'utf8'));
  return hasKernel ? 'the packet lab has no SCTP sockets' : 'this kernel has no SCTP sockets';
};

/** The titles of flows that can't be sent, each with its reason. */
export const unsendable = (cases: readonly PacketCase[]): readonly string[] =>
  cases.flatMap(({ title, flows }) =>
    flows.flatMap(({ name, packet }) => {
      const reason = whyUnsendable(packet.protocol);
      return reason === '' ? [] : [`${title}: ${name} (skipped: ${reason})`];
    }),
  );
