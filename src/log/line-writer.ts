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

const RETRY_MS = 10;
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
      return;
    }
    this.#pending += `${text}\n`;
    if (this.#pending.length > LARGE) this.#pump();
    else this.#schedule();
  }

  /** Resolves when all lines so far have been written, or can't be. */
  flush(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenEmpty.push(resolve);
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
        // Somebody made the pipe non-blocking, and it is full.
        setTimeout(() => this.#send(), RETRY_MS);
        return;
      }
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
