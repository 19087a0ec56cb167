import { write as fsWrite, writeSync } from 'node:fs';

/** Writes octets to a file descriptor; the seam for tests. */
export type WriteOctets = (
  fd: number,
  octets: Buffer,
  done: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void;

export interface LineWriterOptions {
  readonly fd: number;
  /** Characters kept while the reader is slow; what comes above them is dropped and counted. */
  readonly maxPending: number;
  readonly write?: WriteOctets;
  /** What to say once the reader is back after lines were dropped. */
  readonly describeDropped: (count: number) => string;
}

/** A full pipe is tried again after this, and after twice as long each time, until a reader that is slow costs next to nothing. */
const FIRST_RETRY_MS = 1;
const LAST_RETRY_MS = 64;
/** A reader that takes nothing for so long is not waited for when the process ends. */
const FLUSH_LIMIT_MS = 2000;
/** Characters that are not worth waiting for the next turn with. */
const LARGE = 64 * 1024;

const writeOctets: WriteOctets = (fd, octets, done) =>
  fsWrite(fd, octets, 0, octets.length, null, (error, written) => done(error, written));

/**
 * Gathers lines and writes them together once a turn of the event loop. `process.stdout` is not used, because its writes to a pipe
 * block the whole process while the reader is slow. A reader that is gone (EPIPE) ends the writing and nothing else.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  readonly #write: WriteOctets;
  #pending = '';
  #inFlight: Buffer | null = null;
  #isScheduled = false;
  #isClosed = false;
  #dropped = 0;
  #droppedEver = 0;
  #retryMs = FIRST_RETRY_MS;
  #whenEmpty: (() => void)[] = [];

  constructor(options: LineWriterOptions) {
    this.#options = options;
    this.#write = options.write ?? writeOctets;
  }

  /** Takes a line without its newline. Costs an addition to a string. */
  line(text: string): void {
    if (this.#isClosed) return;
    if (this.#pending.length > this.#options.maxPending) {
      this.#dropped++;
      this.#droppedEver++;
      return;
    }
    this.#pending += `${text}\n`;
    if (this.#pending.length > LARGE) this.#pump();
    else this.#schedule();
  }

  /** Lines dropped so far. */
  get dropped(): number {
    return this.#droppedEver;
  }

  /** Characters that wait to be written. */
  get pending(): number {
    return this.#pending.length + (this.#inFlight?.length ?? 0);
  }

  /** Resolves when all lines so far have been written, or can't be, or nobody has read for two seconds. */
  flush(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => {
      let left = this.pending;
      const timer = setInterval(() => {
        if (this.pending < left) left = this.pending;
        else done();
      }, FLUSH_LIMIT_MS);
      const done = (): void => {
        clearInterval(timer);
        resolve();
      };
      this.#whenEmpty.push(done);
      this.#pump();
    });
  }

  /** Last chance, for the process's `exit` event: writes at once what is left. */
  flushNow(): void {
    if (this.#isClosed || this.#pending === '') return;
    const text = this.#pending;
    this.#pending = '';
    try {
      writeSync(this.#options.fd, text);
    } catch {
      // The process ends and its reader is slow or gone: there is nobody left to tell.
      this.#isClosed = true;
    }
  }

  #isIdle(): boolean {
    return this.#isClosed || (this.#inFlight === null && this.#pending === '');
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#inFlight !== null || this.#isClosed) return;
    if (this.#pending === '') {
      const waiting = this.#whenEmpty;
      this.#whenEmpty = [];
      for (const resolve of waiting) resolve();
      return;
    }
    if (this.#dropped > 0) {
      this.#pending += `${this.#options.describeDropped(this.#dropped)}\n`;
      this.#dropped = 0;
    }
    this.#inFlight = Buffer.from(this.#pending);
    this.#pending = '';
    this.#send();
  }

  #send(): void {
    const octets = this.#inFlight;
    if (octets === null) return;
    this.#write(this.#options.fd, octets, (error, written) => {
      if (error?.code === 'EAGAIN') {
        // The pipe is full.
        setTimeout(() => this.#send(), this.#retryMs);
        this.#retryMs = Math.min(LAST_RETRY_MS, 2 * this.#retryMs);
        return;
      }
      this.#retryMs = FIRST_RETRY_MS;
      if (error !== null) this.#close();
      else if (written < octets.length) {
        this.#inFlight = octets.subarray(written);
        this.#send();
        return;
      }
      this.#inFlight = null;
      this.#pump();
    });
  }

  #close(): void {
    this.#isClosed = true;
    this.#pending = '';
    this.#inFlight = null;
    const waiting = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const resolve of waiting) resolve();
  }
}
