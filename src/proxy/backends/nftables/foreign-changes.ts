import { readlinkSync } from 'node:fs';
import { type HeldCommand, holdCommand } from '#netfilter/run.ts';
import type { WriterEnvironment } from '../../rule-backend.ts';

/** Pauses before `nft monitor` is started anew. */
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;
/** So long after a transaction of ours its echo may come. */
const ECHO_MS = 30_000;

/** A transaction, as `nft monitor` tells it. */
interface Seen {
  readonly pid: number;
  readonly process: string;
  /** Its first line about our table. */
  readonly line: string;
}

/**
 * Tells transactions of others in our table from our own. All that happens comes from one `nft monitor` that is held; each transaction ends
 * with the process that it was of. That is our own child, unless this program has process numbers of its own (a container): then it is told
 * by number, one for each of ours.
 */
export class ForeignChanges {
  readonly #environment: WriterEnvironment;
  readonly #words: string;
  readonly #changed: (what: string) => void;
  #monitor: HeldCommand | null = null;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #isClosed = false;
  #line = '';
  /** Transactions that came while one of ours was on its way. */
  readonly #held: Seen[] = [];
  #isWriting = false;
  /** Ours that have not been seen yet: when they were done. */
  readonly #expected: { readonly pid: number | undefined; readonly at: number }[] = [];

  constructor(environment: WriterEnvironment, table: string, changed: (what: string) => void) {
    this.#environment = environment;
    this.#words = ` ${table}`;
    this.#changed = changed;
  }

  /** What was before is not told. */
  start(): void {
    if (this.#isClosed || this.#monitor !== null) return;
    const hold = this.#environment.hold ?? holdCommand;
    const startedAt = this.#environment.now();
    this.#line = '';
    this.#monitor = hold('nft', ['monitor'], (line) => this.#read(line));
    void this.#monitor.ended.then((words) => {
      this.#monitor = null;
      if (this.#isClosed) return;
      if (this.#environment.now() - startedAt > MAX_PAUSE_MS) this.#pauseMs = FIRST_PAUSE_MS;
      this.#environment.log.debug(`nft monitor has ended (${words || 'no word'}): again in ${this.#pauseMs / 1000} s`);
      this.#timer = setTimeout(() => {
        this.start();
        // Nobody has looked meanwhile.
        this.#changed('nft monitor had ended, and changes may have been missed');
      }, this.#pauseMs);
      this.#timer.unref();
      this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS);
    });
  }

  /** A transaction of ours begins. */
  writing(): void {
    this.#isWriting = true;
  }

  /** It is over; `isDone`: the kernel has taken it. */
  written(isDone: boolean, pid: number | undefined): void {
    this.#isWriting = false;
    if (this.#monitor !== null && isDone) this.#expected.push({ pid, at: this.#environment.now() });
    for (const seen of this.#held.splice(0).sort((a, b) => Number(b.pid === pid) - Number(a.pid === pid)))
      this.#judge(seen);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#monitor?.end();
  }

  #read(line: string): void {
    if (line.startsWith('# new generation')) {
      const [, pid = '0', process = ''] = /by process (\d+) \((.*)\)/.exec(line) ?? [];
      const seen = { pid: Number(pid), process, line: this.#line };
      if (this.#line === '') return;
      this.#line = '';
      if (this.#isWriting) this.#held.push(seen);
      else this.#judge(seen);
    } else if (line.startsWith('# ERROR')) {
      // A load of ours is more than the kernel keeps for nft: that is no news.
      this.#forgetOld();
      if (!this.#isWriting && this.#expected.length === 0) this.#changed('changes were too many to be told one by one');
    } else if (this.#line === '' && line.includes(this.#words)) this.#line = line;
  }

  #judge(seen: Seen): void {
    this.#forgetOld();
    const own = this.#expected.findIndex(({ pid }) => pid === seen.pid);
    if (own >= 0) this.#expected.splice(own, 1);
    else if (this.#expected.length > 0 && hasOwnNumbers()) this.#expected.shift();
    else this.#changed(`process ${seen.pid}, ${seen.process}: ${shortened(seen.line)}`);
  }

  #forgetOld(): void {
    const since = this.#environment.now() - ECHO_MS;
    while (this.#expected[0] !== undefined && this.#expected[0].at < since) this.#expected.shift();
  }
}

const shortened = (line: string): string => (line.length > 120 ? `${line.slice(0, 120)}...` : line);

/** The namespace of process numbers that the machine starts with; the kernel tells numbers of that one. */
const FIRST_NAMESPACE = 'pid:[4026531836]';

const hasOwnNumbers = (): boolean => {
  try {
    return readlinkSync('/proc/self/ns/pid') !== FIRST_NAMESPACE;
  } catch {
    return true;
  }
};
