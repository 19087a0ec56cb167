import multisocket from '#plugins/multisocket/index.ts';
import { readCpuFacts, usableCpus } from '#server/listeners/thread-count.ts';
import type { Adapter } from '../adapter.ts';
import { checkSetup, differs, type Row, replayTables } from '../row-checks.ts';

const checks = {
  TestMultisocket: ({ input, shouldErr, expectedNumSockets, expectedErrContent }: Row) => {
    const stanza = (input as string).trim();
    if (stanza === 'multisocket' && usableCpus(readCpuFacts()) !== expectedNumSockets)
      return { notApplicable: 'the row counts the CPUs of the machine that it was taken on' };
    const verdict = checkSetup(multisocket, stanza, shouldErr as boolean, expectedErrContent as string);
    if (verdict === null || typeof verdict === 'string' || 'notApplicable' in verdict) return verdict;
    return differs(verdict.block.settings.socketCount, expectedNumSockets);
  },
};

const adapter: Adapter = {
  files: ['multisocket.json'],
  replay: (file, data) => replayTables(file, data, checks),
};
export default adapter;
