import { beforeAll, describe, expect, it } from 'vitest';
import { ANSWERED_BY } from '#test/node-lab/cluster.ts';
import { CacheEvents, type Seen } from '#test/node-lab/events.ts';
import { isOfCache } from '#test/node-lab/node-cache.ts';
import { NodeLab } from '#test/node-lab/node-lab.ts';
import { eventTable } from '#test/node-lab/table.ts';
import { LAB_MODES, type LabMode } from '#test/packet-lab/modes.ts';
import { missing, titled } from './needs.ts';

const TITLE = "a node's cache beside a Service proxy";
const reason = await missing(TITLE, ['root', 'nft', 'iptables-nft', 'iptables-legacy']);

/** The bound; what a machine under load takes longer to see to it. */
const BOUND_MS = 3000;
const SLACK_MS = 700;
/** A query that is under way when it happens was sent so long before. */
const UNDER_WAY_MS = 50;

const EVENTS = [
  ['kill', 'lost within the bound'],
  ['restart', 'none lost'],
  ['hang', 'lost within the bound'],
  ['resume', 'none lost'],
  ['busy', 'lost within the bound'],
  ['stop', 'none lost'],
  ['start', 'none lost'],
  ['update', 'none lost'],
  ['handOver', 'none lost'],
] as const;
type EventName = (typeof EVENTS)[number][0];
/** Who answers what is asked when all has settled. */
const AFTERWARDS: Readonly<Partial<Record<EventName, 'cluster'>>> = {
  kill: 'cluster',
  hang: 'cluster',
  stop: 'cluster',
};

/** All events one after the other in a lab of this mode. */
const happen = async (mode: LabMode): Promise<ReadonlyMap<EventName, Seen>> => {
  const lab = await NodeLab.open(mode);
  const events = new CacheEvents(lab);
  const acts: Readonly<Record<EventName, () => Promise<Seen>>> = {
    kill: () => events.kill(),
    restart: () => events.restart(),
    hang: () => events.hang(),
    resume: () => events.resume(),
    busy: () => events.busy(),
    stop: () => events.stop(),
    start: () => events.restart(),
    update: () => events.update(),
    handOver: () => events.handOver(),
  };
  const seen = new Map<EventName, Seen>();
  try {
    const first = await events.firstStart();
    if (first.fault !== '') throw new Error(first.fault);
    for (const [name] of EVENTS) seen.set(name, await acts[name]());
    console.log(
      `beside ${mode.name}: lost of sent over UDP, TCP and kept TCP\n${eventTable([first, ...seen.values()])}`,
    );
    return seen;
  } finally {
    await events.close();
    await lab.close();
  }
};

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  const seenBeside = new Map<string, Promise<ReadonlyMap<EventName, Seen>>>();
  beforeAll(async () => {
    const left = [...LAB_MODES];
    // They wait most of the time.
    const lane = async (): Promise<void> => {
      for (let mode = left.shift(); mode !== undefined; mode = left.shift()) {
        const happening = happen(mode);
        seenBeside.set(mode.name, happening);
        await happening.catch(() => undefined);
      }
    };
    await Promise.all([lane(), lane()]);
  });

  describe.each(LAB_MODES)('in $name', ({ name: mode }) => {
    it.each(EVENTS)('%s: %s', async (event, expected) => {
      const { fault, account, atMs } = (await seenBeside.get(mode))?.get(event) as Seen;
      expect(fault).toBe('');
      if (expected === 'none lost') expect(account.lostText(atMs)).toBe('');
      else {
        expect(account.sentBetween(0, atMs - UNDER_WAY_MS).lostText(atMs)).toBe('');
        expect(account.sentBetween(atMs + BOUND_MS + SLACK_MS).lostText(atMs)).toBe('');
      }
      // A connection stays where it began.
      const last = account
        .sentBetween(Math.max(...account.queries.map(({ sentMs }) => sentMs)) - 200)
        .only(({ kind }) => kind.transport !== 'kept');
      const isRight = AFTERWARDS[event] === 'cluster' ? (by: string) => by === ANSWERED_BY.cluster : isOfCache;
      expect(last.only(({ outcome }) => !isRight(outcome)).text()).toBe('');
    });
  });
});
