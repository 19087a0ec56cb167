/** What became of one row of expected behaviour. */
export interface Outcome {
  /** File, table and row: enough to find it again. */
  readonly name: string;
  readonly result: 'pass' | 'fail' | 'not-applicable';
  /** For `fail`: found and expected. For `not-applicable`: why it does not concern us. */
  readonly reason?: string;
}

/** Replays the rows of some golden files. */
export interface Adapter {
  /** File names below `golden/`, such as `cache-setup.json` (in `coredns/`) or `spec/dual-stack.json`. */
  readonly files: readonly string[];
  /** Gives one outcome a row. */
  replay(file: string, data: unknown): Promise<Outcome[]>;
}

/** A mechanically extracted table: the field names of a row are those of its origin. */
export interface Table {
  readonly source: string;
  readonly test: string;
  readonly line: number;
  readonly cases: readonly Readonly<Record<string, unknown>>[];
}

/** The tables of a `<plugin>.json` or `<plugin>-setup.json` file. */
export const tablesOf = (data: unknown): readonly Table[] => (data as { readonly tables: readonly Table[] }).tables;
