/** Where in a manifest something stands: lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Something wrong in a manifest, and what to do about it. */
export interface ManifestFault {
  readonly position: Position;
  readonly message: string;
}

/** One line: `FILE:LINE:COLUMN: message`; only the file where the fault is not in its text. */
export const formatFault = ({ position: { file, line, column }, message }: ManifestFault): string =>
  line === 0 ? `${file}: ${message}` : `${file}:${line}:${column}: ${message}`;

/** A fault of a whole file or directory. */
export const faultOf = (file: string, message: string): ManifestFault => ({
  position: { file, line: 0, column: 0 },
  message,
});
