const EMPTY = Buffer.alloc(0);
const LENGTH_OCTETS = 4;
/** No object in etcd is above 1.5 MiB by default; a frame far above that is no event. */
const MAX_FRAME_OCTETS = 64 * 1024 * 1024;

/** Cuts the stream of a watch into frames: four octets of length, most significant first, and so many octets. */
export class FrameSplitter {
  readonly #takeFrame: (frame: Buffer) => void;
  #carried: Buffer = EMPTY;

  constructor(takeFrame: (frame: Buffer) => void) {
    this.#takeFrame = takeFrame;
  }

  /** The next octets. Throws an Error where a frame is too long to be one. */
  push(chunk: Buffer): void {
    const bytes = this.#carried.length === 0 ? chunk : Buffer.concat([this.#carried, chunk]);
    let at = 0;
    while (bytes.length - at >= LENGTH_OCTETS) {
      const length = bytes.readUInt32BE(at);
      if (length > MAX_FRAME_OCTETS) throw new Error(`a frame of ${length} octets`);
      const end = at + LENGTH_OCTETS + length;
      if (end > bytes.length) break;
      const frame = bytes.subarray(at + LENGTH_OCTETS, end);
      at = end;
      this.#takeFrame(frame);
    }
    this.#carried = at === bytes.length ? EMPTY : bytes.subarray(at);
  }
}
