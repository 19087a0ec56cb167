import { EVENT_ID, type Event, getScalarValue, type MappingEvent, type ScalarEvent, type SequenceEvent } from 'js-yaml';

/** A field: keys of mappings and indexes of sequences, from the document's top. */
export type Path = readonly (string | number)[];

/** Offset of the field at `path` in a document, or of the nearest thing around it that the text has. */
export const locate = (text: string, events: readonly Event[], documentIndex: number, path: Path): number => {
  const walker = new EventWalker(text, events);
  return walker.find(walker.documentStart(documentIndex), path);
};

/** The scalar at `path` in a document as it is written, or null where there is none. */
export const locateScalar = (
  text: string,
  events: readonly Event[],
  documentIndex: number,
  path: Path,
): ScalarEvent | null => {
  const walker = new EventWalker(text, events);
  return walker.scalar(walker.documentStart(documentIndex), path);
};

class EventWalker {
  readonly #text: string;
  readonly #events: readonly Event[];

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  /** Index of the first event of a document's content. */
  documentStart(documentIndex: number): number {
    let seen = -1;
    const at = this.#events.findIndex((event) => event.type === EVENT_ID.DOCUMENT && ++seen === documentIndex);
    return at + 1;
  }

  find(start: number, path: Path): number {
    let node = start;
    let offset = this.#offsetOf(node);
    for (const step of path) {
      const child = this.#child(node, step);
      if (child === null) break;
      node = child.value;
      offset = child.offset;
    }
    return offset;
  }

  scalar(start: number, path: Path): ScalarEvent | null {
    let node = start;
    for (const step of path) {
      const child = this.#child(node, step);
      if (child === null) return null;
      node = child.value;
    }
    const event = this.#events[node];
    return event?.type === EVENT_ID.SCALAR ? event : null;
  }

  #child(node: number, step: string | number): Child | null {
    return typeof step === 'number' ? this.#item(node, step) : this.#entry(node, step);
  }

  #item(node: number, index: number): Child | null {
    if (this.#events[node]?.type !== EVENT_ID.SEQUENCE) return null;
    let at = node + 1;
    for (let seen = 0; this.#isNode(at); seen++, at = this.#after(at)) {
      if (seen === index) return { value: at, offset: this.#offsetOf(at) };
    }
    return null;
  }

  /** A scalar's place is where it stands; what holds others is placed at its key. */
  #entry(node: number, key: string): Child | null {
    if (this.#events[node]?.type !== EVENT_ID.MAPPING) return null;
    for (let at = node + 1; this.#isNode(at); ) {
      const value = this.#after(at);
      const event = this.#events[at];
      if (event?.type === EVENT_ID.SCALAR && getScalarValue(this.#text, event) === key) {
        const hasPlace = this.#events[value]?.type === EVENT_ID.SCALAR && this.#offsetOf(value) > 0;
        return { value, offset: this.#offsetOf(hasPlace ? value : at) };
      }
      at = this.#after(value);
    }
    return null;
  }

  #isNode(at: number): boolean {
    const event = this.#events[at];
    return event !== undefined && event.type !== EVENT_ID.POP && event.type !== EVENT_ID.DOCUMENT;
  }

  /** Index of the event after the node that begins at `at`. */
  #after(at: number): number {
    let depth = 0;
    for (let index = at; index < this.#events.length; index++) {
      const type = this.#events[index]?.type;
      if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
      else if (type === EVENT_ID.POP) depth--;
      if (depth <= 0) return index + 1;
    }
    return this.#events.length;
  }

  #offsetOf(at: number): number {
    const event = this.#events[at];
    if (event === undefined) return 0;
    if (event.type === EVENT_ID.SCALAR) return scalarOffset(event);
    if (event.type === EVENT_ID.ALIAS) return Math.max(0, event.anchorStart);
    if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) return collectionOffset(event);
    return 0;
  }
}

interface Child {
  readonly value: number;
  readonly offset: number;
}

/** Quotes stand before a scalar's value; plain scalars have none. */
const scalarOffset = (event: ScalarEvent): number =>
  Math.max(0, event.valueStart - (event.style === 2 || event.style === 3 ? 1 : 0));

const collectionOffset = (event: MappingEvent | SequenceEvent): number => Math.max(0, event.start);
