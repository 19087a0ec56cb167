import type { Message, Question } from '#dns/decode.ts';
import { FLAG } from '#dns/decode.ts';
import { encodeMessage } from '#dns/encode.ts';
import type { Name } from '#dns/name.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { OPCODE } from '#dns/registry/opcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import type { Clock } from './clock.ts';
import { DeadlineList } from './deadline-list.ts';
import type { TimeLimit } from './dial-timeout.ts';
import type { Endpoint } from './endpoint.ts';
import { Exchange, type ExchangeSink } from './exchange.ts';
import { StreamExchanger, tcpDialer } from './exchange-tcp.ts';
import { tlsDialer } from './exchange-tls.ts';
import { UdpExchanger } from './exchange-udp.ts';
import type { Probe } from './health.ts';

const NO_COUNTERS = { hit: () => undefined, missed: () => undefined, ignored: () => undefined };
/** Nothing a probe opens is used again. */
const UDP_LIMITS = { lifetimeMs: 10_000, expireMs: 0, queries: 1 };
const STREAM_LIMITS = { expireMs: 0, maxAgeMs: 0, maxIdle: 0, maxConnections: 1 };
/** It asks once. */
const ENDLESS_PATIENCE = { ms: Number.POSITIVE_INFINITY, isQuick: false, observe: () => undefined };
const MAX_UDP_OCTETS = 65_535;

export interface ProbeOptions {
  readonly domain: Name;
  readonly isRecursionDesired: boolean;
  /** Over TCP although the upstream is not TLS (`force_tcp`). */
  readonly isTcp: boolean;
  /** For connecting, and again for the reply. */
  readonly timeoutMs: number;
}

/** A query without OPT. */
export const plainQuery = (question: Question, isRecursionDesired: boolean): Buffer =>
  encodeMessage(
    {
      id: 0,
      flags: isRecursionDesired ? FLAG.RD : 0,
      opcode: OPCODE.QUERY,
      rcode: 0,
      question,
      answer: [],
      authority: [],
      additional: [],
      opt: null,
    },
    MAX_UDP_OCTETS,
  );

/** An NS query for `domain` on a socket of its own. Any reply will do, whatever its RCODE. CoreDNS: plugin/pkg/proxy/health.go. */
export const dnsProbe =
  (endpoint: Endpoint, options: ProbeOptions, clock: Clock): Probe =>
  (done) => {
    const deadlines = new DeadlineList(options.timeoutMs, clock);
    const exchanger = openExchanger(endpoint, options, { deadlines, clock });
    const close = (): void => {
      deadlines.close();
      exchanger.close();
    };
    let isOver = false;
    const end = (error: Error | null): void => {
      if (isOver) return;
      isOver = true;
      close();
      done(error);
    };
    const sink: ExchangeSink = { replied: (_: Message) => end(null), failed: end };
    const question: Question = { name: options.domain, type: RR_TYPE.NS, class: CLASS.IN };
    exchanger.send(new Exchange(plainQuery(question, options.isRecursionDesired), question, MAX_UDP_OCTETS, sink));
    return () => {
      isOver = true;
      close();
    };
  };

const openExchanger = (
  endpoint: Endpoint,
  { isTcp, timeoutMs }: ProbeOptions,
  shared: { readonly deadlines: DeadlineList; readonly clock: Clock },
): UdpExchanger | StreamExchanger => {
  if (endpoint.tls === null && !isTcp)
    return new UdpExchanger(endpoint, { ...shared, limits: UDP_LIMITS, counters: NO_COUNTERS });
  const dialer = endpoint.tls === null ? tcpDialer(endpoint) : tlsDialer(endpoint, endpoint.tls);
  const dialTimeout: TimeLimit = { ms: timeoutMs, observe: () => undefined };
  return new StreamExchanger(endpoint, dialer, {
    ...shared,
    limits: STREAM_LIMITS,
    counters: NO_COUNTERS,
    dialTimeout,
    patience: ENDLESS_PATIENCE,
  });
};
