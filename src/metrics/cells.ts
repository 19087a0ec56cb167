/** Cells a process may have: 128 KiB for each thread that counts. */
const CAPACITY = 16_384;

/**
 * Counting by several threads without a lock: each thread has a sheet of numbers that it alone writes, a counter's cell has the same
 * place on all of them, and a reader adds them up. A sheet is shared memory, so it outlives its thread. Reading 64 aligned bits while
 * they are written gives the old or the new number on every platform that the threads run on.
 */
export class Cells {
  readonly #sheets: Float64Array[] = [];
  #used = 0;

  /** The sheet of a thread; 0 is the main thread's. */
  sheet(thread: number): Float64Array {
    for (let i = this.#sheets.length; i <= thread; i++)
      this.#sheets.push(new Float64Array(new SharedArrayBuffer(8 * CAPACITY)));
    return this.#sheets[thread] as Float64Array;
  }

  /** Place of a new cell, or -1 where there is no room: what would be counted there must then be counted otherwise. */
  allocate(): number {
    return this.#used < CAPACITY ? this.#used++ : -1;
  }

  /** What all threads have counted in a cell; 0 for one that was not to be had. */
  total(cell: number): number {
    if (cell < 0) return 0;
    let total = 0;
    for (const sheet of this.#sheets) total += sheet[cell] as number;
    return total;
  }
}

/** What one sending of a remembered reply adds to which cells: made once and done at every sending. */
export class Additions {
  readonly cells: number[] = [];
  readonly amounts: number[] = [];
  /** False once a cell was asked for and there was none: such a reply can't be counted from memory. */
  isComplete = true;

  add(cell: number, amount: number): void {
    if (cell < 0) this.isComplete = false;
    this.cells.push(cell);
    this.amounts.push(amount);
  }
}
