import { readFile } from 'node:fs/promises';

/** CoreDNS's configuration where there is no Corefile at all. */
const builtIn = (port: number): string => `.:${port} {\nwhoami\nlog\n}\n`;

/** A configuration as the server reads it, now and at each reload. */
export interface CorefileText {
  /** Path for messages; null where it is not a file. */
  readonly file: string | null;
  /** Name for messages. */
  readonly name: string;
  read(): Promise<string>;
}

const readStandardInput = async (): Promise<string> => {
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
    const text = await readStandardInput();
    return { file: null, name: 'stdin', read: async () => text };
  }
  const file = conf === '' ? 'Corefile' : conf;
  try {
    await readFile(file);
  } catch (error) {
    if (conf !== '' || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { file: null, name: 'built-in', read: async () => builtIn(port) };
  }
  return { file, name: file, read: () => readFile(file, 'utf8') };
};
