/** A claim on a shared resource; `release` gives it back, once. */
export interface Lease<T> {
  readonly value: T;
  release(): Promise<void>;
}

interface Entry {
  readonly value: { close(): void | Promise<void> };
  claims: number;
}

/**
 * Resources that belong to the process and are claimed by configurations: HTTP endpoints, cluster sources. A new configuration
 * claims before the old one releases, so what both use is handed over as it is; the last release closes it.
 */
export class SharedResources {
  readonly #entries = new Map<string, Entry>();

  claim<T extends { close(): void | Promise<void> }>(key: string, create: () => T): Lease<T> {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { value: create(), claims: 0 };
      this.#entries.set(key, entry);
    }
    entry.claims++;
    const claimed = entry;
    let isReleased = false;
    return {
      value: claimed.value as T,
      release: async () => {
        if (isReleased) return;
        isReleased = true;
        if (--claimed.claims > 0) return;
        this.#entries.delete(key);
        await claimed.value.close();
      },
    };
  }
}
