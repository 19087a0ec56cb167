import { parseCorefile } from '#corefile/parser.ts';
import { Faults } from '#corefile/tree.ts';
import { Metrics } from '#metrics/metrics.ts';
import { Answer, type Clock, failure, type Next, type Query, type Reply } from '#plugin/index.ts';
import { RecordingSink, type TestQueryOptions, testQuery, testServices } from '#plugin/testing.ts';
import { Forwarder, type ForwarderTimes } from './forwarder.ts';
import { ForwardMetrics } from './metrics.ts';
import { type ForwardOptions, readOptions } from './options.ts';

/** Options of each `forward` in a piece of Corefile, and the messages of faults and warnings. */
export const readStanza = (
  stanza: string,
  isLenient = false,
): { options: ForwardOptions[]; faults: string[]; warnings: string[] } => {
  const { corefile, faults: parseFaults } = parseCorefile({ file: 'Testfile', text: `. {\n${stanza}\n}\n` });
  const faults = new Faults();
  const directive = corefile.blocks[0]?.directives.find(({ name }) => name === 'forward');
  const options = (directive?.occurrences ?? []).map((occurrence) => readOptions(occurrence, faults, isLenient));
  const messages = [...parseFaults.list, ...faults.list].map(({ message }) => message);
  return { options, faults: messages, warnings: faults.warnings.map(({ message }) => message) };
};

/** Forward at work in a test. */
export interface Running {
  readonly forwarders: readonly Forwarder[];
  readonly metrics: Metrics;
  readonly log: RecordingSink;
  ask(name: string, options?: TestQueryOptions, query?: Query): Promise<Answer>;
  /** `ask`, and the query for a look at its provenance. */
  send(query: Query): Reply | Promise<Reply>;
  stop(): Promise<void>;
}

/** What the chain behind forward says. */
export const BEHIND = failure(9);
const behind: Next = () => BEHIND;

/** Starts the directives of a piece of Corefile, with other deadlines where a test cannot wait. */
export const runStanza = async (
  stanza: string,
  options: {
    readonly times?: ForwarderTimes;
    readonly isLenient?: boolean;
    readonly random?: () => number;
    readonly clock?: Clock;
    readonly maxInFlight?: number;
  } = {},
): Promise<Running> => {
  const parsed = readStanza(stanza, options.isLenient);
  if (parsed.faults.length > 0) throw new Error(parsed.faults.join('; '));
  const log = new RecordingSink();
  const services = testServices();
  const metrics = new Metrics();
  const shared = {
    clock: options.clock ?? services.clock,
    random: options.random ?? Math.random,
    metrics: new ForwardMetrics(metrics),
    shared: services.shared,
    ...(options.maxInFlight !== undefined && { maxInFlight: options.maxInFlight }),
  };
  const forwarders: Forwarder[] = [];
  for (const one of parsed.options.reverse())
    forwarders.unshift(new Forwarder(one, forwarders[0] ?? null, shared, options.times));
  for (const forwarder of forwarders) await forwarder.start();
  const [first] = forwarders;
  const send = (query: Query): Reply | Promise<Reply> => (first as Forwarder).handle(query, behind);
  return {
    forwarders,
    metrics,
    log,
    send,
    ask: async (name, asked) => {
      const reply = await send(testQuery(name, 'A', asked));
      if (!(reply instanceof Answer)) throw new Error(`got ${reply.kind}`);
      return reply;
    },
    stop: async () => {
      await Promise.all(forwarders.map((forwarder) => forwarder.stop(1000)));
    },
  };
};
