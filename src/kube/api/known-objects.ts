import type { Change, Kind, Known, KubeObject } from '../source.ts';
import { turns } from './turns.ts';

type ByName<T> = Map<string, T>;

/** What a reflector has given out, so that it can say what a new list changes. */
export class KnownObjects<T extends Known = KubeObject> {
  readonly #kind: Kind;
  readonly #emit: (change: Change<T>, old: T | undefined) => void;
  #objects = new Map<string, ByName<T>>();
  /** A list was whole once. */
  #isListed = false;

  /** `emit` is given what was known before, too. */
  constructor(kind: Kind, emit: (change: Change<T>, old: T | undefined) => void) {
    this.#kind = kind;
    this.#emit = emit;
  }

  /** An object as it is now; nothing is given out where it is known in this version. */
  set(object: T): void {
    const old = this.#objects.get(object.namespace)?.get(object.name);
    if (old !== undefined && object.resourceVersion !== '' && old.resourceVersion === object.resourceVersion) return;
    put(this.#objects, object);
    this.#emit({ type: 'set', object }, old);
  }

  delete(namespace: string, name: string): void {
    const names = this.#objects.get(namespace);
    const old = names?.get(name);
    if (names?.delete(name) !== true) return;
    if (names.size === 0) this.#objects.delete(namespace);
    this.#emit({ type: 'delete', kind: this.#kind, namespace, name }, old);
  }

  /** An object of an earlier run, until a list says otherwise. What a list has given already is newer. */
  restore(object: T): void {
    if (this.#isListed || this.#objects.get(object.namespace)?.has(object.name) === true) return;
    put(this.#objects, object);
    this.#emit({ type: 'set', object }, undefined);
  }

  /** All that is known. Changes in between two steps may be in it or not. */
  *objects(): Generator<T> {
    for (const names of this.#objects.values()) yield* names.values();
  }

  /**
   * Begins a whole list. What it gives takes effect at once; what it does not give is deleted by `finish`, in several turns of
   * the event loop, while changes may come in.
   */
  relist(): Relist<T> {
    const seen = new Map<string, ByName<T>>();
    return {
      set: (object) => {
        this.set(object);
        put(seen, this.#objects.get(object.namespace)?.get(object.name) ?? object);
      },
      delete: (namespace, name) => {
        this.delete(namespace, name);
        seen.get(namespace)?.delete(name);
      },
      finish: async () => {
        const before = this.#objects;
        this.#isListed = true;
        // From here on changes go to what was seen; what is made meanwhile under an old name is in it, and not deleted.
        this.#objects = seen;
        for (const [namespace, names] of before) {
          for (const [name, old] of names) {
            while (turns.isOver()) await turns.next();
            if (this.#objects.get(namespace)?.has(name) === true) continue;
            this.#emit({ type: 'delete', kind: this.#kind, namespace, name }, old);
          }
        }
      },
    };
  }
}

/** One whole list in the making; just dropped where it fails half-way. */
export interface Relist<T extends Known = KubeObject> {
  set(object: T): void;
  /** An object that was given and is gone before the list is whole. */
  delete(namespace: string, name: string): void;
  finish(): Promise<void>;
}

const put = <T extends Known>(objects: Map<string, ByName<T>>, object: T): void => {
  let names = objects.get(object.namespace);
  if (names === undefined) {
    names = new Map();
    objects.set(object.namespace, names);
  }
  names.set(object.name, object);
};
