import { createSocket, type Socket } from 'node:dgram';
import { encodeQuery } from '#test/dns-client.ts';

/** What a probe asks: a name that is remembered, one that main answers by itself, one that nobody has asked for. */
export type ProbeKind = 'remembered' | 'main' | 'forwarded';
export const PROBE_KINDS: readonly ProbeKind[] = ['remembered', 'main', 'forwarded'];

export interface Probe {
  readonly kind: ProbeKind;
  readonly sentMs: number;
  /** null: no reply. */
  latencyMs: number | null;
}

const EVERY_MS = 4;

/** Asks a little of everything all the time, beside whatever else is asked, and keeps when each was sent and how long it took. */
export class Prober {
  readonly probes: Probe[] = [];
  readonly #socket: Socket;
  readonly #port: number;
  readonly #names: Readonly<Record<ProbeKind, (number: number) => string>>;
  readonly #waiting = new Map<number, Probe>();
  readonly #timer: NodeJS.Timeout;
  #number = 0;

  constructor(port: number, names: Readonly<Record<ProbeKind, (number: number) => string>>) {
    this.#port = port;
    this.#names = names;
    this.#socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    this.#socket.on('message', (reply) => this.#reply(reply.readUInt16BE(0)));
    this.#socket.on('error', () => undefined);
    this.#timer = setInterval(() => this.#ask(), EVERY_MS);
  }

  /** Asks no more. */
  pause(): void {
    clearInterval(this.#timer);
  }

  stop(): void {
    this.pause();
    this.#socket.close();
  }

  /** Those of a kind that were sent within this time. */
  between(kind: ProbeKind, fromMs: number, toMs: number): Probe[] {
    return this.probes.filter((probe) => probe.kind === kind && probe.sentMs >= fromMs && probe.sentMs < toMs);
  }

  #ask(): void {
    const number = this.#number++;
    const kind = PROBE_KINDS[number % PROBE_KINDS.length] as ProbeKind;
    const probe: Probe = { kind, sentMs: performance.now(), latencyMs: null };
    this.probes.push(probe);
    this.#waiting.set(number & 0xffff, probe);
    this.#socket.send(encodeQuery(this.#names[kind](number), 'A', { id: number & 0xffff }), this.#port, '127.0.0.1');
  }

  #reply(id: number): void {
    const probe = this.#waiting.get(id);
    if (probe === undefined) return;
    this.#waiting.delete(id);
    probe.latencyMs = performance.now() - probe.sentMs;
  }
}

/** ms that this share of the probes took at the most; a lost one took for ever. */
export const quantile = (probes: readonly Probe[], share: number): number => {
  const sorted = probes.map(({ latencyMs }) => latencyMs ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
};

/** Probes of one kind that make a window for `recoveryMs`. */
const WINDOW = 15;

/** ms from this moment on until the median of the next probes is no longer than this; null where it never is. */
export const recoveryMs = (probes: readonly Probe[], fromMs: number, goodMs: number): number | null => {
  for (let i = 0; i + WINDOW <= probes.length; i++) {
    const window = probes.slice(i, i + WINDOW);
    if (quantile(window, 0.5) <= goodMs) return (window[0] as Probe).sentMs - fromMs;
  }
  return null;
};
