import type { Log } from '#log/log.ts';

const MAX_REASON_LENGTH = 400;

/** Trouble that every kind has in the same way, with the server or the way to it: said by the kind that meets it first. */
export class CommonTrouble {
  readonly #holders = new Map<string, Set<object>>();

  /** True where nobody has this trouble yet. */
  isNew(reason: string, holder: object): boolean {
    const holders = this.#holders.get(reason);
    if (holders !== undefined) holders.add(holder);
    else this.#holders.set(reason, new Set([holder]));
    return holders === undefined;
  }

  isOver(holder: object): void {
    for (const [reason, holders] of this.#holders)
      if (holders.delete(holder) && holders.size === 0) this.#holders.delete(reason);
  }
}

/** Says what is wrong once, however often it is tried again, and once that it is right again. */
export class TroubleLog {
  readonly #log: Log;
  readonly #title: string;
  readonly #common: CommonTrouble;
  readonly #meanwhile: string;
  readonly #said = new Set<string>();

  /** `common` is the same for all kinds of a server; `meanwhile`: what is done without it. */
  constructor(log: Log, title: string, common: CommonTrouble, meanwhile = 'what is known is still served') {
    this.#log = log;
    this.#title = title;
    this.#common = common;
    this.#meanwhile = meanwhile;
  }

  /** `isCommon`: another kind that has met the same has said it for this one too. */
  failed(verb: 'list' | 'watch', error: string, isCommon = false): void {
    const reason = oneLine(error);
    // An outage goes through a few states (reset, refused, unavailable); more than these are not worth a line each.
    if (this.#said.has(reason) || this.#said.size >= 8) return;
    this.#said.add(reason);
    if (isCommon && !this.#common.isNew(reason, this)) return;
    this.#log.warning(`failed to ${verb} ${this.#title}: ${reason}; ${this.#meanwhile}, trying again`);
  }

  succeeded(): void {
    if (this.#said.size === 0) return;
    this.#said.clear();
    this.#common.isOver(this);
    this.#log.info(`watching ${this.#title} again`);
  }
}

/** Parts of a reason come from a server, or from a program that makes credentials: one line of it is enough. */
const oneLine = (text: string): string => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const line = text.replace(/[\s\u0000-\u001f\u007f]+/g, ' ').trim();
  return line.length > MAX_REASON_LENGTH ? `${line.slice(0, MAX_REASON_LENGTH)}...` : line;
};
