import type { Account, Kind } from './account.ts';
import type { Seen } from './events.ts';

const columnOf = ({ place, address }: Kind): string => `${place} ${address}`;
const TRANSPORTS = ['udp', 'tcp', 'kept'] as const;

/**
 * Markdown: what clients saw of each event. A column has one place and address: lost of sent over UDP, over TCP by connections of their own, and
 * over one that is kept; where none was lost, only what was sent.
 */
export const eventTable = (seen: readonly Seen[]): string => {
  const columns = [...new Set(seen.flatMap(({ account }) => account.queries.map(({ kind }) => columnOf(kind))))].sort();
  const rows = seen.map(({ event, account, atMs, fault }) => [
    event,
    ...columns.map((column) => cell(account.only(({ kind }) => columnOf(kind) === column))),
    account.lost.length === 0 ? 'none' : `${Math.round(account.lastLostMs(atMs))}`,
    `${Math.round(account.slowestMs)}`,
    fault.split('\n', 1)[0] ?? '',
  ]);
  const head = ['event', ...columns, 'last lost was sent, ms after', 'slowest answer, ms', 'not as it should be'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
};

const cell = (account: Account): string =>
  TRANSPORTS.map((transport) => {
    const { queries, lost } = account.only(({ kind }) => kind.transport === transport);
    return lost.length === 0 ? `${queries.length}` : `**${lost.length}**/${queries.length}`;
  }).join(', ');
