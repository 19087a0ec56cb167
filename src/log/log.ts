export type LogLevel = 'debug' | 'info' | 'warning' | 'error' | 'fatal';

/** Where lines go: text in CoreDNS's shape, or JSON. */
export interface LogSink {
  /** A sink drops `debug` lines unless some server block has `debug`. */
  write(level: LogLevel, source: string, message: string): void;
  /** Text that is no log line (the banner); a sink without it says nothing. */
  plain?(text: string): void;
  /** Turns `debug` lines on or off. */
  setDebug?(isOn: boolean): void;
  /** Lines dropped so far, and characters that wait, because the reader is slow. */
  levels?(): { readonly dropped: number; readonly pending: number };
  /** Resolves when all that was written has left the process, or nobody reads. */
  flush(): Promise<void>;
}

/** Writes lines for one source: '' for the server itself, `plugin/NAME` for a plugin. */
export class Log {
  readonly #sink: LogSink;
  readonly #source: string;
  constructor(sink: LogSink, source = '') {
    this.#sink = sink;
    this.#source = source;
  }

  /** The log of a plugin: its lines start with `plugin/NAME: `. */
  plugin(name: string): Log {
    return new Log(this.#sink, `plugin/${name}`);
  }

  /** A line of this level, for levels that a configuration names. */
  at(level: LogLevel, message: string): void {
    this.#sink.write(level, this.#source, message);
  }

  debug(message: string): void {
    this.#sink.write('debug', this.#source, message);
  }

  info(message: string): void {
    this.#sink.write('info', this.#source, message);
  }

  warning(message: string): void {
    this.#sink.write('warning', this.#source, message);
  }

  error(message: string): void {
    this.#sink.write('error', this.#source, message);
  }

  fatal(message: string): void {
    this.#sink.write('fatal', this.#source, message);
  }

  /** Text without a level, as the banner is. */
  plain(text: string): void {
    this.#sink.plain?.(text);
  }

  /** Turns `debug` lines on or off, for all sources. */
  setDebug(isOn: boolean): void {
    this.#sink.setDebug?.(isOn);
  }

  flush(): Promise<void> {
    return this.#sink.flush();
  }
}
