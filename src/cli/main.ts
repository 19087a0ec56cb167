import { setFlagsFromString } from 'node:v8';
import { runCommand } from './commands.ts';
import { USAGE, UsageError } from './flags.ts';
import { yieldToQueries } from './helper-threads.ts';

// The young generation stays at its first size: what a query leaves dies at once, and 1 MB costs 30 MB less memory than V8's own growth for no CPU
// that can be seen with repeated names (bench/results/2026-11-21-dgram.md). A thread that starts sets V8's own factor again (Heap::ConfigureHeap knows none
// below 2), for the whole process; without this 10,000 names asked once take 30 MB more.
const keepYoungGenerationSmall = (): void => setFlagsFromString('--semi-space-growth-factor=1');
keepYoungGenerationSmall();
process.on('worker', (worker) => worker.once('online', keepYoungGenerationSmall));
// Between two collections the heap may grow by half, less than V8's own choice: a flood of names that were never asked for leaves 50 MB less behind it
// (20,000 Services, 40,000 names asked three times). By a fifth it would be 15 MB less again, and every collection delays those that miss.
setFlagsFromString('--heap-growing-percent=50');
yieldToQueries();

/** Where a subcommand writes. */
const io = {
  stdout: (text: string): void => void process.stdout.write(text),
  stderr: (text: string): void => void process.stderr.write(text),
};

runCommand(process.argv.slice(2), io).then(
  // All that matters has been flushed and closed by now; nothing that is left may keep the process.
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    if (error instanceof UsageError) {
      io.stderr(error.message === '' ? USAGE : `${error.message}\n${USAGE}`);
      process.exitCode = error.exitCode;
      return;
    }
    io.stderr(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  },
);
