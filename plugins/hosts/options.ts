import { statSync } from 'node:fs';
import { readDurationMs, readInteger } from '#corefile/readers.ts';
import type { Directive, Faults, OptionLine, Token } from '#corefile/tree.ts';
import type { Name } from '#dns/name.ts';
import type { Log } from '#log/log.ts';
import { fallthroughZones, zonesFromArgs } from '#plugin/index.ts';
import { readHostLine } from './host-line.ts';

/** A hosts line of the Corefile, with the token to point at. */
export interface InlineLine {
  readonly text: string;
  readonly token: Token;
}

export interface HostsOptions {
  readonly path: string;
  readonly zones: readonly Name[];
  readonly inline: readonly InlineLine[];
  readonly ttlSeconds: number;
  readonly hasReverse: boolean;
  /** Pause between two looks at the file; 0 is never again. */
  readonly reloadMs: number;
  /** Zones whose unknown names go to the next plugin; empty for none. */
  readonly fallthrough: readonly Name[];
  /** True where other types than A, AAAA and PTR go on too. */
  readonly isUnsupportedPassedOn: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const DEFAULT_PATH = '/etc/hosts';
const MAX_TTL_SECONDS = 65_535;

/** Reads `hosts [FILE [ZONES...]] { ... }`. */
export const readOptions = (
  directive: Directive,
  blockZones: readonly Name[],
  faults: Faults,
  log: Log,
): HostsOptions => {
  const occurrence = directive.occurrences[0];
  const [file, ...zones] = occurrence?.args ?? [];
  const inline: InlineLine[] = [];
  const options: Mutable<HostsOptions> = {
    path: file?.text ?? DEFAULT_PATH,
    zones: zonesFromArgs(zones, blockZones, faults),
    inline,
    ttlSeconds: 3600,
    hasReverse: true,
    reloadMs: 5000,
    fallthrough: [],
    isUnsupportedPassedOn: false,
  };
  if (file !== undefined) checkFile(file, faults, log);
  let unsupported: Token | null = null;
  for (const line of occurrence?.body ?? []) {
    if (line.name.text === 'fallthrough_unsupported') unsupported = line.name;
    readOption(line, options, inline, faults);
  }
  if (unsupported !== null && options.fallthrough.length === 0)
    parsing(faults, 'fallthrough_unsupported requires fallthrough', unsupported);
  return options;
};

const parsing = (faults: Faults, message: string, token: Token): void =>
  faults.add(`Error during parsing: ${message}`, token);

/** A file that is not there yet is worth a warning only: it may come. */
const checkFile = (token: Token, faults: Faults, log: Log): void => {
  try {
    if (statSync(token.text).isDirectory()) log.warning(`Hosts file ${JSON.stringify(token.text)} is a directory`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') log.warning(`File does not exist: ${token.text}`);
    else parsing(faults, `unable to access hosts file '${token.text}': ${goMessage(message, token.text)}`, token);
  }
};

/** `ENOTDIR: not a directory, stat '/x'` as Go says it: `stat /x: not a directory`. */
const goMessage = (message: string, path: string): string =>
  `stat ${path}: ${/^[A-Z]+: (.*), stat /.exec(message)?.[1] ?? message}`;

const readOption = (line: OptionLine, options: Mutable<HostsOptions>, inline: InlineLine[], faults: Faults) => {
  switch (line.name.text) {
    case 'fallthrough':
      options.fallthrough = fallthroughZones(line.args, faults);
      return;
    case 'fallthrough_unsupported':
      if (line.args.length > 0) faults.argument(line.args.at(-1) as Token);
      options.isUnsupportedPassedOn = true;
      return;
    case 'no_reverse':
      options.hasReverse = false;
      return;
    case 'ttl':
      return readTtl(line, options, faults);
    case 'reload':
      return readReload(line, options, faults);
    default:
      return readInline(line, options, inline, faults);
  }
};

const readTtl = (line: OptionLine, options: Mutable<HostsOptions>, faults: Faults) => {
  const [token] = line.args;
  if (token === undefined) return parsing(faults, 'ttl needs a time in second', line.name);
  const ttl = readInteger(token.text);
  if (ttl === null) return parsing(faults, 'ttl needs a number of second', token);
  if (ttl <= 0 || ttl > MAX_TTL_SECONDS) return parsing(faults, 'ttl provided is invalid', token);
  options.ttlSeconds = ttl;
};

const readReload = (line: OptionLine, options: Mutable<HostsOptions>, faults: Faults) => {
  const [token] = line.args;
  if (token === undefined || line.args.length > 1)
    return parsing(faults, 'reload needs a duration (zero seconds to disable)', line.args.at(-1) ?? line.name);
  const ms = readDurationMs(token.text);
  if (ms === null) return parsing(faults, `invalid duration for reload '${token.text}'`, token);
  if (ms < 0) return parsing(faults, `invalid negative duration for reload '${token.text}'`, token);
  options.reloadMs = ms;
};

/**
 * Any other line is a hosts line, as long as no `fallthrough` with zones stands before it. CoreDNS takes no notice of one that can't
 * be read, a misspelled option among them; here a warning says so.
 */
const readInline = (line: OptionLine, options: HostsOptions, inline: InlineLine[], faults: Faults) => {
  if (line.body !== null) return parsing(faults, "Unexpected token '{', expecting argument", line.name);
  if (options.fallthrough.length > 0) return parsing(faults, `unknown property '${line.name.text}'`, line.name);
  const text = [line.name, ...line.args].map((token) => token.text).join(' ');
  const read = readHostLine(text);
  if (read !== null && 'complaint' in read)
    faults.warn(`"${text}" is no hosts line and no option, and is ignored: ${read.complaint}`, line.name);
  inline.push({ text, token: line.name });
};
