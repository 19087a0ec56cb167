/** A part of the kernel's rules (a chain, a map) that is not as it should be, in lines that begin with `+` and `-`. */
export interface LiveChange {
  readonly head: string;
  readonly lines: readonly string[];
}

/** What a kernel has, compared with what it should have. */
export interface LiveDifference {
  readonly changes: readonly LiveChange[];
  /** What the tool would be told; '' where nothing is to be done. */
  readonly text: string;
}
