import { setTimeout as delay } from 'node:timers/promises';
import { joinHostPort } from '#dns/address.ts';
import { foldName, type Name, prependLabels, ROOT, textFromName } from '#dns/name.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import type { BlockInfo, Next, Query, Reply, Services } from '#plugin/index.ts';
import { askItself } from './probe.ts';

/** How long the server is asked until it answers, and how long after that the probe may still come back. */
const GIVE_UP_MS = 30_000;
const RETRY_MS = 1000;
const WATCH_MS = 2000;
/** The probe once from us and once more, as a client repeats it, is no loop. */
const MOST_SEEN = 2;

/** The random name of 62 bits twice that the server asks itself for. */
const probeName = (zone: Name, random: () => number): Name => {
  const number = (): string =>
    String(BigInt(Math.floor(random() * 2 ** 31)) * 2n ** 31n + BigInt(Math.floor(random() * 2 ** 31)));
  return foldName(prependLabels([number(), number()], zone));
};

/** Sends a query for a name of its own to this server and counts how often it comes by. */
export class LoopGuard {
  /** What it asks for. */
  readonly name: Name;
  readonly zone: Name;
  readonly #host: string;
  readonly #port: number;
  readonly #services: Pick<Services, 'fatal' | 'clock'>;
  readonly #stopped = new AbortController();
  readonly #ask: typeof askItself;
  #seen = 0;
  #isOff = false;

  constructor(
    block: BlockInfo,
    services: Pick<Services, 'fatal' | 'clock' | 'random'>,
    ask: typeof askItself = askItself,
  ) {
    this.zone = block.keys[0]?.zone ?? ROOT;
    this.name = probeName(this.zone, services.random);
    this.#host = block.settings.listenHosts[0] ?? block.defaultHosts?.[0] ?? '';
    this.#port = block.keys[0]?.port ?? 0;
    this.#services = services;
    this.#ask = ask;
  }

  handle(query: Query, next: Next): Reply | Promise<Reply> {
    if (!this.#isOff && query.type === RR_TYPE.HINFO && query.name === this.name) this.#count(query);
    return next(query);
  }

  /** Begins to ask. Nothing waits for it. */
  start(): void {
    // The port is unknown where the system chose it.
    if (this.#port === 0) this.#isOff = true;
    else void this.#probe();
  }

  stop(): void {
    this.#isOff = true;
    this.#stopped.abort();
  }

  #count(query: Query): void {
    query.provenance.forbid();
    this.#seen++;
    if (this.#seen <= MOST_SEEN) return;
    this.#isOff = true;
    const from = joinHostPort(query.peer.address, query.peer.port);
    const to = joinHostPort(this.#host, this.#port);
    this.#services.fatal(
      `plugin/loop: Loop (${from} -> ${to}) detected for zone "${textFromName(this.zone)}", see https://coredns.io/plugins/loop#troubleshooting. Query: "HINFO ${textFromName(this.name)}"`,
    );
  }

  async #probe(): Promise<void> {
    const { signal } = this.#stopped;
    const endMs = this.#services.clock.monotonicMs() + GIVE_UP_MS;
    try {
      while (this.#services.clock.monotonicMs() < endMs && !this.#isOff) {
        if (await this.#ask({ host: this.#host, port: this.#port, name: this.name, signal })) {
          await delay(WATCH_MS, undefined, { signal, ref: false });
          break;
        }
        this.#seen = 0;
        await delay(RETRY_MS, undefined, { signal, ref: false });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    this.#isOff = true;
  }
}
