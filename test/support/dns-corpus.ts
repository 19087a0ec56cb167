import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An odd message and what a server is to reply: a response code, or `none`. */
export interface OddMessage {
  readonly file: string;
  readonly title: string;
  readonly expected: string;
  readonly bytes: Buffer;
}

/** The files of `test/corpus/dns`: `# what it is`, `expect RCODE|none`, and the octets in hexadecimal. */
export const readCorpus = (directory: string): OddMessage[] =>
  readdirSync(directory)
    .filter((file) => file.endsWith('.hex'))
    .map((file) => {
      const [title = '', expected = '', ...hex] = readFileSync(join(directory, file), 'utf8').split('\n');
      return {
        file,
        title: title.slice('# '.length),
        expected: expected.slice('expect '.length),
        bytes: Buffer.from(hex.join('').replace(/\s/g, ''), 'hex'),
      };
    });
