const BOOLEANS: Readonly<Record<string, boolean>> = {
  1: true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  0: false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

/** A boolean as Go's flags have it; null where the text is none. */
export const readBoolean = (text: string): boolean | null => BOOLEANS[text] ?? null;
