import { createHash } from 'node:crypto';
import type { Corefile, Token } from './tree.ts';

/**
 * SHA-512 in hex over what was parsed: words, file names and line numbers. It is the value that CoreDNS prints and exports for the same
 * file, made of the same JSON (plugin/reload/reload.go), so spaces and comments within a line do not change it.
 */
export const fingerprint = (corefile: Corefile): string => {
  const plain = (token: Token): unknown => ({
    File: token.file === corefile.file ? '' : token.file,
    Line: token.line,
    Text: token.text,
  });
  const blocks = corefile.blocks.map(({ keys, directives }) => ({
    Keys: keys.map(({ text }) => text),
    Tokens: directives
      .toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
      .map(({ name, occurrences }) => [name, occurrences.flatMap(({ tokens }) => tokens.map(plain))]),
  }));
  const texts = blocks.map(({ Keys, Tokens }) => {
    // Not an object: that would put names such as "1" first, and lose "__proto__".
    const members = Tokens.map(([name, tokens]) => `${JSON.stringify(name)}:${JSON.stringify(tokens)}`);
    return `{"Keys":${JSON.stringify(Keys)},"Tokens":{${members.join(',')}}}`;
  });
  const json = texts.length === 0 ? 'null' : `[${texts.join(',')}]`;
  return createHash('sha512').update(asGoWritesIt(json)).digest('hex');
};

/** Go's encoding/json escapes these in strings, and they stand nowhere else. */
const asGoWritesIt = (json: string): string =>
  json.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
