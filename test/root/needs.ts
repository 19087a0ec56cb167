import { lacks } from '#test/command.ts';
import { startTestbed, type Testbed } from '#test/testbed.ts';

/** What of this a machine lacks, as a reason to skip, which is printed; '' where all is there. `root` means the user. */
export const missing = async (title: string, needs: readonly string[]): Promise<string> => {
  const commands = needs.filter((need) => need !== 'root');
  const absent = (await Promise.all(commands.map(lacks))).filter((name) => name !== '');
  const reasons = absent.length > 0 ? [`${absent.join(', ')} not installed`] : [];
  if (needs.includes('root') && process.getuid?.() !== 0) reasons.push('not root');
  return skipped(title, reasons.join('; '));
};

/** Prints why tests are skipped, if they are, and gives the reason back. */
export const skipped = (title: string, reason: string): string => {
  if (reason !== '') console.warn(`SKIPPED: ${title}: ${reason}`);
  return reason;
};

/** A title that tells why it is skipped. */
export const titled = (title: string, reason: string): string =>
  reason === '' ? title : `${title} (skipped: ${reason})`;

/** A real API server where the machine has what it needs; else the reason to skip, which is printed. `testbed` may only be touched without one. */
export const needTestbed = async (
  title: string,
  needs: readonly string[],
): Promise<{ readonly reason: string; readonly testbed: Testbed }> => {
  const none = undefined as unknown as Testbed;
  const reason = await missing(title, needs);
  if (reason !== '') return { reason, testbed: none };
  const started = await startTestbed();
  return 'skip' in started ? { reason: skipped(title, started.skip), testbed: none } : { reason: '', testbed: started };
};
