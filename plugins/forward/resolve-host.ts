import { lookup } from 'node:dns/promises';
import { addressText } from '#dns/address.ts';
import type { Message, Question } from '#dns/decode.ts';
import { wireNameFromText } from '#dns/name.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import type { Clock } from '#upstream/clock.ts';
import { plainQuery } from '#upstream/probe.ts';
import { DEFAULT_UPSTREAM_OPTIONS, Upstream } from '#upstream/upstream.ts';
import { splitHostPort } from './host-port.ts';

/** Addresses of a host name; rejects where there are none. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

/** Asks the system (getaddrinfo), as CoreDNS does without `resolver`. */
const askSystem: ResolveHost = async (hostname) => {
  try {
    return (await lookup(hostname, { all: true })).map(({ address }) => address);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOTFOUND' ? 'no such host' : 'Temporary failure in name resolution';
    throw new Error(`lookup ${hostname}: ${reason}`, { cause });
  }
};

/** Asks these servers in turn, A and then AAAA, until one knows an address. CoreDNS: `dnsLookup` of plugin/forward. */
const askServers =
  (servers: readonly string[], clock: Clock): ResolveHost =>
  async (hostname) => {
    let last: Error | null = null;
    for (const server of servers) {
      const found = await askServer(server, hostname, clock);
      if (found.addresses.length > 0) return found.addresses;
      last = found.error ?? last;
    }
    throw new Error(`no addresses found for ${JSON.stringify(hostname)}${last === null ? '' : `: ${last.message}`}`);
  };

const NO_METRICS = {
  pool: () => ({ hit: () => undefined, missed: () => undefined, ignored: () => undefined }),
  healthCheckFailed: () => undefined,
  fellBack: () => undefined,
};

const askServer = async (
  server: string,
  hostname: string,
  clock: Clock,
): Promise<{ readonly addresses: string[]; readonly error: Error | null }> => {
  const split = splitHostPort(server);
  const endpoint = { host: split?.host ?? server, port: Number(split?.port ?? 53), tls: null, sourceAddress: null };
  const upstream = new Upstream(endpoint, DEFAULT_UPSTREAM_OPTIONS, NO_METRICS, clock);
  const addresses: string[] = [];
  try {
    for (const type of [RR_TYPE.A, RR_TYPE.AAAA]) {
      const reply = await ask(upstream, { name: wireNameFromText(hostname), type, class: CLASS.IN });
      for (const record of reply.answer) if (record.type === type) addresses.push(addressText(record.rdata));
    }
    return { addresses, error: null };
  } catch (error) {
    return { addresses, error: error as Error };
  } finally {
    upstream.close();
  }
};

const ask = (upstream: Upstream, question: Question): Promise<Message> =>
  new Promise((resolve, reject) => {
    const query = { message: plainQuery(question, true), question, maxUdpOctets: 512 };
    upstream.ask(query, false, { replied: resolve, failed: reject });
  });

/** How host names among the TOs are resolved: by the `resolver` servers, or by the system where there are none. */
export const hostResolver = (servers: readonly string[], clock: Clock): ResolveHost =>
  servers.length === 0 ? askSystem : askServers(servers, clock);
