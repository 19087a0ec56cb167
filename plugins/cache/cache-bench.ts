import type { ResourceRecord } from '#dns/record.ts';
import { recordFromText, recordToText } from '#dns/record-text.ts';
import { RCODE, type RcodeName } from '#dns/registry/rcodes.ts';
import { Answer, Generations, type Instance, type Query, type Reply } from '#plugin/index.ts';
import { setupPlugin, type TestQueryOptions, type TestSetup, testQuery, testServices } from '#plugin/testing.ts';
import definition from './index.ts';

/** A reply in record text, as tests write it. */
export interface ReplyText
  extends Omit<ConstructorParameters<typeof Answer>[0], 'rcode' | 'answer' | 'authority' | 'additional'> {
  readonly rcode?: RcodeName;
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
}

const records = (texts: readonly string[] = []): ResourceRecord[] => texts.map((text) => recordFromText(text));

/** A reply from its text. */
export const replyOf = ({ rcode, answer, authority, additional, ...rest }: ReplyText): Answer =>
  new Answer({
    ...rest,
    rcode: RCODE[rcode ?? 'NOERROR'],
    answer: records(answer),
    authority: records(authority),
    additional: records(additional),
  });

export const SOA = 'sns.dns.icann.org. noc.dns.icann.org. 2016082540 7200 3600 1209600 3600';

/** What backends of tests answer. */
export const positive = (ttl: number, address = '127.0.0.53', owner = 'cached.org.'): Answer =>
  replyOf({ isRecursionAvailable: true, answer: [`${owner} ${ttl} IN A ${address}`] });
export const nxdomain = (ttl: number): Answer =>
  replyOf({ rcode: 'NXDOMAIN', isRecursionAvailable: true, authority: [`example.org. ${ttl} IN SOA ${SOA}`] });
export const servfail = (ttl: number): Answer =>
  replyOf({ rcode: 'SERVFAIL', isRecursionAvailable: true, authority: [`example.org. ${ttl} IN SOA ${SOA}`] });

/** A cache in front of a backend that a test scripts, with a clock that stands still until it is moved. */
export class CacheBench {
  readonly generations = new Generations();
  readonly setup: TestSetup;
  readonly asked: Query[] = [];
  backend: (query: Query) => Reply | Promise<Reply> = () => positive(60);
  nowMs = 1_000_000;
  wallMs = Date.parse('2017-04-21T10:51:21Z');
  readonly #instance: Instance;
  readonly #counts = new Map<string, () => number>();

  constructor(stanza = 'cache', zones: readonly string[] = ['.']) {
    const clock = { monotonicMs: () => this.nowMs, wallMs: () => this.wallMs };
    const services = testServices({ clock, generations: this.generations });
    this.setup = setupPlugin(definition, stanza, { services, zones });
    const [fault] = this.setup.faults.list;
    if (fault !== undefined) throw new Error(fault.message);
    this.#instance = this.setup.instance as Instance;
  }

  advance(seconds: number): void {
    this.nowMs += seconds * 1000;
    this.wallMs += seconds * 1000;
  }

  query(name = 'cached.org.', type = 'A', options: TestQueryOptions = {}): Query {
    return testQuery(name, type, { generations: this.generations, ...options });
  }

  send(query: Query): Reply | Promise<Reply> {
    const { handle } = this.#instance;
    if (handle === undefined) throw new Error('cache has no layer');
    return handle(query, (asked) => {
      this.asked.push(asked);
      return this.backend(asked);
    });
  }

  /** Has the backend wait: it answers all that it is asked from now on when the function that this gives is called. */
  hold(): (reply: Answer) => void {
    let arrive: (reply: Answer) => void = () => undefined;
    const pending = new Promise<Answer>((resolve) => {
      arrive = resolve;
    });
    this.backend = () => pending;
    return arrive;
  }

  /** Sends a query that must be answered without a promise. */
  ask(name = 'cached.org.', type = 'A', options: TestQueryOptions = {}): Answer {
    const reply = this.send(this.query(name, type, options));
    if (reply instanceof Promise || reply.kind !== 'answer') throw new Error('the reply is not there at once');
    return reply;
  }

  /** How often the backend was asked. */
  get calls(): number {
    return this.asked.length;
  }

  count(name: string, type?: 'success' | 'denial'): number {
    const known = this.#counts.get(`${name} ${type}`);
    if (known !== undefined) return known();
    const labels = type === undefined ? ['server', 'zones', 'view'] : ['server', 'type', 'zones', 'view'];
    const values = type === undefined ? ['dns://:53', '.', ''] : ['dns://:53', type, '.', ''];
    const options = { name: `coredns_cache_${name}`, help: '', labels };
    const { metrics } = this.setup.services;
    const gauge = name === 'entries' ? metrics.gauge(options).at(...values) : null;
    const counter = gauge === null ? metrics.counter(options).at(...values) : null;
    const read = (): number => gauge?.value ?? counter?.total ?? 0;
    this.#counts.set(`${name} ${type}`, read);
    return read();
  }

  /** Items in a store, as the metric has it. */
  entries(type: 'success' | 'denial'): number {
    return this.count('entries', type);
  }
}

/** All records of a reply in text, section by section. */
export const textsOf = ({ answer, authority, additional }: Answer): string[] =>
  [...answer, ...authority, ...additional].map(recordToText);

/** The one TTL of a reply's records; fails where they differ. */
export const ttlOf = (reply: Answer): number => {
  const ttls = new Set([...reply.answer, ...reply.authority, ...reply.additional].map(({ ttl }) => ttl));
  if (ttls.size !== 1) throw new Error(`expected one TTL, found ${[...ttls].join(', ') || 'none'}`);
  return [...ttls][0] as number;
};
