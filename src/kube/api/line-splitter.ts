const NEWLINE = 0x0a;
/** No object in etcd is above 1.5 MiB by default; a line far above that is no event. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** Cuts a stream of octets into lines of text. */
export class LineSplitter {
  readonly #takeLine: (line: string) => void;
  #carried: Buffer[] = [];
  #carriedBytes = 0;

  constructor(takeLine: (line: string) => void) {
    this.#takeLine = takeLine;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = chunk.subarray(start, end);
      start = end + 1;
      this.#take(line);
    }
    if (start === chunk.length) return;
    this.#carried.push(chunk.subarray(start));
    this.#carriedBytes += chunk.length - start;
    if (this.#carriedBytes > MAX_LINE_BYTES) throw new RangeError(`a line of more than ${MAX_LINE_BYTES} octets`);
  }

  #take(last: Buffer): void {
    const line = this.#carriedBytes === 0 ? last : Buffer.concat([...this.#carried, last]);
    this.#carried = [];
    this.#carriedBytes = 0;
    if (line.length > 0) this.#takeLine(line.toString('utf8'));
  }
}
