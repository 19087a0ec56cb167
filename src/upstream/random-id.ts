import { randomFillSync } from 'node:crypto';

const POOL_OCTETS = 4096;
const pool = new Uint16Array(POOL_OCTETS / 2);
let used = pool.length;

/**
 * 16 unpredictable bits, for message IDs and for the choice of a source port (RFC 5452, sections 9.1 and 9.2). Drawn from the
 * system's generator some thousand at a time: one draw costs a microsecond.
 */
export const randomId = (): number => {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool[used++] as number;
};
