/** What a resolv.conf says. */
export interface ResolvConf {
  /** As written, in order; they add up over lines. */
  readonly nameservers: readonly string[];
  /** Of the last `search` or `domain` line, without a final dot. */
  readonly search: readonly string[];
  /** Of the last `options` line. */
  readonly options: readonly string[];
  /** `nameserver` lines with nothing after it, by number from 1. glibc and CoreDNS pass over them, kubelet refuses the file. */
  readonly emptyNameserverLines: readonly number[];
}

const isComment = (word: string): boolean => word.startsWith('#') || word.startsWith(';');

/** Reads a resolv.conf (resolv.conf(5)): lines that are not understood are passed over. */
export const parseResolvConf = (text: string): ResolvConf => {
  const nameservers: string[] = [];
  const emptyNameserverLines: number[] = [];
  let search: string[] = [];
  let options: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const [keyword, ...rest] = line.trim().split(/\s+/);
    const comment = rest.findIndex(isComment);
    const words = comment < 0 ? rest : rest.slice(0, comment);
    if (keyword === 'nameserver') {
      if (words[0] === undefined) emptyNameserverLines.push(index + 1);
      else nameservers.push(words[0]);
    } else if (keyword === 'search') search = words.map(withoutFinalDot);
    else if (keyword === 'domain') search = words.slice(0, 1).map(withoutFinalDot);
    else if (keyword === 'options') options = words;
  }
  return { nameservers, search, options, emptyNameserverLines };
};

const withoutFinalDot = (domain: string): string => (domain.length > 1 ? domain.replace(/\.$/, '') : domain);
