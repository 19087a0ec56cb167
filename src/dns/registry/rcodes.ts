/** RCODEs. Source: IANA, DNS RCODEs. */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  YXDOMAIN: 6,
  YXRRSET: 7,
  NXRRSET: 8,
  NOTAUTH: 9,
  NOTZONE: 10,
  DSOTYPENI: 11,
  BADVERS: 16,
  BADKEY: 17,
  BADTIME: 18,
  BADMODE: 19,
  BADNAME: 20,
  BADALG: 21,
  BADTRUNC: 22,
  BADCOOKIE: 23,
} as const;

export type RcodeName = keyof typeof RCODE;

const NAMES = new Map<number, string>(Object.entries(RCODE).map(([name, number]) => [number, name]));

/** `NOERROR`, ...; `RCODEn` for one without a mnemonic. */
export const rcodeName = (rcode: number): string => NAMES.get(rcode) ?? `RCODE${rcode}`;

/** Number of a mnemonic, any case. */
export const rcodeNumber = (name: string): number | undefined => RCODE[name.toUpperCase() as RcodeName];
