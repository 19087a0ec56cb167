import { ask, type QueryOptions } from '#test/dns-client.ts';
import { startServer, type TestServer, type TestServerOptions, UDP_LISTENERS } from '#test/server.ts';
import type { Outcome } from './adapter.ts';
import { differenceFrom, type ExpectedReply } from './compare.ts';

/**
 * How every question is put: over TCP, over UDP with room for any reply, and again. From the second time on the reply may be a
 * remembered one; a listener thread knows it by the last.
 */
const WAYS: readonly QueryOptions[] = (['tcp', 'udp', 'tcp', 'udp', 'udp', 'udp'] as const).map((transport) =>
  transport === 'tcp' ? { transport } : { transport, udpSize: 65_535 },
);

/** Runs a server behind each kind of UDP listener, all alike. */
export const withServers = async <T>(
  options: TestServerOptions,
  use: (servers: readonly TestServer[]) => Promise<T>,
): Promise<T> => {
  const starts = await Promise.allSettled(UDP_LISTENERS.map((udp) => startServer({ ...options, udp })));
  const servers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  try {
    for (const start of starts) if (start.status === 'rejected') throw start.reason;
    return await use(servers);
  } finally {
    for (const server of servers) await server.stop();
  }
};

export interface Asked {
  readonly qname: string;
  readonly qtype: string;
}

/** Puts a question to the servers in every way; the reply must each time be all that is expected of it. */
export const replayQuestion = async (
  servers: readonly TestServer[],
  file: string,
  { qname, qtype }: Asked,
  ...expected: readonly ExpectedReply[]
): Promise<Outcome> => {
  const name = `${file}: ${qname} ${qtype}`;
  for (const server of servers) {
    for (const way of WAYS) {
      const message = await ask(server, qname, qtype, way).catch((error: Error) => error);
      const difference =
        message instanceof Error
          ? message.message
          : expected.map((reply) => differenceFrom(reply, message)).find((found) => found !== null);
      if (difference) return { name, result: 'fail', reason: `${way.transport}, ${server.udp}: ${difference}` };
    }
  }
  return { name, result: 'pass' };
};
