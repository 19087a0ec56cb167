import { describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from '#dns/decode.ts';
import { encodeMessage } from '#dns/encode.ts';
import { MessageView } from '#dns/message-view.ts';
import { type WireName, wireNameFromText } from '#dns/name.ts';
import { addressRecord, type ResourceRecord } from '#dns/record.ts';
import { recordFromText, recordToText } from '#dns/record-text.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { Generations, Provenance } from '#plugin/index.ts';
import { AnswerMemory } from './memory.ts';
import { recordOf } from './record.ts';
import { repeatableReply } from './repeatable-reply.ts';

interface Ask {
  readonly name?: string;
  readonly type?: number;
  readonly id?: number;
  readonly flags?: number;
  readonly udpSize?: number;
  readonly isDnssecOk?: boolean;
}

const question = (ask: Ask): { name: WireName; type: number; class: number } => ({
  name: wireNameFromText(ask.name ?? 'web.default.svc.cluster.local.'),
  type: ask.type ?? RR_TYPE.A,
  class: CLASS.IN,
});
const optOf = (ask: Ask) =>
  ask.udpSize === undefined ? null : { udpSize: ask.udpSize, isDnssecOk: ask.isDnssecOk ?? false, options: [] };
const NOTHING = { answer: [], authority: [], additional: [] };
const query = (ask: Ask): Buffer =>
  encodeMessage(
    {
      id: ask.id ?? 7,
      flags: ask.flags ?? 0x0100,
      opcode: 0,
      rcode: 0,
      question: question(ask),
      ...NOTHING,
      opt: optOf(ask),
    },
    65_535,
  );
const reply = (ask: Ask, ttl = 30, count = 1): Buffer => {
  const { name } = question(ask);
  const answer = Array.from({ length: count }, (_, i) => addressRecord(name, ttl, Uint8Array.of(10, 0, 0, i + 1)));
  return encodeMessage(
    { id: 7, flags: 0x8500, opcode: 0, rcode: 0, question: question(ask), ...NOTHING, answer, opt: optOf(ask) },
    65_535,
  );
};

const setUp = (maxOctets = 1_000_000) => {
  const generations = new Generations();
  let now = 10_000;
  const sheet = new Float64Array(16);
  const memory = new AnswerMemory({
    generations,
    random: () => 0,
    maxOctets,
    sheet,
  });
  const view = new MessageView(42);
  return {
    generations,
    memory,
    sheet,
    advance: (ms: number) => {
      now += ms;
    },
    keep: (ask: Ask, message: Buffer, change: (provenance: Provenance) => void = () => undefined, isTcp = false) => {
      const provenance = new Provenance(generations);
      change(provenance);
      const asked = query(ask);
      expect(view.read(asked, asked.length, false, isTcp)).toBe(true);
      const reply = repeatableReply(view, message, provenance);
      if (reply !== null) memory.remember(recordOf(reply), 0);
    },
    recall: (ask: Ask, isIPv6 = false, isTcp = false): Message | null => {
      const asked = query(ask);
      const found = view.read(asked, asked.length, isIPv6, isTcp) ? memory.find(view, now) : -1;
      if (found < 0) return null;
      // Not at the start of the octets, as a batch writes it.
      const out = Buffer.alloc(100 + memory.lengthAt(found));
      memory.write(found, view, now, out, 100);
      return decodeMessage(out.subarray(100)) as Message;
    },
  };
};

describe('the answer memory', () => {
  it('gives the reply with the ID, RD and spelling of the query', () => {
    const { keep, recall } = setUp();
    keep({}, reply({}));
    const known = recall({ name: 'WEB.default.svc.cluster.LOCAL.', id: 999, flags: 0 });
    expect(known).toMatchObject({ id: 999, flags: 0x8400 });
    expect(known?.questions[0]?.name).toBe(wireNameFromText('WEB.default.svc.cluster.LOCAL.'));
    expect(known?.answer[0]?.owner).toBe(wireNameFromText('WEB.default.svc.cluster.LOCAL.'));
  });

  it('keeps apart type, DO, CD, AD, OPT and address family', () => {
    const { keep, recall } = setUp();
    keep({ udpSize: 1232 }, reply({ udpSize: 1232 }));
    expect(recall({ udpSize: 1232 })).not.toBeNull();
    expect(recall({ udpSize: 4096 })?.edns?.udpSize).toBe(4096);
    for (const other of [
      {},
      { udpSize: 1232, isDnssecOk: true },
      { udpSize: 1232, flags: 0x0110 },
      { udpSize: 1232, flags: 0x0120 },
      { udpSize: 1232, type: 97 },
      { udpSize: 1232, type: RR_TYPE.HTTPS },
    ])
      expect(recall(other)).toBeNull();
    expect(recall({ udpSize: 1232 }, true)).toBeNull();
  });

  it('does not fold the type: HTTPS (65) is not type 97', () => {
    const { keep, recall } = setUp();
    keep({ type: 97 }, reply({ type: 97 }));
    expect(recall({ type: 65 })).toBeNull();
  });

  it('forgets when what the reply was made from changes, and only then', () => {
    const { generations, keep, recall } = setUp();
    keep({}, reply({}), (provenance) => provenance.dependOn(5));
    generations.bump(6);
    expect(recall({})).not.toBeNull();
    generations.bump(5);
    expect(recall({})).toBeNull();
  });

  it('never uses a reply that was on its way while its data changed', () => {
    const { generations, keep, recall } = setUp();
    keep({}, reply({}), (provenance) => {
      provenance.dependOn(5);
      generations.bump(5);
    });
    expect(recall({})).toBeNull();
  });

  it('counts TTLs down from the birth of what it repeats and ends with it', () => {
    const { advance, keep, recall } = setUp();
    keep({}, reply({}, 28), (provenance) => {
      provenance.bornAtMs = 8500;
      provenance.agedSeconds = 1;
      provenance.repeatableUntilMs = 18_000;
    });
    expect(recall({})?.answer[0]?.ttl).toBe(28);
    advance(499);
    expect(recall({})?.answer[0]?.ttl).toBe(28);
    advance(1);
    expect(recall({})?.answer[0]?.ttl).toBe(27);
    advance(7499);
    expect(recall({})?.answer[0]?.ttl).toBe(20);
    advance(1);
    expect(recall({})).toBeNull();
  });

  it('leaves TTLs alone where nothing ages', () => {
    const { advance, keep, recall } = setUp();
    keep({}, reply({}, 30));
    advance(3_600_000);
    expect(recall({})?.answer[0]?.ttl).toBe(30);
  });

  it('leaves a reply larger than the client takes to the slow path, except over TCP', () => {
    const { keep, recall } = setUp();
    keep({}, reply({}, 30, 60));
    expect(recall({})).toBeNull();
    keep({}, reply({}, 30, 60), undefined, true);
    expect(recall({}, false, true)?.answer).toHaveLength(60);
  });

  it('changes the order of addresses where a reply rotates', () => {
    const { keep, recall } = setUp();
    const order = (message: Message | null) => message?.answer.map(({ rdata }) => rdata[3]);
    keep({}, reply({}, 30, 3));
    expect(order(recall({}))).toEqual([1, 2, 3]);
    keep({}, reply({}, 30, 3), (provenance) => {
      provenance.isRotated = true;
    });
    expect(order(recall({}))).toEqual([2, 3, 1]);
  });

  it('counts as the chain would, once a reply', () => {
    const { keep, recall, sheet } = setUp();
    keep({}, reply({}), (provenance) =>
      provenance.tallies.push({
        note: ({ requestOctets }, into) => {
          into.add(3, 1);
          into.add(5, requestOctets);
        },
      }),
    );
    recall({});
    recall({});
    recall({ type: RR_TYPE.AAAA });
    expect([...sheet.slice(0, 8)]).toEqual([0, 0, 0, 2, 0, 94, 0, 0]);
  });

  it('does not keep what there is no room left to count', () => {
    const { keep, recall } = setUp();
    keep({}, reply({}), (provenance) => provenance.tallies.push({ note: (_query, into) => into.add(-1, 1) }));
    expect(recall({})).toBeNull();
  });

  it('puts the serial of the moment into an SOA that follows one', () => {
    const { keep, recall, generations } = setUp();
    const soa = recordFromText('default. 5 IN SOA ns.default. root.default. 1 2 3 4 5');
    const place = generations.allocateValue();
    const negative = encodeMessage(
      { id: 7, flags: 0x8500, opcode: 0, rcode: 3, question: question({}), ...NOTHING, authority: [soa], opt: null },
      65_535,
    );
    keep({}, negative, (provenance) => {
      provenance.serialValue = place;
    });
    const serialOf = (message: Message | null) =>
      recordToText(message?.authority[0] as ResourceRecord)
        .split(' ')
        .at(6);
    for (const serial of [0, 1_800_000_000, 4_000_000_000]) {
      generations.setValue(place, serial);
      expect(serialOf(recall({}))).toBe(String(serial));
    }
  });

  it('does not let one name in many spellings grow a long chain', () => {
    const { keep, memory, recall } = setUp();
    const spelled = (i: number) => [...'abcdefgh'].map((c, bit) => ((i >> bit) & 1 ? c.toUpperCase() : c)).join('');
    for (let i = 0; i < 200; i++)
      keep({ name: `${spelled(i)}.` }, reply({ name: `${spelled(i)}.` }), (provenance) => {
        provenance.isSpellingBound = true;
      });
    expect(memory.counts.evicted).toBe(0);
    const kept = Array.from({ length: 200 }, (_, i) => recall({ name: `${spelled(i)}.` })).filter(
      (message) => message !== null,
    );
    expect(kept).toHaveLength(16);
    expect(recall({ name: `${spelled(199)}.` })).not.toBeNull();
  });

  it('stays within its octets and keeps what is asked for', () => {
    const { keep, memory, recall } = setUp(20_000);
    keep({ name: 'kept.' }, reply({ name: 'kept.' }));
    for (let i = 0; i < 500; i++) {
      keep({ name: `n${i}.` }, reply({ name: `n${i}.` }));
      expect(memory.octets).toBeLessThanOrEqual(20_000);
      expect(recall({ name: 'kept.' })).not.toBeNull();
    }
    expect(memory.counts.evicted).toBeGreaterThan(300);
  });

  it('replaces a reply to the same question', () => {
    const { keep, memory, recall } = setUp();
    keep({}, reply({}, 30));
    const { octets } = memory;
    keep({}, reply({}, 10));
    expect(memory.octets).toBe(octets);
    expect(recall({})?.answer[0]?.ttl).toBe(10);
  });
});
