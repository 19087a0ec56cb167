import { LineWriter, type WriteOctets } from './line-writer.ts';
import type { LogLevel, LogSink } from './log.ts';
import { ownPipe } from './own-pipe.ts';

export interface JsonSinkOptions {
  readonly fd?: number;
  readonly isDebug?: boolean;
  readonly maxPending?: number;
  readonly write?: WriteOctets;
}

/** pino has no `warning`. */
const PINO_LEVEL: Readonly<Record<LogLevel, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>> = {
  debug: 'debug',
  info: 'info',
  warning: 'warn',
  error: 'error',
  fatal: 'fatal',
};

const MAX_PENDING = 4 * 1024 * 1024;

/**
 * Log lines as JSON: `level`, `time`, `source` where there is one, `msg`. pino is loaded here, so that a server with text lines does
 * not carry it (11 MB resident).
 */
export const createJsonSink = async (
  options: JsonSinkOptions = {},
): Promise<LogSink & { setDebug(isOn: boolean): void }> => {
  // The default export: of a bundled CommonJS module that is the one name an import() surely has.
  const { default: pino } = await import('pino');
  const lines = new LineWriter({
    fd: options.write === undefined ? ownPipe(options.fd ?? 1) : (options.fd ?? 1),
    maxPending: options.maxPending ?? MAX_PENDING,
    describeDropped: (count) => JSON.stringify({ level: 'warning', msg: `${count} log lines were dropped` }),
    ...(options.write === undefined ? {} : { write: options.write }),
  });
  const logger = pino(
    {
      base: null,
      level: (options.isDebug ?? false) ? 'debug' : 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label === 'warn' ? 'warning' : label }) },
    },
    { write: (text: string) => lines.line(text.slice(0, -1)) },
  );
  process.once('exit', () => lines.flushNow());
  return {
    write: (level, source, message) => {
      if (source === '') logger[PINO_LEVEL[level]](message);
      else logger[PINO_LEVEL[level]]({ source }, message);
    },
    plain: (text) => {
      for (const line of text.split('\n')) if (line !== '') logger.info(line);
    },
    setDebug: (isOn) => {
      logger.level = isOn ? 'debug' : 'info';
    },
    levels: () => ({ dropped: lines.dropped, pending: lines.pending }),
    flush: () => lines.flush(),
  };
};
