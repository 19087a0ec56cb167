import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { useBindCapability } from './bind-capability.ts';

/** What the kernel says of a process with these sets. */
const status = (effective: string, permitted: string): string =>
  `Name:\tnode\nCapInh:\t0000000000000000\nCapPrm:\t${permitted}\nCapEff:\t${effective}\nCapBnd:\t000001ffffffffff\n`;
const NONE = '0000000000000000';
const BIND = '0000000000000400';

const setsOf = (): readonly string[] => readFileSync('/proc/thread-self/status', 'latin1').match(/^Cap.*$/gm) ?? [];

it.each([
  ['neither permitted nor used', status(NONE, NONE)],
  ['used already', status(BIND, BIND)],
  ['only other rights', status('0000000000001000', '0000000000001000')],
  ['a system that does not say', ''],
])('changes nothing of the process: %s', async (_, text) => {
  const before = setsOf();
  await useBindCapability(() => text);
  expect(setsOf()).toEqual(before);
});

it.skipIf(process.platform !== 'linux')(
  'says which call failed where the kernel does not agree, and changes nothing',
  async () => {
    const before = setsOf();
    // Nobody, not even root, may use what is not permitted.
    const pretended = status('0000000000001000', BIND);
    await expect(useBindCapability(() => pretended)).rejects.toMatchObject({ code: 'EPERM', syscall: 'capset' });
    expect(setsOf()).toEqual(before);
  },
);
