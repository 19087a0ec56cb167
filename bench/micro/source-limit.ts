// What the table of source_limit costs a query.
//
//   node bench/run.mjs source-limit
import { testServices } from '#plugin/testing.ts';
import { LimitKeeper } from '#server/source-limit/limit-keeper.ts';
import { type SharedLimit, SourceLimiter } from '#server/source-limit/source-limiter.ts';

const QUERIES = 5_000_000;
const BATCH = 64;
const keeper = new LimitKeeper(testServices());

/** ns a query, over so many sources in turn. */
const measure = (rate: number, sources: number, octets: 4 | 16): number => {
  keeper.change(
    { rate, burst: rate, ipv4Prefix: 32, ipv6Prefix: 128, slip: 2, exempt: [] },
    `${rate}/${sources}/${octets}`,
  );
  const limiter = new SourceLimiter(keeper.current as SharedLimit, new Float64Array(64));
  const addresses = crypto.getRandomValues(new Uint8Array(octets * 4096));
  const run = (queries: number): void => {
    for (let i = 0; i < queries; i++) {
      if (i % BATCH === 0) limiter.begin(performance.now());
      limiter.admits(addresses, (i % sources) * octets, octets);
    }
  };
  run(QUERIES / 10);
  const started = performance.now();
  run(QUERIES);
  return ((performance.now() - started) * 1e6) / QUERIES;
};

console.log(`node ${process.version} ${process.arch}; ns a query`);
console.table(
  ([4, 16] as const).map((octets) => ({
    family: octets === 4 ? 'IPv4' : 'IPv6',
    'within its limit': measure(1_000_000, 4096, octets).toFixed(1),
    'one source above it': measure(100, 1, octets).toFixed(1),
    '4,096 sources above it': measure(1, 4096, octets).toFixed(1),
  })),
);
