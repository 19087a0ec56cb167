import type { Log } from '#log/log.ts';

const MAX_REASON_LENGTH = 400;

/** Says what is wrong once, however often it is tried again, and once that it is right again. */
export class TroubleLog {
  readonly #log: Log;
  readonly #title: string;
  readonly #said = new Set<string>();

  constructor(log: Log, title: string) {
    this.#log = log;
    this.#title = title;
  }

  failed(verb: 'list' | 'watch', error: string): void {
    const reason = oneLine(error);
    // An outage goes through a few states (reset, refused, unavailable); more than these are not worth a line each.
    if (this.#said.has(reason) || this.#said.size >= 8) return;
    this.#said.add(reason);
    this.#log.warning(`failed to ${verb} ${this.#title}: ${reason}; what is known is still served, trying again`);
  }

  succeeded(): void {
    if (this.#said.size === 0) return;
    this.#said.clear();
    this.#log.info(`watching ${this.#title} again`);
  }
}

/** Parts of a reason come from a server, or from a program that makes credentials: one line of it is enough. */
const oneLine = (text: string): string => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const line = text.replace(/[\s\u0000-\u001f\u007f]+/g, ' ').trim();
  return line.length > MAX_REASON_LENGTH ? `${line.slice(0, MAX_REASON_LENGTH)}...` : line;
};
