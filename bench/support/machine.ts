import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';

/** What a run was on: processors, memory, kernel, distribution, Node.js. */
export const machine = (): string =>
  `${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${type()} ${release()}, ${distribution()}, Node.js ${process.version}`;

const distribution = (): string => {
  const path = '/etc/os-release';
  const name = existsSync(path) ? /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
  return name ?? 'unknown distribution';
};
