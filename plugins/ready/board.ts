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

  /** Watches these until the function that it gives is called. */
  add(waiting: readonly Readiness[], isContinuous: boolean): () => void {
    const section = { waiting, isContinuous };
    this.#sections.add(section);
    return () => {
      this.#sections.delete(section);
    };
  }

  /** Names of plugins that are not ready, sorted, each once. */
  notReady(): string[] {
    const names = new Set<string>();
    for (const section of this.#sections) {
      const waiting = section.waiting.filter((readiness) => !readiness.isReady());
      if (!section.isContinuous) section.waiting = waiting;
      for (const { name } of waiting) names.add(name);
    }
    return [...names].sort();
  }

  close(): void {
    this.#sections.clear();
  }
}
