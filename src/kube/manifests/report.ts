import type { Path } from './locate.ts';

/** Takes a fault: where it is, and what is wrong. */
export type Report = (path: Path, message: string) => void;
