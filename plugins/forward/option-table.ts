import { isIP } from 'node:net';
import type { Faults, Token } from '#corefile/tree.ts';
import { addressFromText, addressText } from '#dns/address.ts';
import { tryNameFromText } from '#dns/name.ts';
import { RCODE, rcodeNumber } from '#dns/registry/rcodes.ts';
import { zonesFromText } from '#plugin/index.ts';
import type { PolicyName } from '#upstream/policy.ts';
import { durationText, readCount, readDuration, readUint32 } from './go-values.ts';
import { isAddress, splitHostPort } from './host-port.ts';
import type { OptionWords } from './option-words.ts';
import type { ForwardOptions } from './options.ts';
import { secureContextFromFiles, TlsFileError } from './tls-files.ts';

/** What an option does with its words. False where it found a fault: the rest of the line is skipped then. */
type Reader = (words: OptionWords, options: ForwardOptions, faults: Faults) => boolean;

/** Reads the option whose name is the current word. False where it is wrong, with the fault noted. */
export const readOption: Reader = (words, options, faults) => {
  const name = words.current;
  const reader = READERS.get(name.text);
  if (reader !== undefined) return reader(words, options, faults);
  faults.add(`Error during parsing: unknown property '${name.text}'`, name);
  return false;
};

/** An option with exactly one argument; CoreDNS leaves what follows it to be read as the next option. */
const withArgument =
  (read: (argument: Token, options: ForwardOptions, faults: Faults, words: OptionWords) => boolean): Reader =>
  (words, options, faults) => {
    const name = words.current;
    const argument = words.argument();
    if (argument !== null) return read(argument, options, faults, words);
    faults.argument(name);
    return false;
  };

/** An option that stands alone. */
const flag =
  (set: (options: ForwardOptions) => void): Reader =>
  (words, options, faults) => {
    const extra = words.argument();
    if (extra === null) set(options);
    else faults.argument(extra);
    return extra === null;
  };

/** An option with one argument or more. */
const withArguments =
  (read: (argument: readonly Token[], options: ForwardOptions, faults: Faults) => boolean): Reader =>
  (words, options, faults) => {
    const name = words.current;
    const all = words.rest();
    if (all.length > 0) return read(all, options, faults);
    faults.argument(name);
    return false;
  };

const duration = (option: string, set: (options: ForwardOptions, ms: number) => void, isZeroAllowed = true): Reader =>
  withArgument((token, options, faults) => {
    const ms = readDuration(token, faults);
    if (ms === null) return false;
    if (ms < 0 && isZeroAllowed) faults.add(`${option} can't be negative: ${durationText(ms)}`, token);
    else if (ms <= 0 && !isZeroAllowed) faults.add(`${option} must be positive: ${durationText(ms)}`, token);
    else set(options, ms);
    return true;
  });

const count = (option: string, set: (options: ForwardOptions, n: number, text: string) => void): Reader =>
  withArgument((token, options, faults) => {
    const n = readCount(token, faults, option);
    if (n !== null) set(options, n, token.text);
    return n !== null;
  });

const uint32 = (set: (options: ForwardOptions, n: number) => void): Reader =>
  withArgument((token, options, faults) => {
    const n = readUint32(token, faults);
    if (n !== null) set(options, n);
    return n !== null;
  });

const rcodes = (add: (options: ForwardOptions, rcode: number) => string | null): Reader =>
  withArguments((tokens, options, faults) => {
    for (const token of tokens) {
      const rcode = RCODE_ALIAS[token.text.toUpperCase()] ?? rcodeNumber(token.text);
      const fault = rcode === undefined ? `${token.text} is not a valid rcode` : add(options, rcode);
      if (fault !== null) faults.add(fault, token);
    }
    return true;
  });

/** Spellings that miekg/dns takes beside the registry's. */
const RCODE_ALIAS: Readonly<Record<string, number>> = { NOTIMPL: RCODE.NOTIMP, BADSIG: RCODE.BADVERS };
const POLICIES: readonly string[] = ['random', 'round_robin', 'sequential'] satisfies PolicyName[];

