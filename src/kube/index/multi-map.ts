const NONE: readonly never[] = Object.freeze([]);

/**
 * A map from a text to one or more values. Nearly every key has one value, which is kept without a list around it: with 20,000
 * Services that is most of the index.
 */
export class MultiMap<V extends object> {
  readonly #entries = new Map<string, V | V[]>();

  /** Values of a key, oldest first. */
  get(key: string): readonly V[] {
    const entry = this.#entries.get(key);
    if (entry === undefined) return NONE;
    return Array.isArray(entry) ? entry : [entry];
  }

  /** Adds a value, unless the key has it. */
  add(key: string, value: V): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, value);
    else if (Array.isArray(entry)) {
      if (!entry.includes(value)) entry.push(value);
    } else if (entry !== value) this.#entries.set(key, [entry, value]);
  }

  delete(key: string, value: V): void {
    const entry = this.#entries.get(key);
    if (entry === value) this.#entries.delete(key);
    else if (Array.isArray(entry)) {
      const left = entry.filter((other) => other !== value);
      const [first] = left;
      if (first === undefined) this.#entries.delete(key);
      else this.#entries.set(key, left.length === 1 ? first : left);
    }
  }

  get size(): number {
    return this.#entries.size;
  }
}
