import { isWithin, type Name } from '#dns/name.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import {
  type Clock,
  failure,
  type Lease,
  type Next,
  type Query,
  type Reply,
  type SharedResources,
} from '#plugin/index.ts';
import { DeadlineList } from '#upstream/deadline-list.ts';
import { makePolicy, type Policy } from '#upstream/policy.ts';
import { chooseLinks } from '#upstream/udp-batch.ts';
import { type OpenLink, openDgramLink } from '#upstream/udp-link.ts';
import { Attempt, NoHealthyError } from './attempt.ts';
import { InFlight } from './in-flight.ts';
import type { ForwardMetrics } from './metrics.ts';
import type { ForwardOptions } from './options.ts';
import { lateTargets, makeSites, resolveTargets, type Site } from './upstream-set.ts';

/** How long one client query may go on being tried. CoreDNS: `defaultTimeout`. */
const DEADLINE_MS = 5000;
const PROBE_TIMEOUT_MS = 1000;
/** How often a resolv.conf that is missing is looked for. */
const LATE_FILE_CHECK_MS = 1000;

export interface ForwarderServices {
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: ForwardMetrics;
  readonly shared: SharedResources;
  /** Queries that may wait for upstreams without `max_concurrent`; only a test gives its own. */
  readonly maxInFlight?: number;
  /** True where UDP is to be done without system calls of our own. */
  readonly isDgramOnly?: boolean;
}

/** The two times that have no option; a test shortens them. */
export interface ForwarderTimes {
  readonly deadlineMs: number;
  readonly probeTimeoutMs: number;
}

const TIMES: ForwarderTimes = { deadlineMs: DEADLINE_MS, probeTimeoutMs: PROBE_TIMEOUT_MS };

/** One `forward` directive at work. */
export class Forwarder {
  readonly options: ForwardOptions;
  readonly clock: Clock;
  readonly metrics: ForwardMetrics;
  readonly deadlineMs: number;
  /** Ends each query at its time; null without `timeout`. */
  readonly timeouts: DeadlineList | null;
  /** The next `forward` of the server block, which gets what FROM does not match. */
  readonly following: Forwarder | null;
  readonly #times: ForwarderTimes;
  readonly #random: () => number;
  readonly #shared: SharedResources;
  readonly #maxInFlight: number | undefined;
  #inFlight: Lease<InFlight> | null = null;
  readonly #policy: Policy;
  readonly #isDgramOnly: boolean;
  #openLink: OpenLink = openDgramLink;
  #sites: readonly Site[] = [];
  #lateCheckedAtMs = Number.NEGATIVE_INFINITY;
  #active = 0;
  #drained: (() => void) | null = null;

  constructor(
    options: ForwardOptions,
    following: Forwarder | null,
    services: ForwarderServices,
    times: ForwarderTimes = TIMES,
  ) {
    this.options = options;
    this.following = following;
    this.clock = services.clock;
    this.metrics = services.metrics;
    this.deadlineMs = options.timeoutMs ?? times.deadlineMs;
    this.timeouts = options.timeoutMs === null ? null : new DeadlineList(options.timeoutMs, services.clock);
    this.#times = times;
    this.#random = services.random;
    this.#shared = services.shared;
    this.#maxInFlight = services.maxInFlight;
    this.#isDgramOnly = services.isDgramOnly ?? false;
    this.#policy = makePolicy(options.policy, services.random);
  }

  /** Queries under way. */
  get active(): number {
    return this.#active;
  }

  /** Resolves host names and makes the upstreams; sockets come with the first query. */
  async start(): Promise<void> {
    this.#inFlight = this.#shared.claim(
      'forward/in-flight',
      () => new InFlight(this.metrics.inFlight, this.#maxInFlight),
    );
    if (!this.#isDgramOnly) this.#openLink = await chooseLinks();
    const targets = await resolveTargets(this.options, this.clock);
    if (targets.length === 0 && !this.#mayComeLate()) throw new Error('no valid upstream addresses found');
    this.#make(targets);
  }

  /** Answers in time: waits for queries under way, then closes. `withinMs`: what is still open then fails. */
  async stop(withinMs: number): Promise<void> {
    if (this.#active > 0)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.#drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    for (const { upstream } of this.#sites) upstream.close();
    this.timeouts?.close();
    await this.#inFlight?.release();
  }

  handle(query: Query, next: Next): Reply | Promise<Reply> {
    if (!this.matches(query.name)) return this.following === null ? next(query) : this.following.handle(query, next);
    query.provenance.forbid();
    const { value: inFlight } = this.#inFlight as Lease<InFlight>;
    const exceeded = this.#exceeded(inFlight);
    if (exceeded !== null) {
      this.metrics.rejected.value++;
      return failure(RCODE.REFUSED, new Error(`concurrent queries exceeded maximum ${exceeded}`));
    }
    if (this.#sites.length === 0 && !this.#lookAgain())
      return this.following === null
        ? failure(RCODE.SERVFAIL, new NoHealthyError())
        : this.following.handle(query, next);
    return new Promise((resolve) => {
      const attempt = new Attempt(this, query, next, (reply) => {
        this.#active--;
        inFlight.count--;
        resolve(reply);
        if (this.#active === 0) this.#drained?.();
      });
      this.#active++;
      inFlight.count++;
      attempt.run();
    });
  }

  /** The limit that one more query would break, as it is to be told; else null. */
  #exceeded(inFlight: InFlight): string | null {
    const { maxConcurrent, maxConcurrentText } = this.options;
    if (maxConcurrentText === '') return inFlight.isFull ? String(inFlight.most) : null;
    return maxConcurrent > 0 && this.#active >= maxConcurrent ? maxConcurrentText : null;
  }

  /** Within FROM, and not within a name of `except`; FROM itself is never excepted. */
  matches(name: Name): boolean {
    const { from, except } = this.options;
    if (!isWithin(name, from)) return false;
    if (name === from) return true;
    for (const excepted of except) if (isWithin(name, excepted)) return false;
    return true;
  }

  /** The upstreams in the order that the policy gives for one query. */
  order(): readonly Site[] {
    return this.#policy.order(this.#sites);
  }

  /** Any upstream, each as likely. */
  anySite(): Site | null {
    return this.#sites[Math.floor(this.#random() * this.#sites.length)] ?? null;
  }

  #make(targets: Parameters<typeof makeSites>[0]): void {
    const { probeTimeoutMs } = this.#times;
    const { metrics, clock } = this;
    this.#sites = makeSites(targets, this.options, { metrics, clock, probeTimeoutMs, openLink: this.#openLink });
  }

  #mayComeLate(): boolean {
    return this.options.to.some(({ entry }) => entry.kind === 'missing');
  }

  /** With no upstream: looks again, now and then, for a resolv.conf that was missing. True where there is an upstream now. */
  #lookAgain(): boolean {
    const now = this.clock.monotonicMs();
    if (now - this.#lateCheckedAtMs < LATE_FILE_CHECK_MS) return false;
    this.#lateCheckedAtMs = now;
    this.#make(lateTargets(this.options));
    return this.#sites.length > 0;
  }
}
