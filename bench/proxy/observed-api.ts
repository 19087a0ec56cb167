import type { FakeObject } from '#test/fake-api-server.ts';
import { watchChanges } from '../churn/own-watch.ts';
import { RealObject } from '../churn/real-object.ts';

/** When a change was asked for, and when a watch told of it. */
export interface ObservedChange {
  readonly requestedAt: number;
  readonly toldAt: number;
}

/** An API server that objects are put into one after the other, with a watch of its own that tells when others hear of them. */
export class ObservedApi {
  readonly #stopping = new AbortController();
  readonly #objects: RealObject;
  readonly #watching: Promise<unknown>;
  readonly #awaited = new Map<string, () => void>();
  /** Of each object that was put, by its name. */
  readonly #versions = new Map<string, number>();

  constructor(http: string) {
    this.#objects = new RealObject(http, this.#stopping.signal);
    this.#watching = watchChanges(http, this.#stopping.signal, (name, version) =>
      this.#awaited.get(`${name} ${version}`)?.(),
    );
  }

  /** Makes an object, or changes the one that is there. */
  put(path: string, object: FakeObject): Promise<ObservedChange> {
    return this.#observed(object, () => this.#objects.put(path, object));
  }

  /** Takes an object away that was put. */
  remove(path: string, object: FakeObject): Promise<ObservedChange> {
    const { name, namespace = '' } = object.metadata;
    return this.#observed(object, () => this.#objects.remove(path, namespace, name));
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#watching;
  }

  /** Of an object that is gone the watch tells as of the version after its last. */
  async #observed({ metadata: { name } }: FakeObject, change: () => void): Promise<ObservedChange> {
    const version = (this.#versions.get(name) ?? 0) + 1;
    this.#versions.set(name, version);
    this.#objects.version = version;
    const key = `${name} ${version}`;
    const told = new Promise<number>((resolve) => {
      this.#awaited.set(key, () => resolve(performance.now()));
    });
    const requestedAt = performance.now();
    change();
    const toldAt = await told;
    this.#awaited.delete(key);
    await this.#objects.done;
    return { requestedAt, toldAt };
  }
}
