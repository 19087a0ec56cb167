import { attempt } from './flows.ts';
import type { Attempt, StreamOrder } from './orders.ts';
import type { NamespaceSockets } from './system-calls.ts';

/** New flows all the time, a constant number of them at once: what a change of the rules must not be seen by. */
export class FlowStream {
  readonly #attempts: Attempt[] = [];
  readonly #lanes: readonly Promise<void>[];
  #isEnding = false;

  constructor(sockets: NamespaceSockets, { flow, atOnce, silenceMs }: StreamOrder) {
    const lane = async (): Promise<void> => {
      while (!this.#isEnding) this.#attempts.push(await attempt(sockets, flow, silenceMs));
    };
    this.#lanes = Array.from({ length: atOnce }, lane);
  }

  get count(): number {
    return this.#attempts.length;
  }

  async end(): Promise<readonly Attempt[]> {
    this.#isEnding = true;
    await Promise.all(this.#lanes);
    return this.#attempts;
  }
}
