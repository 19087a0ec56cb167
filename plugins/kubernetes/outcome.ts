import type { ResourceRecord } from '#dns/record.ts';

/** What is known of a name and type: records (none is NODATA), or, as null, that there is no such name. */
export type Outcome = Found | null;

export interface Found {
  readonly answer: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  readonly isTruncated: boolean;
}

const NONE: readonly never[] = Object.freeze([]);

/** The name is there and has no records of the type. */
export const NODATA: Found = Object.freeze({ answer: NONE, additional: NONE, isTruncated: false });

/** The name is there, and its records would be those of a name that is not known, perhaps only not yet. */
export const UNKNOWN: Found = Object.freeze({ ...NODATA });

export const found = (
  answer: readonly ResourceRecord[],
  additional: readonly ResourceRecord[] = NONE,
  isTruncated = false,
): Found => ({ answer, additional, isTruncated });
