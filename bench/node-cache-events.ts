import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { KUBE_DNS, LOCAL_DNS } from '#test/node-lab/cluster.ts';
import { CacheEvents, type Seen } from '#test/node-lab/events.ts';
import { NodeLab } from '#test/node-lab/node-lab.ts';
import { eventTable } from '#test/node-lab/table.ts';
import { LAB_MODES } from '#test/packet-lab/modes.ts';

const { values } = parseArgs({
  options: {
    command: { type: 'string', default: '' },
    args: { type: 'string', default: '' },
    mode: { type: 'string', default: 'iptables-nft' },
    rate: { type: 'string', default: '200' },
    away: { type: 'string', default: '10,60' },
    patience: { type: 'string', default: '20' },
    only: { type: 'string', default: '' },
    'given-link': { type: 'boolean', default: false },
  },
});

const words = (text: string): readonly string[] => text.split(' ').filter((word) => word !== '');

const main = async (): Promise<void> => {
  const mode = LAB_MODES.find(({ name }) => name === values.mode);
  if (mode === undefined) throw new Error(`--mode: one of ${LAB_MODES.map(({ name }) => name).join(', ')}`);
  const lab = await NodeLab.open(mode);
  const command = words(values.command);
  const hasGivenLink = values['given-link'];
  if (hasGivenLink) {
    await lab.run('ip', 'link', 'add', 'nodelocaldns', 'type', 'bridge');
    for (const address of [LOCAL_DNS[4], KUBE_DNS[4]])
      await lab.run('ip', 'address', 'add', `${address}/32`, 'dev', 'nodelocaldns');
  }
  const cacheOptions = {
    args: [...(hasGivenLink ? ['-setupinterface=false'] : []), ...words(values.args)],
    ...(command.length === 0 ? {} : { command, template: 'plain' as const }),
  };
  const events = new CacheEvents(lab, cacheOptions, {
    load: { perSecond: Number(values.rate) },
    marginMs: 1000,
    patienceMs: Number(values.patience) * 1000,
  });
  const isOurs = command.length === 0;
  const all: readonly (readonly [string, () => Promise<Seen | readonly Seen[]>])[] = [
    ['start', () => events.firstStart()],
    ['kill', () => events.kill()],
    ['restart', () => events.restart()],
    ['hang', () => events.hang()],
    ['resume', () => events.resume()],
    // Made by a module of Node.js.
    ...(isOurs ? [['busy', () => events.busy()] as const] : []),
    ...(hasGivenLink
      ? []
      : [['addresses', () => events.removeAddresses()] as const, ['link', () => events.removeLink()] as const]),
    ['rules', () => events.flushRules()],
    ['stub', () => events.addStubDomain()],
    ...values.away
      .split(',')
      .flatMap((seconds) =>
        (['SIGSTOP', 'SIGKILL'] as const).map(
          (how) => ['away', () => events.clusterAway(Number(seconds), how)] as const,
        ),
      ),
    ['update', () => events.update()],
    ['handover', () => events.handOver()],
    ['stop', () => events.stop()],
  ];
  const wanted = values.only === '' ? null : new Set(['start', ...values.only.split(',')]);
  try {
    const seen: Seen[] = [];
    for (const [title, happen] of all) {
      if (wanted !== null && !wanted.has(title)) continue;
      const one = [await happen()].flat();
      seen.push(...one);
      for (const { event, account, fault } of one) console.error(`${event}\n${account.text()}\n${fault}`);
      await delay(1000);
    }
    console.log(
      `${command.join(' ') || 'ours'} beside ${mode.name}, ${values.rate} queries a second from the Pod and from the node each: lost of sent over UDP, TCP, kept TCP\n`,
    );
    console.log(eventTable(seen));
  } finally {
    await events.close();
    await lab.close();
  }
};

await main();
