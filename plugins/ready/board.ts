/** Something that is ready or is not yet. */
export interface Readiness {
  readonly name: string;
  isReady(): boolean;
}

/** One block's plugins; `isContinuous` where those that were ready are asked again. */
interface Section {
  readonly isContinuous: boolean;
  waiting: readonly Readiness[];
}

/** What all server blocks with `ready` wait for: every endpoint tells of all of them, as in CoreDNS. */
export class ReadyBoard {
  readonly #sections = new Set<Section>();
  /** Some configuration has been served: its sockets were open. */
  hasServed = false;

  /** Watches these until the function that it gives is called. */
  add(waiting: readonly Readiness[], isContinuous: boolean): () => void {
    const section = { waiting, isContinuous };
    this.#sections.add(section);
    return () => {
      this.#sections.delete(section);
    };
  }

  /** Names of plugins that are not ready, sorted, each once; where all are and nothing was served yet, that is the server's own. */
  notReady(): string[] {
    const names = new Set<string>();
    for (const section of this.#sections) {
      const waiting = section.waiting.filter((readiness) => !readiness.isReady());
      if (!section.isContinuous) section.waiting = waiting;
      for (const { name } of waiting) names.add(name);
    }
    if (names.size === 0 && !this.hasServed) names.add('server');
    return [...names].sort();
  }

  close(): void {
    this.#sections.clear();
  }
}
