import { type Listing, parseListing } from '#netfilter/nft/listing.ts';

/** Whether a table is as its text has it. What packets have put into its sets makes no difference. */
export const isSameTable = (listed: Listing, text: string): boolean =>
  JSON.stringify(inOrder(listed)) === JSON.stringify(inOrder(parseListing(text)));

const inOrder = ({ lines, sets, chains }: Listing): unknown => [
  lines.filter((line) => line.startsWith('comment ')),
  byName([...sets].map(([name, set]) => [name, [...set.declaration].sort(), [...set.elements.keys()].sort()])),
  byName([...chains].map(([name, chain]) => [name, chain.base, chain.rules.map(withFlags)])),
];

const byName = (parts: readonly (readonly [string, ...unknown[]])[]): unknown =>
  [...parts].sort(([a], [b]) => (a < b ? -1 : 1));

/** nft 1.0 lists `syn / syn,ack`, earlier and later ones `& (syn | ack) == syn`. */
const withFlags = (rule: string): string =>
  rule
    .replace('tcp flags & (syn | ack) == syn', 'tcp flags syn / syn,ack')
    .replace('tcp flags & (syn | ack) != syn', 'tcp flags != syn / syn,ack');
