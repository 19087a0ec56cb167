/** What a resolv.conf says. */
export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** A resolv.conf as kubelet reads the node's: nameservers add up, the last `search` and the last `options` count. */
export const parseResolvConf = (text: string): ResolvConf | { readonly error: string } => {
  const nameservers: string[] = [];
  let searches: readonly string[] = [];
  let options: readonly string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const [keyword, ...fields] = line.trim().split(/\s+/);
    switch (keyword) {
      case 'nameserver': {
        const [address] = fields;
        if (address === undefined) return { error: `line ${index + 1}: nameserver list is empty` };
        nameservers.push(address);
        break;
      }
      case 'search':
        searches = fields.map(withoutLastDot);
        break;
      case 'options':
        options = fields;
        break;
    }
  }
  return { nameservers, searches, options };
};

const withoutLastDot = (domain: string): string =>
  domain !== '.' && domain.endsWith('.') ? domain.slice(0, -1) : domain;
