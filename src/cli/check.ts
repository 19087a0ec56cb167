import { faultsText } from '#corefile/diagnostics.ts';
import { fileFault, findCorefile } from './corefile-text.ts';
import { dryRun } from './dry-run.ts';
import { UsageError } from './flags.ts';
import type { CliIo } from './io.ts';

/** `cluster-dns check FILE`: prints every fault of a Corefile and starts nothing. Gives 0 where there is none, else 1. */
export const runCheck = async (args: readonly string[], io: CliIo): Promise<number> => {
  const [file, ...more] = args;
  if (file === undefined || more.length > 0) throw new UsageError('usage: cluster-dns check FILE');
  try {
    const corefile = await findCorefile(file, 53);
    const { faults, sources } = dryRun({ file: corefile.name, text: await corefile.read() });
    if (faults.warnings.length > 0) io.stderr(faultsText(faults.warnings, sources));
    if (faults.list.length > 0) {
      io.stderr(faultsText(faults.list, sources));
      return 1;
    }
    io.stdout(`${corefile.name}: OK\n`);
    return 0;
  } catch (error) {
    io.stderr(`loading Corefile: ${fileFault(file, error as NodeJS.ErrnoException)}\n`);
    return 1;
  }
};
