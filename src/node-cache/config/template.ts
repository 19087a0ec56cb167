import { tokenize } from '#corefile/lexer.ts';
import { parseCorefile } from '#corefile/parser.ts';
import { suggestion } from '#corefile/suggest.ts';
import type { Fault, Occurrence, Token } from '#corefile/tree.ts';
import { joinHostPort } from '#dns/address.ts';
import type { NodeCacheSettings } from '../settings.ts';
import { type Edit, EditedText, offsetAt } from './edited-text.ts';
import type { KubeDnsConfig } from './kube-dns-config.ts';
import { missingService, serviceVariable } from './read-flags.ts';

/** The settings that a template is filled in with. */
export type TemplateSettings = Pick<
  NodeCacheSettings,
  'addresses' | 'dnsPort' | 'clusterDns' | 'upstreamService' | 'baseCorefile' | 'corefile'
>;

/** A Corefile made from a template. */
export interface Rendered {
  /** The template filled in; what follows it in the Corefile is `stubBlocks`. */
  readonly base: EditedText;
  readonly stubBlocks: string;
  /** Domain of each line of `stubBlocks`. */
  readonly stubLines: readonly string[];
  /** What can't be filled in, by its place in the template. The Corefile must not be used then. */
  readonly faults: readonly Fault[];
}

export const corefileOf = ({ base, stubBlocks }: Rendered): string => base.text + stubBlocks;

const UPSTREAM = '__PILLAR__UPSTREAM__SERVERS__';
const CLUSTER = '__PILLAR__CLUSTER__DNS__';
const LOCAL = '__PILLAR__LOCAL__DNS__';
const SERVER = '__PILLAR__DNS__SERVER__';
const VARIABLES = [UPSTREAM, CLUSTER, LOCAL, SERVER];
/** Filled in by whoever installs the manifest. */
const DOMAIN = '__PILLAR__DNS__DOMAIN__';

/** Fills a template in. Outside its variables, and `force_tcp` where the ConfigMap names upstreams, not an octet changes. */
export const renderTemplate = (template: string, settings: TemplateSettings, kubeDns: KubeDnsConfig): Rendered => {
  const edits = variableEdits(template, settings, kubeDns);
  if (kubeDns.upstreamNameservers.length > 0) edits.push(...udpEdits(template, settings.corefile));
  const stubs = [...kubeDns.stubDomains].map(([domain, servers]) => stubBlock(domain, servers, settings));
  return {
    base: new EditedText(template, edits),
    stubBlocks: stubs.join(''),
    stubLines: [...kubeDns.stubDomains.keys()].flatMap((domain, i) => {
      const lines = (stubs[i] as string).split('\n').length - 1;
      return Array.from({ length: lines }, () => domain);
    }),
    faults: variableFaults(template, settings),
  };
};

const variableEdits = (template: string, settings: TemplateSettings, kubeDns: KubeDnsConfig): Edit[] => {
  const local = settings.addresses.map(({ address }) => address);
  const values: Readonly<Record<string, string | null>> = {
    [UPSTREAM]: kubeDns.upstreamNameservers.join(' ') || '/etc/resolv.conf',
    [CLUSTER]: settings.clusterDns,
    [LOCAL]: local.join(' '),
    [SERVER]: '',
  };
  const edits: Edit[] = [];
  for (const { 0: variable, index: start } of template.matchAll(new RegExp(VARIABLES.join('|'), 'g'))) {
    const end = start + variable.length;
    const text = variable === LOCAL ? localText(template, start, end, local) : (values[variable] ?? null);
    if (text !== null) edits.push({ start, end, text });
  }
  return edits;
};

/** All addresses, but the first alone where the variable is the host of an address with a port, as behind `health`. */
const localText = (template: string, start: number, end: number, local: readonly string[]): string => {
  const [first = ''] = local;
  if (template[start - 1] === '[') return first;
  const port = /^:(\d+)/.exec(template.slice(end))?.[1];
  return port === undefined ? local.join(' ') : joinHostPort(first, port).slice(0, -port.length - 1);
};

/**
 * Takes `force_tcp` out of the `forward` of the upstream servers: those that the ConfigMap names are asked over UDP, as by node-cache, which looks for
 * an exact text with its blanks. A block that has nothing else goes as a whole.
 */
const udpEdits = (template: string, file: string): Edit[] => {
  const { corefile } = parseCorefile({ file, text: template });
  const forwards = corefile.blocks
    .flatMap(({ directives }) => directives)
    .filter(({ name }) => name === 'forward')
    .flatMap(({ occurrences }) => occurrences);
  return forwards.filter(isUpstream).flatMap((occurrence) => forceTcpEdits(template, file, occurrence));
};

const isUpstream = ({ args }: Occurrence): boolean => args.some(({ text }) => text.includes(UPSTREAM));

const forceTcpEdits = (template: string, file: string, { args, body, tokens }: Occurrence): Edit[] => {
  const forced = (body ?? []).filter(({ name }) => name.text === 'force_tcp');
  const [open, close] = [tokens[args.length + 1], tokens.at(-1)];
  // What an imported file says is not ours to change.
  if (forced.length === 0 || open?.file !== file || close?.file !== file) return [];
  if (forced.length < (body?.length ?? 0))
    return forced.filter(({ name }) => name.file === file).map(({ name }) => lineOrWord(template, name));
  const start = template.slice(0, offsetAt(template, open)).trimEnd().length;
  return [{ start, end: offsetAt(template, close) + 1, text: '' }];
};

/** The line of a word, where it has nothing else but a comment; else the word. */
const lineOrWord = (template: string, token: Token): Edit => {
  const start = offsetAt(template, token);
  const lineStart = template.lastIndexOf('\n', start - 1) + 1;
  const lineEnd = template.indexOf('\n', start);
  const isAlone = /^\s*force_tcp\s*(#.*)?$/.test(template.slice(lineStart, lineEnd));
  return isAlone && lineEnd >= 0
    ? { start: lineStart, end: lineEnd + 1, text: '' }
    : { start, end: start + token.text.length, text: '' };
};

/** In the words, lines and blanks of node-cache. */
const stubBlock = (domain: string, servers: readonly string[], { addresses, dnsPort }: TemplateSettings): string => {
  const local = addresses.map(({ address }) => address).join(' ');
  return `
${domain}:${dnsPort} {
    errors
    cache 30
    bind ${local}
    forward . ${servers.join(' ')}
}
`;
};

/** Variables that nobody has filled in; in a comment they do no harm. */
const variableFaults = (template: string, settings: TemplateSettings): Fault[] =>
  tokenize(settings.baseCorefile, template).flatMap((token) =>
    [...new Set(token.text.match(/__PILLAR__[A-Z0-9_]*/g))].flatMap((variable) => {
      const message = variableFault(variable, settings);
      return message === null ? [] : [{ token, ...message }];
    }),
  );

const variableFault = (variable: string, settings: TemplateSettings): { message: string; hint?: string } | null => {
  if (variable === CLUSTER && settings.clusterDns === null)
    return {
      message: `there is no address for ${CLUSTER}: ${serviceVariable(settings.upstreamService)} is not in the environment`,
      hint: missingService(settings.upstreamService),
    };
  if (VARIABLES.some((known) => variable.startsWith(known))) return null;
  if (variable === DOMAIN)
    return {
      message: `${variable} is for the installer to fill in`,
      hint: "write the cluster's domain: cluster.local",
    };
  const hint = suggestion(variable, VARIABLES);
  return { message: `unknown variable ${variable}`, ...(hint === undefined ? {} : { hint }) };
};
