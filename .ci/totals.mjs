// Prints "passed failed skipped" of a vitest JSON report; a file that could not be loaded counts as failed.
import { readFileSync } from 'node:fs';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const brokenFiles = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
).length;
console.log(
  report.numPassedTests,
  report.numFailedTests + brokenFiles,
  report.numPendingTests + (report.numTodoTests ?? 0),
);
