import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { addressFromText, addressText } from '#dns/address.ts';
import { tryNameFromText } from '#dns/name.ts';
import { placeAt } from './edited-text.ts';

/** What the kube-dns ConfigMap says to a node cache. */
export interface KubeDnsConfig {
  /** Servers by domain, as the ConfigMap has them. */
  readonly stubDomains: ReadonlyMap<string, readonly string[]>;
  /** Empty where there are none: then the node's resolv.conf counts. */
  readonly upstreamNameservers: readonly string[];
}

export const NO_KUBE_DNS: KubeDnsConfig = { stubDomains: new Map(), upstreamNameservers: [] };

const KEYS = ['stubDomains', 'upstreamNameservers', 'federations'] as const;
type Key = (typeof KEYS)[number];

/** The mounted files that count: a text, or why one that is there can't be read. What is not there is left out. */
export type KubeDnsFiles = ReadonlyMap<Key, string | Error>;

/** Reads the mounted ConfigMap. A directory or a file that is not there is no fault. Never rejects. */
export const readKubeDnsFiles = async (directory: string): Promise<KubeDnsFiles> => {
  const files = new Map<Key, string | Error>();
  const texts = await Promise.all(KEYS.map((key) => readText(join(directory, key))));
  KEYS.forEach((key, i) => {
    const text = texts[i] ?? null;
    if (text !== null) files.set(key, text);
  });
  return files;
};

const readText = async (file: string): Promise<string | Error | null> => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? null : (error as Error);
  }
};

/**
 * Reads the ConfigMap as node-cache does, or gives all that is wrong with it, a line each: then none of it is to be used. `own`: addresses of this
 * cache itself, which are nobody's upstream.
 */
export const parseKubeDns = (
  files: KubeDnsFiles,
  directory: string,
  own: readonly string[] = [],
): { readonly config: KubeDnsConfig } | { readonly faults: readonly string[] } => {
  const faults: string[] = [];
  const reader = new ConfigReader(files, directory, own, faults);
  const config = { stubDomains: reader.stubDomains(), upstreamNameservers: reader.upstreamNameservers() };
  reader.checkFederations();
  return faults.length > 0 ? { faults } : { config };
};

const MAX_UPSTREAMS = 3;

class ConfigReader {
  readonly #files: KubeDnsFiles;
  readonly #directory: string;
  readonly #own: readonly string[];
  readonly #faults: string[];

  constructor(files: KubeDnsFiles, directory: string, own: readonly string[], faults: string[]) {
    this.#files = files;
    this.#directory = directory;
    this.#own = own;
    this.#faults = faults;
  }

  stubDomains(): ReadonlyMap<string, readonly string[]> {
    const domains = new Map<string, readonly string[]>();
    const value = this.#json('stubDomains') ?? {};
    if (typeof value !== 'object' || Array.isArray(value)) {
      this.#fault('stubDomains', 'it must be an object: {"DOMAIN": ["IP", ...]}');
      return domains;
    }
    for (const [domain, servers] of Object.entries(value)) {
      if (!isSubdomain(domain))
        this.#fault(
          'stubDomains',
          `${JSON.stringify(domain)} is not a domain name: lower-case labels with dots between`,
        );
      if (!isListOfTexts(servers) || servers.length === 0) {
        this.#fault('stubDomains', `${JSON.stringify(domain)} must have a list of servers: ["IP", ...]`);
        continue;
      }
      for (const server of servers) this.#check('stubDomains', server, `${JSON.stringify(domain)}: `);
      domains.set(domain, servers);
    }
    return domains;
  }

  upstreamNameservers(): readonly string[] {
    const servers = this.#json('upstreamNameservers') ?? [];
    if (!isListOfTexts(servers)) {
      this.#fault('upstreamNameservers', 'it must be a list of texts: ["IP", ...]');
      return [];
    }
    if (servers.length > MAX_UPSTREAMS)
      this.#fault('upstreamNameservers', `at most ${MAX_UPSTREAMS} servers, and it has ${servers.length}`);
    for (const server of servers) this.#check('upstreamNameservers', server, '');
    return servers;
  }

  /** Not used by a node cache; node-cache ignores the whole ConfigMap where they are wrong. */
  checkFederations(): void {
    const text = this.#text('federations') ?? '';
    if (text.trim() === '') return;
    for (const pair of text.split(',')) {
      const [name = '', domain] = pair.split(/=(.*)/s).map((part) => part.trim());
      if (domain === undefined) this.#fault('federations', `${JSON.stringify(pair.trim())} is not NAME=DOMAIN`);
      else if (!isSubdomain(domain) || !isSubdomain(name) || name.includes('.'))
        this.#fault('federations', `${JSON.stringify(pair.trim())} has a name that is no DNS name`);
    }
  }

  #check(key: Key, server: string, where: string): void {
    const why = serverFault(server, this.#own);
    if (why !== null) this.#fault(key, `${where}${JSON.stringify(server)} ${why}`);
  }

  #json(key: Key): unknown {
    const text = this.#text(key);
    if (text === null) return null;
    try {
      return JSON.parse(text);
    } catch (error) {
      const { message } = error as Error;
      const [, why = message, position] = /^(.*?) (?:in JSON )?at position (\d+)/s.exec(message) ?? [];
      // Words that the parser has no place for come at the end of the text, or are quoted in its message.
      const place = position === undefined ? null : placeAt(text, Number(position));
      const at = place === null ? '' : `:${place.line}:${place.column}`;
      this.#faults.push(`${join(this.#directory, key)}${at}: not JSON: ${oneLine(why)}`);
      return null;
    }
  }

  #text(key: Key): string | null {
    const text = this.#files.get(key) ?? null;
    if (!(text instanceof Error)) return text;
    const why = text instanceof TypeError ? 'it is not text in UTF-8' : text.message;
    this.#fault(key, why);
    return null;
  }

  #fault(key: Key, message: string): void {
    this.#faults.push(`${join(this.#directory, key)}: ${oneLine(message)}`);
  }
}

const oneLine = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');

const isListOfTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

/** A DNS-1123 subdomain, as Kubernetes calls it, that fits into a message too. */
const isSubdomain = (text: string): boolean =>
  /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/.test(text) &&
  text.length <= 253 &&
  tryNameFromText(text) !== null;

/**
 * What is wrong with `IP`, `IP:PORT` or `[IPv6]:PORT`, with `dns://` or `tls://` in front where wanted; null where nothing is. Behind the address for
 * TLS may stand `%` and the name in the certificate.
 */
const serverFault = (text: string, own: readonly string[]): string | null => {
  const [, scheme = '', rest = ''] = /^(?:([a-z0-9]+):\/\/)?(.*)$/s.exec(text) ?? [];
  if (scheme !== '' && scheme !== 'dns' && scheme !== 'tls')
    return `is ${scheme}://, and only dns:// and tls:// can be served here`;
  const bare = scheme === 'tls' ? rest.replace(/%[\w.-]+(?=\]?(?::\d*)?$)/, '') : rest;
  const [, inBrackets, plain, port] =
    isIP(bare) !== 0 ? [bare, undefined, bare, undefined] : (/^(?:\[([^[\]]*)\]|([^:]*)):(.*)$/s.exec(bare) ?? []);
  const host = inBrackets ?? plain ?? '';
  const octets = addressFromText(host);
  if (octets === null || (inBrackets !== undefined && octets.length === 4))
    return 'is not an IP address, or one with a port';
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535))
    return 'has no port from 1 to 65535';
  if (own.includes(addressText(octets)) && (port === undefined || port === '53')) return 'is this cache itself';
  return null;
};
