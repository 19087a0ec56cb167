import { readCheckArguments } from './check/arguments.ts';
import { type Checked, checkUnit } from './check/checked.ts';
import { compatibilityOf } from './check/compatibility.ts';
import { compatibilityText } from './check/compatibility-text.ts';
import { checkJson } from './check/json.ts';
import { readCheckInput } from './check/read-input.ts';
import { FaultPlaces } from './check/shown-fault.ts';
import type { CliIo } from './io.ts';

/**
 * `cluster-dns check FILE`: prints every fault of a Corefile, or of those in ConfigMaps, and starts nothing; with `--compat` line by line what becomes
 * of one of CoreDNS's. Gives 0 where nothing is wrong or missing, else 1.
 */
export const runCheck = async (args: readonly string[], io: CliIo): Promise<number> => {
  const { file, isCompat, output } = readCheckArguments(args);
  const { units, faults } = await readCheckInput(file);
  const checked = units.map((unit) => checkUnit(unit, isCompat));
  const isGood = faults.length === 0 && checked.every((one) => one.faults.length === 0);
  if (output === 'json') io.stdout(checkJson(checked, faults, { isGood, isCompat }));
  else {
    for (const fault of faults) io.stderr(`${fault}\n`);
    if (isCompat) io.stdout(checked.map((one) => compatibilityText(compatibilityOf(one))).join('\n'));
    else for (const one of checked) printChecked(one, io);
  }
  return isGood ? 0 : 1;
};

const printChecked = (checked: Checked, io: CliIo): void => {
  const places = new FaultPlaces(checked);
  for (const warning of checked.warnings) io.stderr(places.textOf(warning, true));
  for (const fault of checked.faults) io.stderr(places.textOf(fault));
  if (checked.faults.length === 0) io.stdout(`${places.name}: OK\n`);
};
