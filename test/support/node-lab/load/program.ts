/** Clients at a steady rate, as a process of its own in a network namespace: bundled and started by load-process.ts. */
import { type Asker, askerOf } from './askers.ts';
import { type Fate, machineMs, type Order, type Stream, type Told } from './orders.ts';

const TICK_MS = 5;
/** What is due after this process stood still is not made up for all at once. */
const MOST_DUE = 5;
let lastNumber = 0;

class Load {
  readonly #streams: readonly { readonly stream: Stream; readonly asker: Asker; due: number; asked: number }[];
  readonly #lostMs: number;
  readonly #fates: Fate[] = [];
  readonly #open = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #lastMs = machineMs();

  constructor(streams: readonly Stream[], lostMs: number) {
    this.#lostMs = lostMs;
    this.#streams = streams.map((stream, n) => ({
      stream,
      asker: askerOf(stream),
      // Not all at once.
      due: 1 - n / streams.length,
      asked: 0,
    }));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  async stop(): Promise<readonly Fate[]> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    for (const { asker } of this.#streams) asker.close();
    return this.#fates;
  }

  #tick(): void {
    const nowMs = machineMs();
    const seconds = (nowMs - this.#lastMs) / 1000;
    this.#lastMs = nowMs;
    this.#streams.forEach((each, n) => {
      each.due = Math.min(each.due + seconds * each.stream.perSecond, MOST_DUE);
      for (; each.due >= 1; each.due--) {
        const { names } = each.stream;
        const name = (names[each.asked++ % names.length] ?? '').replace('{n}', `${process.pid}-${++lastNumber}`);
        const asked: Promise<void> = this.#ask(n, each.asker, name).finally(() => this.#open.delete(asked));
        this.#open.add(asked);
      }
    });
  }

  async #ask(stream: number, asker: Asker, name: string): Promise<void> {
    const sentMs = machineMs();
    const outcome = await asker.ask(name, this.#lostMs);
    this.#fates.push({ stream, name, sentMs, tookMs: machineMs() - sentMs, outcome });
  }
}

const loads = new Map<number, Load>();

process.on('message', async (order: Order) => {
  if (order.kind === 'start') {
    loads.set(order.id, new Load(order.streams, order.lostMs));
    return;
  }
  const fates = (await loads.get(order.id)?.stop()) ?? [];
  loads.delete(order.id);
  process.send?.({ id: order.id, fates } satisfies Told);
});
process.on('disconnect', () => process.exit());
