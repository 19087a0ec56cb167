/** What keeps a subcommand of `cluster-dns proxy` from doing its work; all of it at once, one line each. */
export class ProxyFault extends Error {
  readonly code = 'proxy-input';
  readonly lines: readonly string[];
  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}
