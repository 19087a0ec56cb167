/** CLASSes. Source: IANA, DNS CLASSes. */
export const CLASS = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

const NAMES = new Map<number, string>(Object.entries(CLASS).map(([name, number]) => [number, name]));

/** `IN`, ...; `CLASSn` for one without a mnemonic (RFC 3597, section 5). */
export const className = (klass: number): string => NAMES.get(klass) ?? `CLASS${klass}`;
