import { Answer } from '#plugin/index.ts';
import { testQuery } from '#plugin/testing.ts';
import bufsize from '#plugins/bufsize/index.ts';
import type { Adapter } from '../adapter.ts';
import { checkSetup, differs, type Row, replayTables } from '../row-checks.ts';

const checks = {
  TestSetupBufsize: ({ input, shouldErr, expectedData }: Row) => {
    // The prefix with the plugin's name is put in front where faults are printed.
    const verdict = checkSetup(bufsize, input as string, shouldErr as boolean);
    if (verdict === null || typeof verdict === 'string' || 'notApplicable' in verdict) return verdict;
    const edns = { udpSize: 65_535, version: 0, isDnssecOk: false, options: [] };
    const query = testQuery('example.org.', 'A', { edns });
    verdict.instance?.handle?.(query, () => new Answer({}));
    return differs(query.request.edns?.udpSize, expectedData);
  },
};

const adapter: Adapter = {
  files: ['bufsize-setup.json'],
  replay: (file, data) => replayTables(file, data, checks),
};
export default adapter;
