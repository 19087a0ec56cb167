import { suggestion } from './suggest.ts';

/** How a token got where it is: the import line it came through, outermost last. */
export interface ImportTrail {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What was imported: a file or a snippet's name. */
  readonly what: string;
  readonly via: ImportTrail | null;
}

/** One word of a Corefile. Lines and columns count from 1; columns count characters. `text` has environment variables replaced. */
export interface Token {
  readonly text: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly isQuoted: boolean;
  readonly via: ImportTrail | null;
}

/** A line within a directive's block: its first word, the words after it, and a block of its own where it has one. */
export interface OptionLine {
  readonly name: Token;
  readonly args: readonly Token[];
  readonly body: readonly OptionLine[] | null;
}

/** A directive as it stands once in a server block. */
export interface Occurrence {
  readonly name: Token;
  readonly args: readonly Token[];
  /** null where it has no `{ }`; an empty list for `{ }`. */
  readonly body: readonly OptionLine[] | null;
  /** All its words with its braces, in order, as the file has them; the first without its variables replaced. */
  readonly tokens: readonly Token[];
}

/** A directive with all its occurrences in one server block, in the order of the file. */
export interface Directive {
  readonly name: string;
  readonly occurrences: readonly Occurrence[];
}

/** A server block as it stands in the file. */
export interface Block {
  readonly keys: readonly Token[];
  readonly directives: readonly Directive[];
}

/** A parsed Corefile, imports and snippets spliced in. */
export interface Corefile {
  readonly file: string;
  readonly blocks: readonly Block[];
}

/** Something wrong with a Corefile. `message` keeps CoreDNS's wording; `hint` is a mend in one line ("did you mean ..."). */
export interface Fault {
  readonly message: string;
  readonly token: Token | null;
  readonly hint?: string;
  /** The plugin whose setup found it. */
  readonly plugin?: string;
}

/** Collects faults, so that one pass reports all of them. */
export class Faults {
  readonly list: Fault[] = [];
  /** Messages that are not fatal. */
  readonly warnings: Fault[] = [];

  add(message: string, token: Token | null, hint?: string): void {
    this.list.push(hint === undefined ? { message, token } : { message, token, hint });
  }

  warn(message: string, token: Token | null): void {
    this.warnings.push({ message, token });
  }

  /** CoreDNS's `ArgErr`: wrong number of words after this token. */
  argument(token: Token): void {
    this.add(`Error during parsing: Wrong argument count or unexpected line ending after '${token.text}'`, token);
  }

  /**
   * Takes over what the setup of `plugin` found. A fault at a word that is nearly one of the plugin's `options` gets that option
   * for a hint.
   */
  take(other: Faults, plugin: string, options: readonly string[] = []): void {
    for (const fault of other.list) {
      const near = fault.hint === undefined && fault.token !== null ? suggestion(fault.token.text, options) : undefined;
      this.list.push({ ...fault, plugin, ...(near === undefined ? {} : { hint: near }) });
    }
    for (const warning of other.warnings) this.warnings.push({ ...warning, plugin });
  }
}
