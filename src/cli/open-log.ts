import { Log, type LogSink } from '#log/log.ts';

/** Opens the log of a process; `area` stands before each line that no plugin writes. The sink is to be flushed at the end. */
export const openLog = async (format: 'text' | 'json', area = ''): Promise<{ sink: LogSink; log: Log }> => {
  const sink: LogSink =
    format === 'json'
      ? await (await import('#log/json-sink.ts')).createJsonSink()
      : (await import('#log/text-sink.ts')).createTextSink();
  return { sink, log: new Log(sink, area) };
};
