import { LineWriter, type WriteOctets } from './line-writer.ts';
import type { LogLevel, LogSink } from './log.ts';
import { ownPipe } from './own-pipe.ts';

export interface TextSinkOptions {
  /** Where lines go: 1, standard output, as CoreDNS does. */
  readonly fd?: number;
  /** Where a fatal line goes: 2, standard error. */
  readonly fatalFd?: number;
  readonly isDebug?: boolean;
  /** Characters kept while the reader is slow. */
  readonly maxPending?: number;
  readonly write?: WriteOctets;
}

const TAG: Readonly<Record<LogLevel, string>> = {
  debug: '[DEBUG] ',
  info: '[INFO] ',
  warning: '[WARNING] ',
  error: '[ERROR] ',
  fatal: '[FATAL] ',
};

const MAX_PENDING = 4 * 1024 * 1024;

/** A line as CoreDNS writes it: `[INFO] plugin/reload: text`, without a time. */
export const logLine = (level: LogLevel, source: string, message: string): string => {
  const text = message.endsWith('\n') ? message.slice(0, -1) : message;
  return source === '' ? TAG[level] + text : `${TAG[level]}${source}: ${text}`;
};

/** Log lines as text in CoreDNS's shape, written once a turn of the event loop and at the exit of the process. */
export const createTextSink = (options: TextSinkOptions = {}): LogSink & { setDebug(isOn: boolean): void } => {
  const describeDropped = (count: number): string =>
    logLine('warning', '', `${count} log lines were dropped: the reader was too slow`);
  const maxPending = options.maxPending ?? MAX_PENDING;
  const seam = options.write === undefined ? {} : { write: options.write };
  const fdOf = (fd: number): number => (options.write === undefined ? ownPipe(fd) : fd);
  const lines = new LineWriter({ fd: fdOf(options.fd ?? 1), maxPending, describeDropped, ...seam });
  const fatal = new LineWriter({ fd: fdOf(options.fatalFd ?? 2), maxPending, describeDropped, ...seam });
  let isDebug = options.isDebug ?? false;
  process.once('exit', () => {
    lines.flushNow();
    fatal.flushNow();
  });
  return {
    write: (level, source, message) => {
      if (level === 'debug' && !isDebug) return;
      (level === 'fatal' ? fatal : lines).line(logLine(level, source, message));
    },
    plain: (text) => lines.line(text.endsWith('\n') ? text.slice(0, -1) : text),
    setDebug: (isOn) => {
      isDebug = isOn;
    },
    levels: () => ({ dropped: lines.dropped, pending: lines.pending }),
    flush: async () => {
      await lines.flush();
      await fatal.flush();
    },
  };
};