const readHealthCheck: Reader = withArgument((token, options, faults, words) => {
  const ms = readDuration(token, faults);
  if (ms === null) return false;
  // CoreDNS prints this one as a number of nanoseconds.
  if (ms < 0) faults.add(`health_check can't be negative: ${ms * 1e6}`, token);
  else options.healthCheckMs = ms;
  for (let word = words.argument(); word !== null; word = words.argument()) {
    if (word.text === 'no_rec') options.isHealthCheckRecursive = false;
    else if (word.text !== 'domain') {
      faults.add(`health_check: unknown option ${word.text}`, word);
      return false;
    } else {
      const domain = words.argument();
      const name = domain === null ? null : tryNameFromText(domain.text);
      if (domain === null) faults.argument(word);
      else if (name === null) faults.add(`health_check: invalid domain name ${domain.text}`, domain);
      else options.healthCheckDomain = name;
      if (name === null) return false;
    }
  }
  return true;
});

const readTls: Reader = (words, options, faults) => {
  const name = words.current;
  const files = words.rest();
  if (files.length > 3) {
    faults.argument(files.at(-1) as Token);
    return false;
  }
  try {
    options.secureContext = secureContextFromFiles(files.map(({ text }) => text));
  } catch (error) {
    if (!(error instanceof TlsFileError)) throw error;
    faults.add(error.message, files[0] ?? name);
  }
  return true;
};

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [
    'except',
    withArguments((tokens, options) => {
      for (const { text } of tokens) options.except.push(...zonesFromText(text));
      return true;
    }),
  ],
  ['max_fails', uint32((options, n) => (options.maxFails = n))],
  ['max_connect_attempts', uint32((options, n) => (options.maxConnectAttempts = n))],
  ['health_check', readHealthCheck],
  ['force_tcp', flag((options) => (options.isTcpForced = true))],
  ['prefer_udp', flag((options) => (options.isUdpPreferred = true))],
  ['udp_fallback', flag((options) => (options.isUdpFallback = true))],
  ['tls', readTls],
  [
    'tls_servername',
    withArgument((token, options) => {
      options.tlsServerName = token.text;
      return true;
    }),
  ],
  ['expire', duration('expire', (options, ms) => (options.expireMs = ms))],
  ['max_age', duration('max_age', (options, ms) => (options.maxAgeMs = ms))],
  ['max_idle_conns', count('max_idle_conns', (options, n) => (options.maxIdleConnections = n))],
  ['read_timeout', duration('read_timeout', (options, ms) => (options.readTimeoutMs = ms), false)],
  ['timeout', duration('timeout', (options, ms) => (options.timeoutMs = ms), false)],
  [
    'doh_method',
    withArgument((token, _options, faults) => {
      if (token.text === 'POST' || token.text === 'GET') return true;
      faults.add('doh_method must be either POST or GET', token);
      return true;
    }),
  ],
  [
    'policy',
    withArgument((token, options, faults) => {
      if (POLICIES.includes(token.text)) options.policy = token.text as PolicyName;
      else faults.add(`Error during parsing: unknown policy '${token.text}'`, token, `one of ${POLICIES.join(', ')}`);
      return true;
    }),
  ],
  [
    'max_concurrent',
    count('max_concurrent', (options, n, text) => {
      options.maxConcurrent = n;
      options.maxConcurrentText = text;
    }),
  ],
  [
    'next',
    rcodes((options, rcode) => {
      options.next.push(rcode);
      return null;
    }),
  ],
  ['next_on_nodata', flag((options) => (options.isNextOnNodata = true))],
  ['failfast_all_unhealthy_upstreams', flag((options) => (options.isFailfast = true))],
  [
    'failover',
    rcodes((options, rcode) => {
      if (rcode === RCODE.NOERROR) return 'NoError cannot be used in failover';
      options.failover.push(rcode);
      return null;
    }),
  ],
  [
    'resolver',
    withArguments((tokens, options, faults) => {
      const wrong = tokens.filter(({ text }) => !isAddress(splitHostPort(text)?.host ?? text));
      for (const token of wrong)
        faults.add(`resolver must be an IP address or IP:port: ${JSON.stringify(token.text)}`, token);
      options.resolvers = tokens.map(({ text }) => text);
      return true;
    }),
  ],
  [
    'source_address',
    withArgument((token, options, faults) => {
      const octets = isIP(token.text) === 0 ? null : addressFromText(token.text);
      if (octets === null) faults.add(`Error during parsing: invalid IP address: ${token.text}`, token);
      // An IPv4-mapped address is the IPv4 address.
      else options.sourceAddress = addressText(octets).replace(/^::ffff:(?=\d+\.)/, '');
      return true;
    }),
  ],
]);
