// What an API server may do to the server, one fault after the other: right answers meanwhile, what the log says, and when the next
// change is seen. The same faults as in test/root/api-faults.test.ts, but they last.
//
//   node bench/run.mjs api-faults --testbed DIR --away 120
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startTestbed } from '#test/testbed.ts';
import { FAULTS, type Fault } from '../test/root/api-faults/faults.ts';
import { type Account, meet } from '../test/root/api-faults/meet.ts';
import { Stage } from '../test/root/api-faults/stage.ts';
import { missing } from '../test/root/needs.ts';

const { values } = parseArgs({
  options: {
    testbed: { type: 'string' },
    away: { type: 'string', default: '120' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    services: { type: 'string', default: '1000' },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
  },
});
if (values.testbed === undefined) throw new Error('needs --testbed DIR');

const seconds = (ms: number): string => (ms / 1000).toFixed(2);
const rowOf = ({ title, answered, faults, lists, backAfterMs, changeAfterMs, staleDuring }: Account): string => {
  const stale = Math.max(...Object.values(staleDuring)).toFixed(1);
  const cells = [
    title,
    answered,
    faults.length === 0 ? 'yes' : 'NO',
    stale,
    lists,
    seconds(backAfterMs),
    seconds(changeAfterMs),
  ];
  return `| ${cells.join(' | ')} |`;
};

const testbed = await startTestbed('', resolve(values.testbed));
if ('skip' in testbed) throw new Error(testbed.skip);
let stage: Stage | null = null;
try {
  if (values.services !== '0') await testbed.load(Number(values.services), 2);
  stage = await Stage.set(testbed, resolve(values.program));
  const accounts: Account[] = [];
  const canLosePackets = (await missing('lost packets', ['root', 'nft'])) === '';
  const isWanted = ({ title, isSlow }: Fault): boolean => title.includes(values.only) && (!isSlow || canLosePackets);
  for (const fault of FAULTS.filter(isWanted)) {
    const lastsMs = Number(fault.isLong ? values.away : values.seconds) * 1000;
    const account = await meet(fault, stage, { lastsMs });
    accounts.push(account);
    console.log(
      `${account.title}\n${[...account.faults.map((one) => `WRONG ${one}`), ...account.lines].map((line) => `  ${line}`).join('\n')}`,
    );
  }
  console.log(
    '\n| fault | answers during it | all right, and ready | s out of step | lists | s back, change included | s to see the next change |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const account of accounts) console.log(rowOf(account));
} finally {
  await stage?.strike();
  await testbed.stop();
}
