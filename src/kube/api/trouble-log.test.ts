import { describe, expect, it } from 'vitest';
import { Log } from '#log/log.ts';
import { CommonTrouble, TroubleLog } from './trouble-log.ts';

const recorded = (): { trouble: TroubleLog; other: TroubleLog; lines: string[] } => {
  const lines: string[] = [];
  const log = new Log({
    write: (level, _, message) => void lines.push(`${level}: ${message}`),
    flush: async () => undefined,
  });
  const common = new CommonTrouble();
  return { trouble: new TroubleLog(log, 'Services', common), other: new TroubleLog(log, 'Pods', common), lines };
};

describe('TroubleLog', () => {
  it('says each reason once until all is right again, and that once', () => {
    const { trouble, lines } = recorded();
    trouble.succeeded();
    for (const reason of ['refused', 'reset', 'refused', 'reset']) trouble.failed('watch', reason);
    trouble.succeeded();
    trouble.succeeded();
    trouble.failed('list', 'refused');
    expect(lines).toEqual([
      'warning: failed to watch Services: refused; what is known is still served, trying again',
      'warning: failed to watch Services: reset; what is known is still served, trying again',
      'info: watching Services again',
      'warning: failed to list Services: refused; what is known is still served, trying again',
    ]);
  });

  it('says what all kinds have in common once, and of each kind that it is right again', () => {
    const { trouble, other, lines } = recorded();
    trouble.failed('watch', 'refused', true);
    other.failed('watch', 'refused', true);
    other.failed('watch', 'forbidden');
    trouble.failed('watch', 'forbidden');
    other.succeeded();
    trouble.succeeded();
    other.failed('list', 'refused', true);
    expect(lines.map((line) => line.split(';')[0])).toEqual([
      'warning: failed to watch Services: refused',
      'warning: failed to watch Pods: forbidden',
      'warning: failed to watch Services: forbidden',
      'info: watching Pods again',
      'info: watching Services again',
      'warning: failed to list Pods: refused',
    ]);
  });

  it('does not fill the log with reasons that differ each time', () => {
    const { trouble, lines } = recorded();
    for (let i = 0; i < 1000; i++) trouble.failed('list', `reason ${i}`);
    expect(lines).toHaveLength(8);
  });

  it('keeps a reason to one line of a fair length', () => {
    const { trouble, lines } = recorded();
    trouble.failed('list', `a\r\n[INFO] forged\u001b[2J ${'x'.repeat(5000)}`);
    expect(lines[0]).toMatch(/^warning: failed to list Services: a \[INFO\] forged \[2J x{300,400}\.\.\.; /);
  });
});
