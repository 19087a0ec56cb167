import { readFile } from 'node:fs/promises';

/** CoreDNS's configuration where there is no Corefile at all. */
const builtIn = (port: number): string => `.:${port} {\nwhoami\nlog\n}\n`;

/** The text, or the built-in configuration where it has neither words nor anything else but comments, as in CoreDNS. */
export const orBuiltIn = (text: string, port: number): string =>
  text.split('\n').every((line) => /^\s*(#|$)/.test(line)) ? builtIn(port) : text;

/** A configuration as the server reads it, now and at each reload. */
export interface CorefileText {
  /** Path for messages; null where it is not a file. */
  readonly file: string | null;
  /** Name for messages. */
  readonly name: string;
  read(): Promise<string>;
}

export const readStandardInput = async (): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

/**
 * Finds the configuration: `-conf FILE`, `-conf stdin`, the file `Corefile` here, or the built-in one. Rejects with the system's error where
 * a file that was named can't be read.
 */
export const findCorefile = async (conf: string, port: number): Promise<CorefileText> => {
  if (conf === 'stdin') {
    const text = orBuiltIn(await readStandardInput(), port);
    return { file: null, name: 'stdin', read: async () => text };
  }
  const file = conf === '' ? 'Corefile' : conf;
  try {
    await readFile(file);
  } catch (error) {
    if (conf !== '' || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { file: null, name: 'built-in', read: async () => builtIn(port) };
  }
  return { file, name: file, read: async () => orBuiltIn(await readFile(file, 'utf8'), port) };
};

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
};

/** Why a file could not be read, in the words of Go, which are those of the system: `open x: no such file or directory`. */
export const fileFault = (file: string, { code = '', syscall = 'open', message }: NodeJS.ErrnoException): string =>
  WORDS[code] === undefined ? message : `${syscall} ${file}: ${WORDS[code]}`;
