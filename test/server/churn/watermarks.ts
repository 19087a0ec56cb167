import { isAbsent, NOTHING, OBJECTS, UNREADABLE } from './changing.ts';

/**
 * What is known of the objects' versions, in memory that the test and its load share. Times are not needed: `seen` is read before a
 * query is sent, and raised once the server has applied a version or somebody was answered with it; `put` is raised before a version
 * is put. So whoever sends a query when `seen` is 7 sends it after version 7 was there.
 */
export class Watermarks {
  readonly shared: SharedArrayBuffer;
  readonly #put: Int32Array;
  readonly #seen: Int32Array;
  readonly #due: Int32Array;

  constructor(shared = new SharedArrayBuffer(12 * OBJECTS.length)) {
    this.shared = shared;
    this.#put = new Int32Array(shared, 0, OBJECTS.length);
    this.#seen = new Int32Array(shared, 4 * OBJECTS.length, OBJECTS.length);
    this.#due = new Int32Array(shared, 8 * OBJECTS.length, OBJECTS.length);
  }

  put(object: number, version: number): void {
    Atomics.store(this.#put, object, version);
  }

  /** The last version that is known to be there. */
  seen(object: number): number {
    return Atomics.load(this.#seen, object);
  }

  see(object: number, version: number): void {
    for (let old = this.seen(object); old < version; old = this.seen(object))
      Atomics.compareExchange(this.#seen, object, old, version);
  }

  /** Notes a version that a server should have applied by now, if it is as quick as it should be. */
  expect(object: number, version: number): void {
    if (version > this.due(object)) Atomics.store(this.#due, object, version);
  }

  /** The last version that was to be expected. */
  due(object: number): number {
    return Atomics.load(this.#due, object);
  }

  /** Whether a reply is right and yet later than was to be expected, to a query that was sent when `due` was. */
  isLate(object: number, due: number, version: number): boolean {
    return version === NOTHING ? firstAbsent(due) > Atomics.load(this.#put, object) : version < due;
  }

  /** Judges a reply to a query that was sent when `least` had been seen: '' where it may be, and then its version is seen. */
  judge(object: number, least: number, version: number): string {
    const latest = Atomics.load(this.#put, object);
    if (version === UNREADABLE) return `object ${object}: neither one version nor none`;
    const found = version === NOTHING ? firstAbsent(least) : version;
    if (found > latest) return `object ${object}: ${textOf(version)}, and ${latest} was the last`;
    if (found < least || (version !== NOTHING && isAbsent(version)))
      return `object ${object}: ${textOf(version)} to a query that was sent after ${least} was seen`;
    this.see(object, found);
    return '';
  }
}

const firstAbsent = (from: number): number => {
  let version = from;
  while (!isAbsent(version)) version++;
  return version;
};

const textOf = (version: number): string => (version === NOTHING ? 'no answer' : `version ${version}`);
