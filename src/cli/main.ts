#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { runCommand } from './commands.ts';
import { USAGE, UsageError } from './flags.ts';

// A query leaves little garbage and it dies at once: 4 MB of young generation cost no more CPU than the default 16 and 25 MB less memory
// (bench/load.ts with 5,000 Services).
setFlagsFromString('--semi-space-growth-factor=1');

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
