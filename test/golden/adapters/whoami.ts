/** `whoami`: owner names and address family of what it tells. */
import { textFromName } from '#dns/name.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { testQuery } from '#plugin/testing.ts';
import { whoami } from '#plugins/whoami/whoami.ts';
import type { Adapter } from '../adapter.ts';
import { differs, type Row, replayTables } from '../row-checks.ts';

const checks = {
  TestWhoami: ({ qname, qtype, remote, expectedCode, expectedReply }: Row) => {
    const address = remote === '' ? '10.240.0.1' : (remote as string).replace(/\/.*$/, '');
    const reply = whoami(testQuery(qname as string, qtype as string, { address }));
    const type = address.includes(':') ? RR_TYPE.AAAA : RR_TYPE.A;
    return differs(
      [reply.rcode, reply.additional.map(({ owner }) => textFromName(owner)), reply.additional[0]?.type],
      [expectedCode, expectedReply, type],
    );
  },
};

const adapter: Adapter = {
  files: ['whoami.json'],
  replay: (file, data) => replayTables(file, data, checks),
};
export default adapter;
